"""PLINK's text filesets: what they say, against PLINK itself, and what becomes of broken ones."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from errors import Code, TesseraError
from genotypes import codes as gt
from genotypes.guard import Limits
from genotypes.plink1 import PlinkReader
from genotypes.plinktext import PedReader
from tests.support.filesets import needs_plink2, plink2

MAP = "1 a 0 100\n1 b 0 200\n2 c 0 50\n2 d 0 -7\n0 e 0 9\n1 f 0 300\n"
PED = (
    "F S1 0 0 1 -9 A A C T G G A A A A 0 0\n"
    "F S2 0 0 2 -9 A G T T G G A A A A 0 0\n"
    "F S3 0 0 0 -9 0 0 C 0 g g A A A A 0 0\n"
)


def write(folder: Path, ped: str = PED, map_: str = MAP) -> list[Path]:
    (folder / "x.ped").write_text(ped)
    (folder / "x.map").write_text(map_)
    return [folder / "x.ped", folder / "x.map"]


def read(
    paths: list[Path], limits: Limits | None = None
) -> tuple[PedReader, dict[tuple[str, int, str, str], list[int]]]:
    reader = PedReader(paths[0], paths[1], paths[0].parent / "scratch", limits)
    found = {}
    for block in reader:
        keys = zip(block.sites.pos.tolist(), block.sites.ref, block.sites.alt, strict=True)
        for key, row in zip(keys, block.codes.tolist(), strict=True):
            found[block.sites.chrom, *key] = row
    return reader, found


def test_genotypes_sexes_and_what_was_left_out(tmp_path: Path) -> None:
    reader, found = read(write(tmp_path))
    assert found == {
        ("1", 100, "A", "G"): [0, 1, gt.MISSING],
        ("1", 200, "C", "T"): [1, 2, gt.MISSING],
        ("2", 50, "G", "."): [0, 0, 0],
    }
    assert reader.samples == ["S1", "S2", "S3"]
    assert reader.sex == {"S1": "male", "S2": "female"}
    assert {one.code: one.count for one in reader.remarks} == {
        "ids_of_iid": 1, "unplaced": 2, "no_alleles": 1, "half_calls": 1,
    }  # fmt: skip
    assert reader.ref_known is False


@pytest.mark.parametrize("change", ["tabs", "crlf", "blanks", "gzip", "three columns", "no last line end"])
def test_ways_to_write_the_same(tmp_path: Path, change: str) -> None:
    ped, map_ = PED, MAP
    if change == "tabs":
        ped = PED.replace(" ", "\t")
    if change == "crlf":
        ped, map_ = PED.replace("\n", "\r\n"), MAP.replace("\n", "\r\n")
    if change == "blanks":
        ped = "# made by hand\n\n" + PED.replace(" ", "  ").replace("\n", " \n\n")
    if change == "three columns":
        map_ = MAP.replace(" 0 ", " ")
    if change == "no last line end":
        ped, map_ = PED.rstrip("\n"), MAP.rstrip("\n")
    (tmp_path / "plain").mkdir()
    paths = write(tmp_path, ped, map_)
    if change == "gzip":
        paths[0].write_bytes(gzip.compress(PED.encode()))
    assert read(paths)[1] == read(write(tmp_path / "plain"))[1]


def test_alleles_that_are_no_bases_and_third_letters_are_left_out(tmp_path: Path) -> None:
    ped = "0 S1 0 0 0 -9 I D A C AT A\n0 S2 0 0 0 -9 I I G C A A\n0 S3 0 0 0 -9 1 1 C C A A\n"
    reader, found = read(write(tmp_path, ped, "1 a 0 1\n1 b 0 2\n1 c 0 3\n"))
    assert found == {}
    assert {one.code: one.count for one in reader.remarks} == {"coded_alleles": 2, "three_letters": 1}


@needs_plink2
def test_plink_reads_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    letters = np.array([["A", "G"], ["C", "T"], ["A", "C"], ["G", "T"]])[rng.integers(0, 4, 300)]
    dosage = rng.integers(-1, 3, (300, 23))
    dosage[:, :2] = 1  # both letters of every site are there
    lines = []
    for column in range(dosage.shape[1]):
        pairs = [
            "0 0" if d < 0 else " ".join(letters[row][[int(d > 1), int(d > 0)]])
            for row, d in enumerate(dosage[:, column])
        ]
        lines.append(f"0 P{column} 0 0 0 -9 {' '.join(pairs)}\n")
    sites = "".join(f"{1 + row // 100} r{row} 0 {row + 1}\n" for row in range(300))
    paths = write(tmp_path, "".join(lines), sites)
    plink2("--pedmap", tmp_path / "x", "--make-bed", "--out", tmp_path / "y")
    theirs = {}
    for block in PlinkReader(*(tmp_path / f"y.{ending}" for ending in ("bed", "bim", "fam"))):
        for row in range(len(block.sites)):
            codes = gt.unphase(block.codes[row]).tolist()
            ref, alt = block.sites.ref[row], block.sites.alt[row]
            if ref > alt:
                ref, alt, codes = alt, ref, [one if one < 0 else 2 - one for one in codes]
            theirs[block.sites.chrom, int(block.sites.pos[row]), ref, alt] = codes
    assert read(paths)[1] == theirs
    assert len(theirs) == 300


def cut_line(paths: list[Path]) -> None:
    paths[0].write_bytes(paths[0].read_bytes()[:-5])


def short_map(paths: list[Path]) -> None:
    paths[1].write_text("".join(MAP.splitlines(keepends=True)[:-1]))


def long_map(paths: list[Path]) -> None:
    paths[1].write_text(MAP + "1 g 0 400\n")


def extra_alleles(paths: list[Path]) -> None:
    paths[0].write_text(PED.replace("0 0\n", "0 0 A A\n"))


def no_genotypes(paths: list[Path]) -> None:
    paths[0].write_text("F S1 0 0 1 -9\n")


def no_position(paths: list[Path]) -> None:
    paths[1].write_text(MAP.replace("200", "here"))


def same_sample(paths: list[Path]) -> None:
    paths[0].write_text(PED.replace("S2", "S1"))


def empty_map(paths: list[Path]) -> None:
    paths[1].write_text("\n")


def empty_ped(paths: list[Path]) -> None:
    paths[0].write_text("\n")


def nul_bytes(paths: list[Path]) -> None:
    paths[0].write_bytes(PED.encode().replace(b"T T", b"\0 T"))


def cut_gzip(paths: list[Path]) -> None:
    paths[0].write_bytes(gzip.compress(PED.encode())[:-9])


def odd_contig(paths: list[Path]) -> None:
    paths[1].write_text(MAP.replace("1 a", "1;x a"))


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (cut_line, Code.truncated_file),
        (short_map, Code.parts_disagree),
        (long_map, Code.parts_disagree),
        (extra_alleles, Code.parts_disagree),
        (no_genotypes, Code.malformed_record),
        (no_position, Code.malformed_record),
        (same_sample, Code.duplicate_samples),
        (empty_map, Code.header_only),
        (empty_ped, Code.no_samples),
        (nul_bytes, Code.corrupt_file),
        (cut_gzip, Code.truncated_file),
        (odd_contig, Code.malformed_record),
    ],
)
def test_broken_filesets_are_refused(tmp_path: Path, spoil: Callable[[list[Path]], None], code: Code) -> None:
    paths = write(tmp_path)
    spoil(paths)
    with pytest.raises(TesseraError) as caught:
        read(paths)
    assert caught.value.code is code


def test_a_line_too_long_and_a_file_that_expands_too_far_are_refused(tmp_path: Path) -> None:
    paths = write(tmp_path)
    paths[0].write_text("F S1 0 0 1 -9" + " A" * 2_000_000)
    with pytest.raises(TesseraError) as caught:
        read(paths, Limits(max_line_bytes=1 << 20))
    assert caught.value.code is Code.line_too_long
    shutil.rmtree(tmp_path / "scratch", ignore_errors=True)
    with pytest.raises(TesseraError) as caught:
        read(paths, Limits(max_expanded_bytes=60))
    assert caught.value.code is Code.zip_bomb
