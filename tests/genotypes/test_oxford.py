"""A BGEN's .sample table: read alone, and beside its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from errors import Code, TesseraError
from genotypes.bgen import BgenReader
from genotypes.oxford import read_oxford_samples
from tests.genotypes.test_bgen import SAMPLES, SITES, write
from tests.support.filesets import needs_plink2, plink2
from tests.support.vcf import write_vcf

HEAD = "ID_1 ID_2 missing sex\n0 0 0 D\n"
NAMELESS = 1 | 2 << 2  # flags of a file without ids


def nameless(path: Path) -> Path:
    """A .bgen without the block of ids."""
    whole = write(path, flags=NAMELESS).read_bytes()
    held = 8 + sum(2 + len(one) for one in SAMPLES)
    path.write_bytes((20).to_bytes(4, "little") + whole[4:24] + whole[24 + held :])
    return path


def table(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_ids_and_sex_come_from_the_table(tmp_path: Path) -> None:
    people = table(tmp_path / "x.sample", HEAD + "F1 p1 0 1\r\nF1 p2 0 2\r\n0 p3 0 NA\r\n")
    reader = BgenReader(nameless(tmp_path / "x.bgen"), read_oxford_samples(people))
    assert reader.samples == ["p1", "p2", "p3"]
    assert reader.sex == {"p1": "male", "p2": "female"}
    assert [len(block.sites) for block in reader] == [2, 1]
    assert "ids_of_iid" in {one.code for one in reader.remarks}
    with pytest.raises(TesseraError, match="no sample ids") as caught:
        BgenReader(tmp_path / "x.bgen")
    assert "Upload its .sample file" in caught.value.action


def test_one_column_of_ids_or_families_alone(tmp_path: Path) -> None:
    assert read_oxford_samples(table(tmp_path / "a", "ID sex\n0 D\na M\nb F\n")).ids == ["a", "b"]
    assert read_oxford_samples(table(tmp_path / "b", HEAD + "a 0 0 1\nb 0 0 2\n")).ids == ["a", "b"]


def test_other_ids_than_in_the_file_are_said(tmp_path: Path) -> None:
    people = table(tmp_path / "x.sample", HEAD + "p1 p1 0 0\np2 p2 0 0\np3 p3 0 0\n")
    reader = BgenReader(write(tmp_path / "x.bgen", SITES), read_oxford_samples(people))
    list(reader)
    assert reader.samples == ["p1", "p2", "p3"]
    assert "ids_of_sample" in {one.code for one in reader.remarks}


@pytest.mark.parametrize(
    ("rows", "words"),
    [("a a 0 0\nb b 0 0\n", "lists 2 samples, the .bgen holds 3"), ("b b 0 0\na a 0 0\nc c 0 0\n", "different places")],
)
def test_a_table_of_other_people_is_refused(tmp_path: Path, rows: str, words: str) -> None:
    people = read_oxford_samples(table(tmp_path / "x.sample", HEAD + rows))
    with pytest.raises(TesseraError, match=words) as caught:
        BgenReader(write(tmp_path / "x.bgen", SITES), people)
    assert caught.value.code is Code.parts_disagree


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (HEAD, Code.no_samples),
        ("FID IID\n0 0\na a\n", Code.malformed_record),
        ("ID_1 ID_2 missing\na a 0\n", Code.malformed_record),
        (HEAD + "a a 0\n", Code.malformed_record),
        (HEAD + "a a 0 1\na a 0 1\n", Code.duplicate_samples),
    ],
)
def test_broken_tables_are_refused(tmp_path: Path, text: str, code: Code) -> None:
    with pytest.raises(TesseraError) as caught:
        read_oxford_samples(table(tmp_path / "x.sample", text))
    assert caught.value.code is code


@needs_plink2
def test_plink_writes_what_is_read(tmp_path: Path) -> None:
    vcf = write_vcf(tmp_path / "x.vcf", "7", [5, 9], ["A"] * 2, ["G"] * 2, [["0/1", "1/1"]] * 2, ["p1", "p2"])
    plink2("--vcf", vcf, "--export", "bgen-1.2", "bits=8", "ref-first", "--out", tmp_path / "x")
    reader = BgenReader(tmp_path / "x.bgen", read_oxford_samples(tmp_path / "x.sample"))
    assert reader.samples == ["p1", "p2"]
    assert [block.codes.tolist() for block in reader] == [[[1, 2], [1, 2]]]
