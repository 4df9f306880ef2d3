import contextlib
import gzip

import numpy as np
import pysam
import pytest

from errors import Code, TesseraError
from genotypes import codes as gt
from genotypes import record as record_module
from genotypes.bgzf import compress
from genotypes.read import VariantBlock, VcfReader
from tests.support.bcftools import bcftools, needs_bcftools
from tests.support.vcf import vcf_text, write_text, write_vcf

NAMES = ["x.vcf", "x.vcf.gz", "x.vcf.gzip", "x.bcf"]


def blocks(path) -> list[VariantBlock]:
    return list(VcfReader(path))


def read_codes(path) -> list[list[int]]:
    return [row for block in blocks(path) for row in block.codes.tolist()]


def refusal(path) -> TesseraError:
    with pytest.raises(TesseraError) as caught:
        blocks(path)
    assert caught.value.field == "vcf"
    return caught.value


def one_row(tmp_path, cells: list[str], *, alt: str = "C", fmt: str = "GT", name: str = "x.vcf"):
    samples = [f"s{k}" for k in range(len(cells))]
    return write_vcf(tmp_path / name, "20", [100], ["A"], [alt], [cells], samples, fmt=fmt, contigs={"20": 63025520})


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_of_call(tmp_path, name):
    cells = ["0/0", "0/1", "1/0", "1/1", "0|0", "0|1", "1|0", "1|1", "./.", ".|.", "./1", "0|.", ".", "0", "1"]
    expected = [0, 1, 1, 2, 0, 3, 4, 2, -1, -1, -1, -1, -1, 5, 6]
    (block,) = blocks(one_row(tmp_path, cells, name=name))
    assert block.codes.tolist() == [expected]
    assert block.codes.dtype == np.int8
    assert block.half_calls.tolist() == [2]
    assert not block.phased
    assert (block.multiallelic, block.symbolic, block.without_gt) == (0, 0, 0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("cells", "phased"),
    [
        (["0|1", "1|1", ".|."], True),
        (["0|1", "./.", "1"], True),
        (["0|1", "1/1", "0|0"], False),
        (["0", "1", "."], True),
    ],
)
def test_phase_is_told_by_the_separators_of_called_diploids(tmp_path, name, cells, phased):
    (block,) = blocks(one_row(tmp_path, cells, name=name))
    assert block.phased is phased


@pytest.mark.parametrize("name", NAMES)
def test_fields_beside_gt_are_skipped(tmp_path, name):
    header = ['##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">']
    path = write_vcf(
        tmp_path / name, "20", [1, 2], ["A", "A"], ["C", "C"],
        [["0/1:12", "1|1:3", "1:7", "."], ["./.", "0/0:5", "0|1:9", "1/1"]],
        list("abcd"), header=header, fmt="GT:DP", contigs={"20": 100},
    )  # fmt: skip
    assert read_codes(path) == [[1, 2, 6, -1], [-1, 0, 3, 2]]


def test_gt_need_not_come_first_in_a_lenient_text(tmp_path):
    assert read_codes(one_row(tmp_path, ["9:0/1", "8:1/1", "7"], fmt="DP:GT")) == [[1, 2, -1]]


@pytest.mark.parametrize("name", NAMES)
def test_multiallelic_records_are_split(tmp_path, name):
    path = one_row(tmp_path, ["0/1", "1|2", "2/2", "3/.", "2", "0/3"], alt="c,G,AT", name=name)
    (block,) = blocks(path)
    assert block.sites.alt.tolist() == ["C", "G", "AT"]
    assert block.sites.pos.tolist() == [100] * 3
    assert block.codes.tolist() == [
        [1, gt.PHASED_10, 0, -1, 5, 0],
        [0, gt.PHASED_01, 2, -1, 6, 0],
        [0, 0, 0, -1, 5, 1],
    ]
    assert block.n_alts.tolist() == [3, 3, 3]
    assert block.half_calls.tolist() == [1, 1, 1]
    assert block.multiallelic == 1


