from pathlib import Path

import numpy as np
import pytest

from errors import Code, TesseraError
from genotypes import record
from genotypes.plink1 import PlinkReader
from tests.support.filesets import write_fileset

FAM = ["F1 a 0 0 1 -9", "F2 b 0 0 2 -9", "F3 c 0 0 0 -9", "F4 d 0 0 1 -9", "F5 e 0 0 1 -9"]
SITES = [("20", "rs1", "100", "A", "G"), ("20", "rs2", "200", "c", "t"), ("23", "rs3", "50", "G", "GTT")]
GENOTYPES = [[0, 1, 2, -1, 0], [2, 2, 1, 0, 1], [-1, 0, 0, 1, 2]]


def read(paths: list[Path]):
    reader = PlinkReader(*paths)
    return reader, list(reader)


def test_a_fileset_is_read_with_a2_as_ref(tmp_path):
    reader, (first, second) = read(write_fileset(tmp_path / "x", SITES, GENOTYPES, FAM))
    assert reader.samples == ["a", "b", "c", "d", "e"]
    assert reader.sex == {"a": "male", "b": "female", "d": "male", "e": "male"}
    assert reader.ref_known is False
    assert (first.sites.chrom, second.sites.chrom) == ("20", "23")
    assert first.sites.ref.tolist() == ["G", "T"]
    assert first.sites.alt.tolist() == ["A", "C"]
    assert second.sites.ref.tolist() == ["GTT"]
    assert np.concatenate([first.codes, second.codes]).tolist() == GENOTYPES
    assert not first.phased
    assert reader.fraction == 1.0


def test_blocks_end_where_memory_does(tmp_path, monkeypatch):
    paths = write_fileset(tmp_path / "x", SITES, GENOTYPES, FAM)
    monkeypatch.setattr(record, "BATCH_RECORDS", 1)
    _, blocks = read(paths)
    assert [block.codes.tolist() for block in blocks] == [[row] for row in GENOTYPES]


def test_one_allele_is_kept_and_codes_that_are_none_are_left_out(tmp_path):
    sites = [
        ("20", "one", "100", "0", "G"),  # monomorphic: A1 was never seen
        ("20", "other", "200", "A", "0"),
        ("20", "none", "300", "0", "0"),
        ("20", "indel", "400", "I", "D"),
        ("20", "coded", "500", "1", "2"),
        ("0", "nowhere", "600", "A", "C"),
        ("20", "minus", "-7", "A", "C"),
        ("20", "good", "700", "A", "C"),
    ]
    genotypes = [[0, 0, -1, 0, 0], [2, 2, 2, -1, 2], *([[0, 1, 2, 0, 1]] * 6)]
    reader, (block,) = read(write_fileset(tmp_path / "x", sites, genotypes, FAM))
    assert block.sites.id.tolist() == ["one", "other", "good"]
    assert list(zip(block.sites.ref, block.sites.alt, strict=True)) == [("G", "."), ("A", "."), ("C", "A")]
    assert block.codes[:2].tolist() == [[0, 0, -1, 0, 0], [0, 0, 0, -1, 0]]
    assert {one.code: one.count for one in reader.remarks if one.code != "ids_of_iid"} == {
        "no_alleles": 1,
        "coded_alleles": 2,
        "unplaced": 2,
    }


@pytest.mark.parametrize(
    ("fam", "ids", "remark"),
    [
        (["0 a 0 0 0 -9", "0 b 0 0 0 -9"], ["a", "b"], []),
        (["a a 0 0 0 -9", "b b 0 0 0 -9"], ["a", "b"], []),
        (["F a 0 0 0 -9", "F b 0 0 0 -9"], ["a", "b"], ["ids_of_iid"]),
        (["F 1 0 0 0 -9", "G 1 0 0 0 -9"], ["F_1", "G_1"], ["ids_of_fid_iid"]),
    ],
)
def test_samples_are_named_by_iid_where_it_is_unique(tmp_path, fam, ids, remark):
    reader, _ = read(write_fileset(tmp_path / "x", SITES[:1], [[0, 1]], fam))
    assert reader.samples == ids
    assert [one.code for one in reader.remarks] == remark


def spoil_bed(paths):
    paths[0].write_bytes(paths[0].read_bytes()[:-1])


def lengthen_bed(paths):
    paths[0].write_bytes(paths[0].read_bytes() + b"\0\0\0")


def repeat_sample(paths):
    paths[2].write_text("F a 0 0 1 -9\n" * 5)


def spoil_bim(paths):
    paths[1].write_text(paths[1].read_text().replace("200", "here"))


def empty_fam(paths):
    paths[2].write_text("\n")


def short_fam(paths):
    paths[2].write_text("a b c\n")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (spoil_bed, Code.truncated_file),
        (lengthen_bed, Code.parts_disagree),
        (repeat_sample, Code.duplicate_samples),
        (spoil_bim, Code.malformed_record),
        (empty_fam, Code.no_samples),
        (short_fam, Code.malformed_record),
    ],
)
def test_refusals(tmp_path, change, code):
    paths = write_fileset(tmp_path / "x", SITES, GENOTYPES, FAM)
    change(paths)
    with pytest.raises(TesseraError) as caught:
        read(paths)
    assert caught.value.code is code
    assert caught.value.field == "vcf"


def test_tables_may_have_windows_line_ends_and_blanks_for_tabs(tmp_path):
    paths = write_fileset(tmp_path / "x", SITES, GENOTYPES, FAM)
    for path in paths[1:]:
        path.write_bytes(path.read_bytes().replace(b"\t", b"   ").replace(b"\n", b"\r\n"))
    _, blocks = read(paths)
    assert np.concatenate([block.codes for block in blocks]).tolist() == GENOTYPES


@pytest.mark.parametrize(("parents", "count"), [("0 0", 0), ("-9 -9", 0), ("a 0", 1), ("a x", 1)])
def test_parents_in_the_fam_are_said_to_be_unused(tmp_path, parents, count):
    fam = ["0 a 0 0 1 -9", f"0 b {parents} 2 -9"]
    reader, _ = read(write_fileset(tmp_path / "x", SITES[:1], [[0, 1]], fam))
    assert [one.count for one in reader.remarks if one.code == "parents_not_used"] == [count] * (count > 0)
