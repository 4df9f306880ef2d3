import gzip
import resource
import struct

import pysam
import pytest

from errors import Code, TesseraError
from genotypes.bgzf import EOF, compress
from genotypes.guard import Guarded, Limits, guard
from genotypes.sniff import HEAD_BYTES, FileKind, sniff_head
from tests.support.vcf import vcf_text, write_text

TEXT = vcf_text(
    "20", range(1, 3001), ["A"] * 3000, ["C"] * 3000, [["0/1", "1/1"]] * 3000, ["a", "b"], contigs={"20": 9999}
)


def check(path, limits=None, progress=None) -> Guarded:
    kind = sniff_head(path.read_bytes()[:HEAD_BYTES], path.name)
    return guard(path, kind, path.parent / "guard", limits, progress)


def refusal(path, limits=None) -> Code:
    with pytest.raises(TesseraError) as caught:
        check(path, limits)
    assert caught.value.field == "vcf"
    assert not (path.parent / "guard").exists()
    return caught.value.code


@pytest.mark.parametrize("name", ["x.vcf", "x.vcf.gz", "x.vcf.gzip", "x.bcf"])
def test_whole_files_pass_as_they_are(tmp_path, name):
    path = write_text(tmp_path / name, TEXT)
    found = check(path)
    assert found.path == path
    assert not found.crlf
    if "bcf" not in name:
        assert found.expanded_bytes == len(TEXT)


@pytest.mark.parametrize("keep", [0.5, 0.9])
@pytest.mark.parametrize("name", ["x.vcf.gz", "x.vcf.gzip", "x.bcf"])
def test_cut_files_are_truncated(tmp_path, name, keep):
    path = write_text(tmp_path / name, TEXT)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    assert refusal(path) is Code.truncated_file


def test_bgzf_cut_between_blocks_is_truncated(tmp_path):
    path = write_text(tmp_path / "x.vcf.gz", TEXT)
    path.write_bytes(path.read_bytes().removesuffix(EOF))
    assert refusal(path) is Code.truncated_file


def test_gzip_without_its_trailer_is_truncated(tmp_path):
    path = write_text(tmp_path / "x.vcf.gzip", TEXT)
    path.write_bytes(path.read_bytes()[:-8])
    assert refusal(path) is Code.truncated_file


def test_bcf_cut_inside_a_record_is_truncated(tmp_path):
    whole = write_text(tmp_path / "whole.bcf", TEXT)
    with pysam.BGZFile(str(whole), "rb") as source:
        data = source.read()
    path = tmp_path / "x.bcf"
    path.write_bytes(compress(data[:-5]) + EOF)
    assert refusal(path) is Code.truncated_file


def test_flipped_bits_are_corrupt(tmp_path):
    path = write_text(tmp_path / "x.vcf.gzip", TEXT)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    assert refusal(path) in (Code.corrupt_file, Code.truncated_file)


def test_nul_bytes_are_corrupt(tmp_path):
    path = tmp_path / "x.vcf"
    path.write_bytes(TEXT.encode() + bytes(100))
    assert refusal(path) is Code.corrupt_file


@pytest.mark.parametrize("name", ["x.vcf", "x.vcf.gz", "x.vcf.gzip"])
def test_a_long_line_is_refused(tmp_path, name):
    path = write_text(tmp_path / name, TEXT + "20\t5\t" + "A" * 5000 + "\n")
    assert refusal(path, Limits(max_line_bytes=5000)) is Code.line_too_long
    assert check(path, Limits(max_line_bytes=5010)).path == path


def test_an_endless_line_needs_no_memory(tmp_path):
    # 300 MB of one line in 300 KB of gzip: it is refused at the limit, not read.
    path = tmp_path / "x.vcf.gz"
    piece = gzip.compress(b"A" * (10 << 20))
    path.write_bytes(gzip.compress(b"##fileformat=VCFv4.2\n") + piece * 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refusal(path) is Code.line_too_long
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # kB


def test_a_long_bcf_record_is_refused(tmp_path):
    path = tmp_path / "x.bcf"
    path.write_bytes(compress(b"BCF\x02\x02" + struct.pack("<I", 3) + b"ab\0" + struct.pack("<II", 1 << 31, 8)) + EOF)
    assert refusal(path) is Code.line_too_long


def test_a_zip_bomb_is_refused(tmp_path):
    path = tmp_path / "x.vcf.gz"
    line = b"20\t1\t.\tA\tC\t.\t.\t.\tGT" + b"\t0/0" * 2000 + b"\n"
    path.write_bytes(gzip.compress(b"##fileformat=VCFv4.2\n" + line * 500))
    assert refusal(path, Limits(max_expanded_bytes=1 << 20)) is Code.zip_bomb
    assert check(path).expanded_bytes == 21 + 500 * len(line)


def test_a_dense_file_is_refused_from_a_size_on(tmp_path, monkeypatch):
    monkeypatch.setattr("genotypes.guard._RATIO_FROM", 1 << 20)
    path = tmp_path / "x.vcf.gz"
    path.write_bytes(gzip.compress(b"##fileformat=VCFv4.2\n" + b"\n" * (64 << 20)))
    assert refusal(path, Limits(max_ratio=100)) is Code.zip_bomb


@pytest.mark.parametrize("name", ["x.vcf", "x.vcf.gz", "x.vcf.gzip"])
def test_windows_lines_are_mended_in_a_copy(tmp_path, name):
    path = write_text(tmp_path / name, "\ufeff" + TEXT.replace("\n", "\r\n"))
    found = check(path)
    assert found.crlf
    assert found.path != path
    assert gzip.decompress(found.path.read_bytes()).decode() == TEXT


@pytest.mark.parametrize("kind", [FileKind.bed, FileKind.zip, FileKind.array_text])
def test_other_kinds_have_no_business_here(tmp_path, kind):
    path = tmp_path / "x"
    path.write_bytes(b"PK")
    with pytest.raises(TesseraError, match=kind.value) as caught:
        guard(path, kind, tmp_path / "guard")
    assert caught.value.code is Code.not_vcf


SHORT = vcf_text("20", range(1, 40), ["A"] * 39, ["C"] * 39, [["0/1", "1/1"]] * 39, ["a", "b"])
SHORT = SHORT[: SHORT.index("##FORMAT")] + SHORT[SHORT.index("#CHROM") :]  # the table begins in the first piece


@pytest.mark.parametrize("size", range(90, 111, 4))
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "macintosh"])
@pytest.mark.parametrize("blanks", ["\t", " ", "   "], ids=["tabs", "blanks", "runs of blanks"])
def test_mending_does_not_depend_on_where_pieces_end(tmp_path, blanks, end, size):
    path = write_text(tmp_path / "x.vcf", SHORT.replace("\t", blanks).replace("\n", end))
    found = check(path, Limits(max_line_bytes=size))
    assert (found.crlf, found.spaces) == (end != "\n", blanks != "\t")
    read = gzip.decompress(found.path.read_bytes()) if found.path != path else path.read_bytes()
    assert read.decode() == SHORT


def test_progress_rises_and_may_abort(tmp_path):
    path = write_text(tmp_path / "x.vcf.gz", TEXT * 100)
    seen: list[float] = []
    check(path, progress=seen.append)
    assert seen == sorted(seen)
    assert 0 < seen[-1] <= 1

    def abort(fraction: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(path, progress=abort)
