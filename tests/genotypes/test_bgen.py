"""BGEN files: calls from probabilities against plink2's, and what becomes of broken files."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from errors import Code, TesseraError
from genotypes import codes as gt
from genotypes.bgen import BgenReader, call
from genotypes.read import VcfReader
from tests.support.filesets import needs_plink2, plink2
from tests.support.vcf import write_vcf

SAMPLES = ["a", "b", "c"]
Site = tuple[str, int, list[str], list[tuple[int, ...]]]  # chromosome, bp, alleles, 8-bit values of each sample
SITES: list[Site] = [
    ("01", 100, ["A", "C"], [(255, 0), (0, 255), (0, 0)]),
    ("01", 200, ["G", "T"], [(100, 100), (0, 240), (0, 0)]),
    ("2", 50, ["A", "AT"], [(0, 0), (0, 0), (255, 0)]),
]


def payload(values: list[tuple[int, ...]], alleles: int = 2, missing: tuple[int, ...] = ()) -> bytes:
    ploidy = bytes(2 | (128 if k in missing else 0) for k in range(len(values)))
    head = struct.pack("<IHBB", len(values), alleles, 2, 2) + ploidy + bytes([0, 8])
    return head + bytes(one for sample in values for one in sample)


def write(
    path: Path,
    sites: list[Site] = SITES,
    edit: Callable[[bytes], bytes] = lambda one: one,
    flags: int = 1 | 2 << 2 | 1 << 31,
    missing: tuple[int, ...] = (),
) -> Path:
    """A file of layout 2 with zlib; `edit` changes each site's payload before it is packed."""
    ids = b"".join(struct.pack("<H", len(one)) + one.encode() for one in SAMPLES)
    block = struct.pack("<II", 8 + len(ids), len(SAMPLES)) + ids
    out = struct.pack("<IIII4sI", 20 + len(block), 20, len(sites), len(SAMPLES), b"bgen", flags) + block
    for chrom, pos, alleles, values in sites:
        for text in ("v", f"r{pos}", chrom):
            out += struct.pack("<H", len(text)) + text.encode()
        out += struct.pack("<IH", pos, len(alleles))
        out += b"".join(struct.pack("<I", len(one)) + one.encode() for one in alleles)
        raw = edit(payload(values, len(alleles), missing))
        packed = zlib.compress(raw)
        out += struct.pack("<II", len(packed) + 4, len(raw)) + packed
    path.write_bytes(out)
    return path


def read(path: Path) -> tuple[BgenReader, dict[tuple[str, int, str, str], list[int]]]:
    reader = BgenReader(path)
    found = {}
    for block in reader:
        for row in range(len(block.sites)):
            key = (block.sites.chrom, int(block.sites.pos[row]), block.sites.ref[row], block.sites.alt[row])
            found[key] = block.codes[row].tolist()
    return reader, found


def test_calls_from_probabilities(tmp_path: Path) -> None:
    reader, found = read(write(tmp_path / "x.bgen", missing=(2,)))
    assert reader.samples == SAMPLES
    assert found == {
        ("1", 100, "A", "C"): [0, 1, -1],
        ("1", 200, "G", "T"): [-1, 1, -1],
        ("2", 50, "A", "AT"): [2, 2, -1],
    }
    assert {one.code: one.count for one in reader.remarks} == {"uncertain_calls": 1}
    assert reader.ref_known is False


def test_sites_that_cannot_be_used_are_left_out_and_counted(tmp_path: Path) -> None:
    odd: list[Site] = [
        ("1", 5, ["A", "C", "G"], [(255, 0, 0, 0, 0)] * 3),
        ("1", 6, ["A", "<DEL>"], [(255, 0)] * 3),
        ("1", 0, ["A", "C"], [(255, 0)] * 3),
        ("0", 7, ["A", "C"], [(255, 0)] * 3),
    ]
    reader, found = read(write(tmp_path / "x.bgen", [*odd, SITES[0]]))
    assert list(found) == [("1", 100, "A", "C")]
    counts = {one.code: one.count for one in reader.remarks}
    assert counts == {"multiallelic_left_out": 1, "coded_alleles": 1, "unplaced": 2}


def test_phase_and_ploidy() -> None:
    nan = np.nan
    phased = np.array([[1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1], [0.5, 0.5, 1, 0], [0, 1, nan, nan]], np.float32)
    expected = [gt.PHASED_01, gt.PHASED_10, gt.HOM_ALT, gt.MISSING, gt.HAP_ALT]
    assert call(phased, np.array([2, 2, 2, 2, 1], np.uint8), True).tolist() == expected
    plain = np.array([[1, 0, nan], [0, 0.95, 0.05], [nan, nan, nan], [1, 0, 0]], np.float32)
    assert call(plain, np.array([1, 2, 2, 3], np.uint8), False).tolist() == [gt.HAP_REF, gt.HET, -1, -1]


