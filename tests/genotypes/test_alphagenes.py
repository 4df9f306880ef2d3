from pathlib import Path

import pytest

from errors import Code, TesseraError
from genotypes.alphagenes import AlphaGenesReader, looks_like_alphagenes

MAP = "1 a 0 100\n2 b 0 50\n1 c 0.5 900\n"


def read(tmp_path: Path, text: str, sites: str = MAP) -> AlphaGenesReader:
    (tmp_path / "g.txt").write_text(text)
    (tmp_path / "m.map").write_text(sites)
    return AlphaGenesReader(tmp_path / "g.txt", tmp_path / "m.map")


def test_loci_go_to_their_chromosomes(tmp_path):
    reader = read(tmp_path, "x 0 1 2\n y 9 2 1\n\n")
    assert reader.samples == ["x", "y"]
    first, second = list(reader)
    assert (first.sites.chrom, first.sites.pos.tolist(), first.sites.id.tolist()) == ("1", [100, 900], ["a", "c"])
    assert first.codes.tolist() == [[0, -1], [2, 1]]
    assert (second.sites.chrom, second.codes.tolist()) == ("2", [[1, 2]])
    assert set(zip(first.sites.ref, first.sites.alt, strict=True)) == {("N", "<B>")}


def test_a_bim_gives_the_alleles(tmp_path):
    (block,) = read(tmp_path, "x 2\n", "3 s 0 7 a G\n")
    assert (block.sites.ref[0], block.sites.alt[0]) == ("G", "A")


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("x 0 1 2\ny 0 1\n", Code.malformed_record, 2),
        ("x 0 1 3\n", Code.malformed_record, 1),
        ("x 0 1 2\nx 0 1 2\n", Code.duplicate_samples, None),
        ("\n", Code.header_only, None),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, code, line):
    with pytest.raises(TesseraError) as caught:
        read(tmp_path, text)
    assert caught.value.code is code
    assert caught.value.details.get("line") == line


def test_a_site_list_of_another_form_is_refused(tmp_path):
    with pytest.raises(TesseraError) as caught:
        read(tmp_path, "x 0\n", "1 a 0.5\n")
    assert caught.value.details["line"] == 1


@pytest.mark.parametrize(("head", "is_one"), [(b"a1 0 1 9 2", True), (b"##fileformat=VCFv4.3\n", False), (b"a", False)])
def test_the_form_is_told_from_the_first_line(head, is_one):
    assert looks_like_alphagenes(head) is is_one
