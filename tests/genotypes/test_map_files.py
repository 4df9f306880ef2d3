"""Genetic maps as people have them: layouts, several chromosomes and files, and what is refused with its line."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from errors import Code, TesseraError
from genotypes.map_files import GeneticMaps
from genotypes.map_text import check_map_head, contig_of_name
from genotypes.maps import GeneticMap

AT = np.array([1_000_000, 1_500_000, 3_000_000])
PLINK = "20 a 1.0 1000000\n20 b 3.0 2000000\n20 c 3.5 4000000\n"
LAYOUTS = {
    "m.map": PLINK,
    "m.tsv": "pos\tchr\tcM\n1000000\t20\t1.0\n2000000\t20\t3.0\n4000000\t20\t3.5\n",
    "hapmap.txt": "Chromosome\tPosition(bp)\tRate(cM/Mb)\tMap(cM)\n"
    "chr20\t1000000\t2\t1.0\nchr20\t2000000\t.25\t3.0\nchr20\t4000000\t0\t3.5\n",
    "genetic_map_chr20_b37.txt": "position COMBINED_rate(cM/Mb) Genetic_Map(cM)\n1000000 2 1.0\n2000000 .25 3.0\n"
    "4000000 0 3.5\n",
    "m.csv": '"chr","cM","pos"\n20,1.0,1000000\n020,3.0,2000000\n20,3.5,4000000\n'.replace("020", "20"),
    "windows.map": "\ufeff" + PLINK.replace("\n", "\r\n"),
}


def read(folder: Path, **files: str) -> GeneticMaps:
    for name, text in files.items():
        (folder / name).write_text(text)
    return GeneticMaps.read([(folder / name, name) for name in files])


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_reads_the_same(tmp_path: Path, name: str) -> None:
    check_map_head(LAYOUTS[name].encode())
    maps = read(tmp_path, **{name: LAYOUTS[name]})
    assert list(maps.maps) == ["20"]
    scale, source = maps.maps["20"]
    assert scale.cm(AT).tolist() == pytest.approx([1.0, 2.0, 3.25])
    assert source == name
    assert GeneticMap.read(tmp_path / name, "20").cm(AT).tolist() == scale.cm(AT).tolist()


def test_one_file_or_several_of_all_chromosomes(tmp_path: Path) -> None:
    both = PLINK + "chr1 x 0 100\nchr1 y 2 1000000\n"
    (tmp_path / "all.map.gz").write_bytes(gzip.compress(both.encode()))
    check_map_head((tmp_path / "all.map.gz").read_bytes())
    one = GeneticMaps.read([(tmp_path / "all.map.gz", "all.map.gz")])
    two = read(tmp_path, a=PLINK, b=both[len(PLINK) :])
    assert set(one.maps) == set(two.maps) == {"20", "1"}
    one.save(tmp_path / "kept.npz")
    kept = GeneticMaps.load(tmp_path / "kept.npz")
    assert [name for _, name in two.maps.values()] == ["a", "b"]
    for name, (scale, file) in kept.maps.items():
        assert file == "all.map.gz"
        assert scale.cm(AT).tolist() == one.maps[name][0].cm(AT).tolist() == two.maps[name][0].cm(AT).tolist()
    assert kept.find("2") is None


def test_the_regions_of_x_become_one_map(tmp_path: Path) -> None:
    """Published maps of X are three files, each from 0 cM; 23 is X in people alone."""
    text = "position rate Genetic_Map(cM)\n{0} 1 0\n{1} 1 2\n"
    files = {"map_chrX_nonPAR.txt": text.format(3_000_000, 5_000_000), "map_chrX_par1.txt": text.format(1, 2_000_000)}
    scale, _ = read(tmp_path, **files).maps["X"]
    assert scale.cm(np.array([1, 2_000_000, 3_000_000, 5_000_000])).tolist() == [0, 2, 3, 5]
    cattle = read(tmp_path, m=PLINK.replace("20 ", "23 "))
    assert cattle.find("X", "GRCh38") is not None
    assert cattle.find("X", "ARS1") is cattle.find("X") is None
    assert cattle.find("23", "ARS1") is not None


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("pos chr cM\n1 20 0\n5 20 x\n", 3, "'x' is no number"),
        ("pos chr cM\n1 20 nan\n", 2, "no number"),
        ("1 2 3\n", 1, "3 columns"),
        (PLINK + "20 d 3.5\n", 4, "fewer"),
        (PLINK + "20 d 3.4 5000000\n", 4, "backwards"),
        ("20 a 0 1\n20 b 0 2\n", None, "no genetic distances"),
        ("20 a 0 1\n20 b .5 50000001\n", None, "Morgans"),
        ("pos chr cM\n", None, "no line"),
        ("pos cM\n1 2\n", None, "no column of chromosomes"),
        ("\0\0\n", 1, "no text"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, line: int | None, words: str) -> None:
    with pytest.raises(TesseraError, match=words) as caught:
        read(tmp_path, **{"m.txt": text})
    error = caught.value
    assert (error.code, error.field) == (Code.map_invalid, "map")
    assert error.details == {"file": "m.txt"} | ({} if line is None else {"line": line})


def test_a_chromosome_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TesseraError, match="once more"):
        read(tmp_path, a=PLINK, b=PLINK)


def test_the_first_lines_tell_before_the_file_is_whole() -> None:
    check_map_head(PLINK.encode() + b"20 d")
    for head in (b"##fileformat=VCFv4.2\nnot a map\n", b"chr pos rate map more\nx\n"):
        with pytest.raises(TesseraError) as caught:
            check_map_head(head)
        assert caught.value.code is Code.map_invalid
    with pytest.raises(TesseraError) as caught:
        check_map_head(b" \n")
    assert caught.value.code is Code.empty_file


def test_the_chromosome_in_a_name() -> None:
    names = ["map_chr20_b37.txt", "CHR7.gmap.gz", "chrX_PAR1.txt", "genetic_map_GRCh37_chr2.txt", "chr.txt", "herd.map"]
    assert [contig_of_name(name) for name in names] == ["20", "7", "X_PAR1", "2", "", ""]