@pytest.mark.parametrize("name", NAMES)
def test_symbolic_alleles_give_no_row(tmp_path, name):
    path = write_vcf(
        tmp_path / name, "20", [1, 2, 3, 4], ["A"] * 4, ["<DEL>", "C,*", "A[20:9[", "G"],
        [["0/1"], ["1/2"], ["0/1"], ["1/1"]], ["s"],
        header=['##ALT=<ID=DEL,Description="Deletion">'], contigs={"20": 100},
    )  # fmt: skip
    (block,) = blocks(path)
    assert block.sites.alt.tolist() == ["C", "G"]
    assert block.codes.tolist() == [[1], [2]]
    assert block.symbolic == 3
    assert block.multiallelic == 1


@pytest.mark.parametrize("name", NAMES)
def test_only_symbolic_alleles_are_counted_too(tmp_path, name):
    (block,) = blocks(one_row(tmp_path, ["0/1"], alt="<DEL>", name=name))
    assert len(block.sites) == 0
    assert block.codes.shape == (0, 1)
    assert block.symbolic == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_site_without_alt_keeps_its_row(tmp_path, name):
    (block,) = blocks(one_row(tmp_path, ["0/0", "./."], alt=".", name=name))
    assert block.sites.alt.tolist() == ["."]
    assert block.n_alts.tolist() == [0]
    assert block.codes.tolist() == [[0, -1]]


@pytest.mark.parametrize("name", NAMES)
def test_many_alleles(tmp_path, name):
    alts = ["A" * k for k in range(2, 72)]
    path = one_row(tmp_path, ["0/1", "12/70", "64|64", "9/10", "70"], alt=",".join(alts), name=name)
    found = read_codes(path)
    assert found[0] == [1, 0, 0, 0, 5]
    assert found[11] == [0, 1, 0, 0, 5]
    assert found[63] == [0, 0, 2, 0, 5]
    assert found[69] == [0, 1, 0, 0, 6]


@pytest.mark.parametrize("name", NAMES)
def test_chromosomes_come_apart_and_order_is_kept(tmp_path, name):
    chroms, pos = ["1", "chr20", "1", "chr20"], [5, 9, 4, 3]
    path = write_vcf(
        tmp_path / name, chroms, pos, ["a"] * 4, ["C"] * 4, [["0/1"], ["1/1"], ["0/0"], ["1/1"]], ["s"],
        ids=["rs1", ".", "rs3", "."], contigs={"1": 249250621, "chr20": 63025520},
    )  # fmt: skip
    reader = VcfReader(path)
    first, second = reader
    assert (first.sites.chrom, second.sites.chrom) == ("1", "chr20")
    assert first.sites.pos.tolist() == [5, 4]
    assert first.sites.id.tolist() == ["rs1", "rs3"]
    assert first.sites.ref.tolist() == ["A", "A"]
    assert first.codes.tolist() == [[1], [0]]
    assert second.codes.tolist() == [[2], [2]]
    assert reader.contigs == {"1": 249250621, "chr20": 63025520}
    assert reader.header_build == "GRCh37"
    assert reader.samples == ["s"]
    assert reader.fraction == 1.0


@pytest.mark.parametrize("name", NAMES)
def test_small_batches_read_the_same(tmp_path, name, monkeypatch):
    rng = np.random.default_rng(3)
    words = np.array(["0/0", "0/1", "1|0", "./.", "1", "./1", "2/1"])
    cells = words[rng.integers(0, 7, (50, 4))].tolist()
    alts = ["C,G" if "2/1" in row else "C" for row in cells]
    path = write_vcf(tmp_path / name, "20", range(1, 51), ["A"] * 50, alts, cells, list("abcd"), contigs={"20": 99})
    whole = read_codes(path)
    monkeypatch.setattr(record_module, "BATCH_RECORDS", 3)
    assert read_codes(path) == whole
    assert len(blocks(path)) == 17