@needs_plink2
@pytest.mark.parametrize("form", [("bgen-1.2", "bits=8"), ("bgen-1.2", "bits=16"), ("bgen-1.3", "bits=8")])
@pytest.mark.parametrize("sep", ["/", "|"])
def test_plink_writes_what_is_read(tmp_path: Path, form: tuple[str, str], sep: str) -> None:
    rng = np.random.default_rng(3)
    letters = np.array(["0", "1"])[rng.integers(0, 2, (120, 9, 2))]
    calls = [[f"{a}{sep}{b}" if rng.random() > 0.1 else f".{sep}." for a, b in row] for row in letters]
    names = [f"p{k}" for k in range(9)]
    pos = list(range(100, 220))
    vcf = write_vcf(tmp_path / "x.vcf", "7", pos, ["A"] * 120, ["G"] * 120, calls, names)
    plink2("--vcf", vcf, "--export", form[0], form[1], "ref-first", "id-paste=iid", "--out", tmp_path / "x")
    reader, found = read(tmp_path / "x.bgen")
    assert reader.samples == names
    theirs = np.concatenate([block.codes for block in VcfReader(vcf)])
    np.testing.assert_array_equal(gt.unphase(np.array(list(found.values()), np.int8)), gt.unphase(theirs))
    if sep == "|":
        np.testing.assert_array_equal(np.array(list(found.values())), theirs)


def test_a_file_that_was_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = write(tmp_path / "x.bgen").read_bytes()
    for cut in range(20, len(whole)):
        (tmp_path / "cut.bgen").write_bytes(whole[:cut])
        with pytest.raises(TesseraError) as caught:
            read(tmp_path / "cut.bgen")
        assert caught.value.code is Code.truncated_file


def put(at: int, form: str, value: int) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        data = bytearray(path.read_bytes())
        struct.pack_into(form, data, at, value)
        path.write_bytes(data)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (put(4, "<I", 1 << 31), Code.corrupt_file),  # length of the header
        (put(8, "<I", 4), Code.truncated_file),  # one site more than there is
        (put(8, "<I", 0), Code.header_only),
        (put(12, "<I", (1 << 32) - 1), Code.corrupt_file),  # samples
        (put(12, "<I", 2), Code.corrupt_file),
        (put(20, "<I", 1 | 1 << 2 | 1 << 31), Code.not_vcf),  # layout 1
        (put(20, "<I", 1 | 2 << 2), Code.no_samples),
        (put(20, "<I", 3 | 2 << 2 | 1 << 31), Code.corrupt_file),
        (put(32, "<H", 60_000), Code.corrupt_file),  # length of an id
    ],
)
def test_broken_headers_are_refused(tmp_path: Path, spoil: Callable[[Path], None], code: Code) -> None:
    path = write(tmp_path / "x.bgen")
    spoil(path)
    with pytest.raises(TesseraError) as caught:
        read(path)
    assert caught.value.code is code


def test_a_site_that_claims_gigabytes_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = write(tmp_path / "x.bgen", SITES[:1])
    data = path.read_bytes()
    raw = payload(SITES[0][3])
    path.write_bytes(data.replace(struct.pack("<I", len(raw)) + b"\x78", struct.pack("<I", 0xFFFFFFF0) + b"\x78"))
    with pytest.raises(TesseraError, match="unpack") as caught:
        read(path)
    assert caught.value.code is Code.corrupt_file


@pytest.mark.parametrize(
    "edit",
    [
        lambda raw: raw[:5],
        lambda raw: raw[:-1],
        lambda raw: b"\xff" * 4 + raw[4:],
        lambda raw: raw[:4] + b"\x07\x00" + raw[6:],
        lambda raw: raw[:6] + bytes([63] * 5) + raw[11:],
        lambda raw: raw[:12] + bytes([40]) + raw[13:],
        lambda raw: raw[:12] + bytes([32]) + raw[13:],
    ],
    ids=["5 bytes", "a byte short", "samples", "alleles", "ploidy", "40 bits", "32 bits"],
)
def test_sites_that_contradict_themselves_are_refused(tmp_path: Path, edit: Callable[[bytes], bytes]) -> None:
    with pytest.raises(TesseraError) as caught:
        read(write(tmp_path / "x.bgen", edit=edit))
    assert caught.value.code is Code.corrupt_file


def test_no_flipped_bit_ends_in_anything_but_a_refusal(tmp_path: Path) -> None:
    rng = random.Random(8)
    whole = write(tmp_path / "x.bgen").read_bytes()
    refused = 0
    for _ in range(400):
        data = bytearray(whole)
        data[rng.randrange(20, len(data))] ^= 1 << rng.randrange(8)
        (tmp_path / "y.bgen").write_bytes(data)
        try:
            read(tmp_path / "y.bgen")
        except TesseraError:
            refused += 1
    assert refused > 200
