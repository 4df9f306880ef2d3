import pytest

from errors import Code, TesseraError
from genotypes.builds import build_of_lengths, build_of_name
from genotypes.facts import parse_header

COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb"


@pytest.mark.parametrize(
    ("lines", "build"),
    [
        (["##reference=file:///data/human_g1k_v37.fasta"], "GRCh37"),
        (["##reference=hs38DH.fa"], "GRCh38"),
        (["##contig=<ID=1,length=5,assembly=hg19>"], "GRCh37"),
        (["##contig=<ID=chr20,length=64444167>"], "GRCh38"),
        (["##contig=<ID=20,length=63025520>", "##contig=<ID=GL1,length=100>"], "GRCh37"),
        (["##contig=<ID=1,length=158534110,assembly=ARS-UCD1.2>"], None),
        ([], None),
    ],
)
def test_builds(lines, build):
    assert parse_header([*lines, COLUMNS]).build == build


def test_names_win_over_lengths():
    assert parse_header(["##reference=GRCh38", "##contig=<ID=20,length=63025520>", COLUMNS]).build == "GRCh38"
    assert build_of_name("hello") is None
    assert build_of_lengths({}) is None


def test_commas_and_brackets_in_descriptions_do_no_harm():
    facts = parse_header(['##INFO=<ID=X,Number=1,Type=Float,Description="a, ID=Y, \\"q\\" > b">', COLUMNS])
    assert facts.strings == {0: "PASS", 1: "X"}


def test_bcf_numbers_follow_the_lines_or_idx():
    facts = parse_header(
        [
            '##FILTER=<ID=PASS,Description="">', "##INFO=<ID=DP,Number=1>", "##FORMAT=<ID=DP,Number=1>",
            "##FORMAT=<ID=GT,Number=1,IDX=7>", "##FORMAT=<ID=GQ>", "##contig=<ID=a>", "##contig=<ID=b,IDX=4>", COLUMNS,
        ]
    )  # fmt: skip
    assert facts.strings == {0: "PASS", 1: "DP", 7: "GT", 8: "GQ"}
    assert facts.contig_names == {0: "a", 4: "b"}


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ("##last", Code.not_vcf),
        (COLUMNS.replace("\t", " "), Code.not_vcf),
        ("#CHROM\tPOS", Code.not_vcf),
        (COLUMNS.removesuffix("\ta\tb"), Code.no_samples),
        (COLUMNS.removesuffix("\tFORMAT\ta\tb"), Code.no_samples),
    ],
)
def test_broken_column_lines(columns, code):
    with pytest.raises(TesseraError) as caught:
        parse_header([columns])
    assert caught.value.code is code
