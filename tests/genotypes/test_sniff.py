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
        (b"PK\x05\x06rest", Code.not_vcf),
        (b"\x6c\x1b\x00\x00", Code.not_vcf),
        (b"\x28\xb5\x2f\xfdrest", Code.not_vcf),
        (b"rs1\t1\t100\tAA\n" * 9, Code.not_vcf),
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
    with pytest.raises(TesseraError, match="PDF"):
        sniff_head(b"%PDF-1.7", "a.vcf.gz")


@pytest.mark.parametrize(
    ("name", "head", "words"),
    [
        ("a.vcf.gz", gzip.compress(gzip.compress(VCF)), "compressed twice"),
        ("a.ped", b"F1 S1 0 0 1 -9\n", "without genotypes goes in 'pedigree'"),
        ("a.bgen", bytes(20) + b"bgen", "bgen-1.2"),
        ("a.sample", b"FID IID missing\n", "columns of a .sample file"),
        ("a.bed", b"\x6c\x1b\x00\x00", "--make-bed"),
    ],
)
def test_the_message_says_what_to_do_with_other_formats(name, head, words):
    with pytest.raises(TesseraError, match=words) as caught:
        sniff_head(head, name)
    assert caught.value.code is Code.not_vcf


FAM, BIM = b"F1 S1 0 0 1 -9\n", b"20\trs1\t0\t100\tA\tG\n"


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("a.bed", b"\x6c\x1b\x01\xff", FileKind.bed),
        ("anything", gzip.compress(b"\x6c\x1b\x01\xff"), FileKind.bed),
        ("a.pgen", b"\x6c\x1b\x10\xff", FileKind.pgen),
        ("a.bim", BIM, FileKind.bim),
        ("A.BIM", BIM, FileKind.bim),
        ("a.fam", FAM, FileKind.fam),
        ("a.fam.gz", gzip.compress(FAM), FileKind.fam),
        ("a.pvar", b"##fileformat=VCFv4.2\n", FileKind.pvar),
        ("a.pvar", b"#CHROM\tPOS\tID\tREF\tALT\n", FileKind.pvar),
        ("a.pvar.zst", b"\x28\xb5\x2f\xfdrest", FileKind.pvar),
        ("a.psam", b"#IID\tSEX\n", FileKind.psam),
        ("a.ped", b"F1 S1 0 0 1 -9 A A C C\n", FileKind.ped),
        ("a.ped", b"F1 S1 0 0 1 -9" + b" A" * 50_000, FileKind.ped),
        ("a.map", b"1 rs1 0 100\n", FileKind.map),
        ("a.map.gz", gzip.compress(b"1\trs1\t100\n"), FileKind.map),
        ("a.bgen", bytes(16) + b"bgen", FileKind.bgen),
        ("a.zip", b"PK\x03\x04rest", FileKind.zip),
        ("a.tar", b"x.vcf".ljust(257, b"\0") + b"ustar\x0000" + VCF, FileKind.tar),
        ("a.fam", b"x.fam".ljust(257, b"\0") + b"ustar  \0", FileKind.tar),
        ("a.tgz", gzip.compress(b"x.vcf".ljust(257, b"\0") + b"ustar\x0000"), FileKind.tar),
        ("a.txt", b"# by 23andMe\n# rsid\tchromosome\tposition\tgenotype\n", FileKind.array_text),
        ("a.txt", b"#AncestryDNA raw data\r\nrsid\tchromosome\tposition\tallele1\tallele2\r\n", FileKind.array_text),
        ("a.csv", b"RSID,CHROMOSOME,POSITION,RESULT\n", FileKind.array_text),
        ("a.csv", b'\xef\xbb\xbf# MyHeritage\n"RSID","CHROMOSOME","POSITION","RESULT"\n', FileKind.array_text),
        ("a.csv.gz", gzip.compress(b"RSID,CHROMOSOME,POSITION,RESULT\n"), FileKind.array_text),
    ],
)
def test_kinds_besides_vcf(name, head, kind):
    assert sniff_head(head, name) is kind


@pytest.mark.parametrize(
    ("name", "head"), [("a.bim", FAM[:9]), ("a.map", FAM), ("a.fam", BIM * 0 + b"\x89PNG"), ("a.psam", b"one\n")]
)
def test_a_table_that_is_none_is_refused(name, head):
    with pytest.raises(TesseraError, match="columns") as caught:
        sniff_head(head, name)
    assert caught.value.code is Code.not_vcf
