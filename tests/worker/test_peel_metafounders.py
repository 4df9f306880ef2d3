"""Metafounders from files to files: frequencies beside the result, a note, and the same animals as ever."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pysam
import pytest

from errors import Code, TesseraError
from tests.reference.peeling_exact import Parents
from tests.support.pedigrees import drop
from worker.pipeline.peel_folder import PeelOptions
from worker.pipeline.peel_run import PeelOffline, PeelOfflineDone, peel_offline

LOCI = 50
PARENTS: Parents = [(None, None)] * 16 + [(k % 8, 8 + (k + k // 8) % 8) for k in range(24)] + [(16, None)] * 4
NAMES = [f"a{row}" for row in range(len(PARENTS))]


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight founders of each breed, whose loci are almost fixed for the other allele, crosses and calves of one."""
    folder = tmp_path_factory.mktemp("breeds")
    rng = np.random.default_rng(8)
    founders = rng.random((36, LOCI)) < np.repeat([0.05, 0.95, 0.95], [16, 16, 4])[:, None]
    haps = drop(rng, PARENTS, founders.astype(np.int8), 0.01)
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=1>", '##FORMAT=<ID=GT,Number=1,Type=String,Description="GT">']
    lines.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *NAMES[4:]]))
    for site in range(LOCI):
        cells = ["/".join(map(str, sorted(one))) for one in haps[4:, :, site].tolist()]
        lines.append("\t".join(["1", str(1 + site * 500_000), f"s{site}", "A", "C", ".", ".", ".", "GT", *cells]))
    (folder / "in.vcf").write_text("\n".join(lines) + "\n")
    rows = []
    for row, (sire, dam) in enumerate(PARENTS):
        group = "MF_cow" if row >= 8 else "MF_zebu"
        rows.append(" ".join([NAMES[row], *(group if one is None else NAMES[one] for one in (sire, dam))]))
    (folder / "p.txt").write_text("\n".join(rows) + "\n")
    return folder


def peel(family: Path, out: Path, pedigree: str = "p.txt", frequencies: Path | None = None) -> PeelOfflineDone:
    offline = PeelOffline(PeelOptions(cycles=4, segregation=True), frequencies=frequencies)
    return peel_offline([family / "in.vcf"], family / pedigree, out, offline)


def test_frequencies_of_groups_lie_beside_the_result(family: Path, tmp_path: Path) -> None:
    done = peel(family, tmp_path / "out.vcf.gz")
    assert done.qc["pedigree"]["metafounders"] == {"MF_1": 0, "MF_cow": 20, "MF_zebu": 16}
    (note,) = [note for note in done.qc["notes"] if note["code"] == "metafounders"]
    assert "MF_cow 20" in note["message"]
    (path,) = [path for path in done.files if "frequencies" in path.name]
    assert path.name == "out.frequencies.tsv.gz"
    with gzip.open(path, "rt") as file:
        head, *rows = [line.split() for line in file]
    assert head == ["CHROM", "POS", "ID", "REF", "ALT", "MF_1", "MF_cow", "MF_zebu"]
    assert len(rows) == LOCI
    cow, zebu = np.array([row[6:] for row in rows], float).T
    assert cow.mean() > 0.85
    assert zebu.mean() < 0.15
    with pysam.VariantFile(str(tmp_path / "out.vcf.gz")) as file:
        assert list(file.header.samples) == NAMES
        records = list(file)
    # Nothing but its group tells of the calves' dams: what they hand on is a cow's.
    calf = np.array([record.samples["a40"]["GT"][1] for record in records])
    assert calf.mean() > 0.85


