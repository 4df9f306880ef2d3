import gzip

import pytest

from errors import Code, TesseraError
from genotypes.bgzf import EOF, compress
from genotypes.sniff import FileKind, sniff_head

VCF = b"##fileformat=VCFv4.2\n" + b"##x=1\n" * 5000


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (VCF, FileKind.vcf),
        (b"\xef\xbb\xbf" + VCF, FileKind.vcf),
        (gzip.compress(VCF), FileKind.vcf_gz),
        (gzip.compress(VCF)[:60], FileKind.vcf_gz),
        (compress(VCF), FileKind.vcf_bgzf),
        (EOF + compress(VCF), FileKind.vcf_bgzf),
        (b"BCF\x02\x02" + bytes(20), FileKind.bcf),
        (compress(b"BCF\x02\x02" + bytes(20)), FileKind.bcf),
    ],
)
def test_kinds(head, kind):
    assert sniff_head(head, "x") is kind


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"", Code.empty_file),
        (gzip.compress(b""), Code.empty_file),
        (EOF, Code.empty_file),
        (gzip.compress(VCF)[:12], Code.truncated_file),
        (b"\x1f\x8b\x08\x00" + b"\xff" * 50, Code.corrupt_file),
        (b"PK\x03\x04rest", Code.not_vcf),
        (gzip.compress(b"hello"), Code.not_vcf),
        (b"#CHROM\tPOS\n", Code.not_vcf),
        (b"BCF\x01", Code.not_vcf),
    ],
)
def test_refusals(head, code):
    with pytest.raises(TesseraError) as caught:
        sniff_head(head, "../x.vcf")
    assert caught.value.code is code
    assert caught.value.field == "vcf"


def test_the_message_says_what_it_is_instead():
    with pytest.raises(TesseraError, match="zip archive"):
        sniff_head(b"PK\x03\x04", "a.vcf.gz")
