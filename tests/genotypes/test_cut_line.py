"""A text that stops within its last line: what is left out, and what is no such case."""

import gzip

import pytest

from errors import Code, TesseraError
from genotypes import record
from genotypes.read import VcfReader
from tests.support.vcf import vcf_text

ROWS = [["0/0", "0/1", "1/1"], ["0|1", "1|1", "0|0"], ["1/1", "0/0", "0/1"]]
TEXT = vcf_text("20", [100, 200, 300], "ACG", "CGT", ROWS, ["a", "b", "c"])


def positions(path, text, *, mend=True):
    path.write_text(text)
    reader = VcfReader(path, mend=mend)
    found = [int(pos) for block in reader for pos in block.sites.pos]
    return found, [one.code for one in reader.remarks]


@pytest.mark.parametrize("cut", [2, 3, 4, 5, 8, 9, 20, 25], ids=lambda cut: f"{cut} bytes short")
def test_a_cut_last_line_is_left_out(tmp_path, cut):
    assert positions(tmp_path / "x.vcf", TEXT[:-cut]) == ([100, 200], ["last_line_cut"])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n\n"])
def test_a_line_end_after_the_cut_changes_nothing(tmp_path, end):
    assert positions(tmp_path / "x.vcf", TEXT[:-9] + end) == ([100, 200], ["last_line_cut"])


@pytest.mark.parametrize("text", [TEXT, TEXT[:-1], TEXT + "\n"], ids=["whole", "no line end", "empty line"])
def test_a_whole_last_line_stays(tmp_path, text):
    assert positions(tmp_path / "x.vcf", text) == ([100, 200, 300], [])


def test_a_haploid_last_call_without_line_end_stays(tmp_path):
    text = vcf_text("X", [100, 200], "AC", "CG", [["0", "1"], ["1", "0"]], ["a", "b"])
    assert positions(tmp_path / "x.vcf", text[:-1]) == ([100, 200], [])


def test_without_mending_the_cut_line_is_refused(tmp_path):
    with pytest.raises(TesseraError, match="Line 6") as caught:
        positions(tmp_path / "x.vcf", TEXT[:-9], mend=False)
    assert caught.value.code is Code.malformed_record


def test_a_short_line_before_the_last_is_refused(tmp_path):
    lines = TEXT.splitlines()
    lines[-2] = lines[-2][:-5]
    with pytest.raises(TesseraError, match="Line 5"):
        positions(tmp_path / "x.vcf", "\n".join(lines) + "\n")


def test_an_only_line_that_is_cut_is_refused(tmp_path):
    text = vcf_text("20", [100], "A", "C", [["0/0", "0/1"]], ["a", "b"])
    with pytest.raises(TesseraError) as caught:
        positions(tmp_path / "x.vcf", text[:-6])
    assert caught.value.code is Code.malformed_record


def test_the_last_line_is_known_across_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "BATCH_RECORDS", 1)
    assert positions(tmp_path / "x.vcf", TEXT[:-9]) == ([100, 200], ["last_line_cut"])
    assert positions(tmp_path / "x.vcf", TEXT) == ([100, 200, 300], [])


def test_cut_compression_stays_an_error(tmp_path):
    path = tmp_path / "x.vcf.gz"
    path.write_bytes(gzip.compress(TEXT.encode())[:-12])
    with pytest.raises(TesseraError) as caught:
        list(VcfReader(path, mend=True))
    assert caught.value.code is Code.truncated_file