def test_windows_lines_blank_lines_and_a_missing_last_newline(tmp_path):
    text = vcf_text("20", [1, 2], ["A"] * 2, ["C"] * 2, [["0/1", "1/1"], ["1", "0/0"]], ["a", "b"])
    lines = text.splitlines()
    path = tmp_path / "x.vcf"
    path.write_bytes(("\ufeff" + "\r\n".join([*lines[:-1], "", lines[-1]])).encode())
    reader = VcfReader(path)
    assert reader.samples == ["a", "b"]
    assert [row for block in reader for row in block.codes.tolist()] == [[1, 2], [6, 0]]


def test_a_header_without_format_and_contig_lines_is_enough(tmp_path):
    (tmp_path / "x.vcf").write_text(
        "##fileformat=VCFv4.1\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\n20\t7\t\tA\tC\t\t\t\tGT\t0|1\n"
    )
    (block,) = blocks(tmp_path / "x.vcf")
    assert block.codes.tolist() == [[3]]
    assert block.sites.id.tolist() == ["."]


def test_concatenated_gzip_members_are_one_text(tmp_path):
    text = vcf_text("20", [1, 2], ["A"] * 2, ["C"] * 2, [["0/1"], ["1/1"]], ["a"]).encode()
    (tmp_path / "x.vcf.gz").write_bytes(gzip.compress(text[:90]) + gzip.compress(text[90:]))
    assert read_codes(tmp_path / "x.vcf.gz") == [[1], [2]]


@pytest.mark.parametrize("name", NAMES)
def test_header_only(tmp_path, name):
    path = write_vcf(tmp_path / name, "20", [], [], [], [], ["a"], contigs={"20": 9})
    assert refusal(path).code is Code.header_only


@pytest.mark.parametrize("name", NAMES)
def test_no_samples(tmp_path, name):
    path = write_vcf(tmp_path / name, "20", [1], ["A"], ["C"], [], [], contigs={"20": 9})
    assert refusal(path).code is Code.no_samples


@pytest.mark.parametrize("name", NAMES)
def test_no_gt(tmp_path, name):
    header = ['##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">']
    path = write_vcf(
        tmp_path / name, "20", [1], ["A"], ["C"], [["3", "4"]], ["a", "b"], fmt="DP", header=header, contigs={"20": 9}
    )
    assert refusal(path).code is Code.no_gt


@pytest.mark.parametrize("name", ["x.vcf", "x.bcf"])
def test_single_records_without_gt_are_missing_and_counted(tmp_path, name):
    text = vcf_text(
        "20", [1, 2, 3], ["A"] * 3, ["C"] * 3, [["0/1", "1/1"], ["3", "4"], ["0/0", "0/1"]], ["a", "b"],
        header=['##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">'], contigs={"20": 9},
    )  # fmt: skip
    path = write_text(tmp_path / name, text.replace("GT\t3\t4", "DP\t3\t4"))
    (block,) = blocks(path)
    assert block.codes.tolist() == [[1, 2], [-1, -1], [0, 1]]
    assert block.without_gt == 1


def test_duplicate_samples(tmp_path):
    path = write_vcf(tmp_path / "x.vcf", "20", [1], ["A"], ["C"], [["0/1"] * 3], ["a", "b", "a"])
    error = refusal(path)
    assert error.code is Code.duplicate_samples
    assert error.details["samples"] == ["a"]