def test_one_group_is_none(family: Path, tmp_path: Path) -> None:
    text = (family / "p.txt").read_text()
    (family / "main.txt").write_text(text.replace("MF_cow", "MF_1").replace("MF_zebu", "MF_1"))
    (family / "none.txt").write_text(text.replace("MF_cow", "0").replace("MF_zebu", "."))
    one, other = (peel(family, tmp_path / f"{name}.vcf.gz", f"{name}.txt") for name in ("main", "none"))
    assert one.qc["pedigree"]["metafounders"] == {}
    assert not [path for path in one.files if "frequencies" in path.name]
    texts = [[line for line in gzip.decompress(done.files[0].read_bytes()).splitlines() if line[:2] != b"##"]
             for done in (one, other)]  # fmt: skip
    assert texts[0] == texts[1]


def test_a_group_with_parents_is_refused(family: Path, tmp_path: Path) -> None:
    (family / "bad.txt").write_text((family / "p.txt").read_text() + "MF_cow a1 0\n")
    with pytest.raises(TesseraError, match="Line 45") as error:
        peel(family, tmp_path / "x.vcf.gz", "bad.txt")
    assert error.value.code is Code.pedigree_invalid


def test_known_frequencies_are_kept_and_others_learned(family: Path, tmp_path: Path) -> None:
    """A table in the form of the result: half of the sites, one with its alleles exchanged, one group left open."""
    lines = ["CHROM\tPOS\tID\tREF\tALT\tMF_zebu\tMF_cow"]
    for site in range(0, LOCI, 2):
        alleles, value = ("C\tA", 0.75) if site == 4 else ("A\tC", 0.25)
        lines.append(f"chr1\t{1 + site * 500_000}\t.\t{alleles}\t{value}\t.")
    (tmp_path / "known.tsv").write_text("\n".join(lines) + "\n")
    done = peel(family, tmp_path / "out.vcf.gz", frequencies=tmp_path / "known.tsv")
    (path,) = [path for path in done.files if "frequencies" in path.name]
    with gzip.open(path, "rt") as file:
        rows = np.array([line.split()[6:] for line in file][1:], float)
    assert rows[::2, 1].tolist() == [0.25] * (LOCI // 2)
    assert rows[1::2, 1].mean() < 0.15
    assert rows[:, 0].mean() > 0.85
    (note,) = [note for note in done.qc["notes"] if note["code"] == "frequencies_learned"]
    assert (note["count"], note["chromosome"]) == (LOCI // 2, "1")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("CHROM\tPOS\tREF\tMF_cow\n", 1, "lacks ALT"),
        ("CHROM\tPOS\tREF\tALT\tMF_yak\n", 1, "none of the pedigree's groups"),
        ("CHROM\tPOS\tREF\tALT\tMF_cow\n1\t5\tA\tC\t1.5\n", 2, "no frequency"),
        ("CHROM\tPOS\tREF\tALT\tMF_cow\n1\tx\tA\tC\t1\n", 2, "no position"),
        ("CHROM\tPOS\tREF\tALT\tMF_cow\n1\t5\tA\n", 2, "3 columns"),
        ("CHROM\tPOS\tREF\tALT\tMF_cow\n", None, "no site"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(
    family: Path, tmp_path: Path, text: str, line: int | None, words: str
) -> None:
    (tmp_path / "f.tsv").write_text(text)
    with pytest.raises(TesseraError, match=words) as error:
        peel(family, tmp_path / "x.vcf.gz", frequencies=tmp_path / "f.tsv")
    assert error.value.code is Code.frequencies_invalid
    assert error.value.details == {"file": "f.tsv"} | ({} if line is None else {"line": line})


def test_a_pedigree_without_groups_has_no_frequencies(family: Path, tmp_path: Path) -> None:
    (tmp_path / "f.tsv").write_text("CHROM\tPOS\tREF\tALT\tMF_1\n1\t1\tA\tC\t.5\n")
    (family / "plain.txt").write_text("a40 a16 0\n")
    with pytest.raises(TesseraError, match="names no groups"):
        peel(family, tmp_path / "x.vcf.gz", "plain.txt", tmp_path / "f.tsv")