RECORD = "20\t100\t.\tA\tC\t.\tPASS\t.\tGT\t0/1\t0/0"


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("20\t100\t.\tA\tC\t.\tPASS\t.\tGT\t0/1", "columns"),
        (RECORD + "\t0/0", "columns"),
        ("20\t100\t.\tA", "columns"),
        (RECORD.replace("\t", " "), "columns"),
        (RECORD.replace("100", "abc"), "position"),
        (RECORD.replace("100", "-5"), "position"),
        (RECORD.replace("100", "99999999999"), "position"),
        (RECORD.replace("0/1", "0/2"), "beyond its 1 ALT"),
        (RECORD.replace("0/1", "x/1"), "genotype 'x/1'"),
        (RECORD.replace("0/1", "0/1/1"), "more than two alleles"),
        (RECORD.replace("0/1", "0-1"), "genotype '0-1'"),
        (RECORD.replace("20\t", "../../etc\t", 1), "chromosome name"),
        (RECORD.replace("20\t", "\t", 1), "chromosome name"),
    ],
)
def test_malformed_lines_are_named(tmp_path, record, message):
    text = vcf_text("20", [5], ["A"], ["C"], [["0/1", "1/1"]], ["a", "b"])
    path = write_text(tmp_path / "x.vcf", text + record + "\n")
    error = refusal(path)
    assert error.code is Code.malformed_record
    assert message in error.message
    if "columns" in message or "position" in message:
        assert error.details["line"] == 5


def test_a_cut_bcf_record_is_truncated_and_rubbish_is_corrupt(tmp_path):
    whole = one_row(tmp_path, ["0/1", "1/1"], name="whole.bcf")
    with pysam.BGZFile(str(whole), "rb") as source:
        data = source.read()
    path = tmp_path / "x.bcf"
    path.write_bytes(compress(data[:-3]))
    assert refusal(path).code is Code.truncated_file
    record = data.rindex(b"\x11\x01\x21")  # the GT field
    for damaged in (data[:record] + b"\xff" * (len(data) - record), data[: record - 20] + bytes(20) + data[record:]):
        path.write_bytes(compress(damaged))
        assert refusal(path).code in (Code.corrupt_file, Code.malformed_record, Code.no_gt)


def test_random_damage_never_escapes_as_another_error(tmp_path):
    header = ['##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">']
    source = write_vcf(
        tmp_path / "w.bcf", "20", [1, 2], ["A", "C"], ["C", "G,T"], [["0/1:3", "1:2"], ["1|2:1", "./.:4"]], ["a", "b"],
        fmt="GT:DP", header=header, contigs={"20": 9},
    )  # fmt: skip
    with pysam.BGZFile(str(source), "rb") as file:
        bcf = file.read()
    with pysam.VariantFile(str(source)) as file:
        text = (str(file.header) + "".join(map(str, file))).encode()
    rng = np.random.default_rng(0)
    for data in (bcf, text):
        for _ in range(300):
            damaged = bytearray(data)
            for at in rng.integers(0, len(data), 3):
                damaged[at] = rng.integers(0, 256)
            (tmp_path / "x").write_bytes(damaged)
            with contextlib.suppress(TesseraError):
                blocks(tmp_path / "x")


@needs_bcftools
@pytest.mark.parametrize("name", ["x.vcf.gz", "x.bcf"])
def test_bcftools_splits_and_reads_the_same(tmp_path, name):
    rng = np.random.default_rng(9)
    words = np.array(["0/0", "0/1", "1|1", "1|2", "./.", "2/2", "0|2", "1/3", "3|0"])
    cells = words[rng.integers(0, 9, (40, 6))].tolist()
    path = write_vcf(
        tmp_path / name, "20", range(1, 41), ["A"] * 40, ["C,G,T"] * 40, cells, list("abcdef"), contigs={"20": 99}
    )
    split = bcftools("norm", "-m-", "-Ov", path).splitlines()
    dosages = {"0": 0, "1": 1, ".": -9}
    expected, alts = [], []
    for line in split:
        if line.startswith("#"):
            continue
        columns = line.split("\t")
        alts.append((int(columns[1]), columns[4]))
        expected.append([max(-1, dosages[cell[0]] + dosages[cell[2]]) for cell in columns[9:]])
    found = [
        ((int(pos), alt), row)
        for block in blocks(path)
        for pos, alt, row in zip(block.sites.pos, block.sites.alt, gt.dosage(block.codes).tolist(), strict=True)
    ]
    assert found == list(zip(alts, expected, strict=True))
