"""Every broken input that users send: the code that refuses it, or the note that says how it was mended."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from errors import Code, TesseraError
from genotypes.guard import Limits
from tests.support.fake_engine import FakeBundle
from tests.support.spoilt import (
    BUNDLE,
    GOOD,
    Make,
    bomb,
    chromosomes,
    cut,
    cut_line,
    edited,
    elsewhere,
    flip,
    foreign,
    haploid_here,
    lost,
    low_sample,
    mismatch,
    no_records,
    other_build,
    over_and_over,
    raw,
    repeat_record,
    set_all,
    set_field,
    swap,
    symbolic,
    third_allele,
    two_files,
    without_eof_block,
    written,
)
from tests.support.uploads import CONTIGS_38, Upload, make_upload
from worker.pipeline.folder import Harmonised, Ingested
from worker.pipeline.harmonise import HarmoniseOptions, harmonise
from worker.pipeline.ingest import IngestOptions, ingest
from worker.pipeline.types import HarmoniseSummary


@dataclass(frozen=True)
class Run:
    folder: Path
    summary: HarmoniseSummary

    @property
    def notes(self) -> dict[str, int]:
        return {note["code"]: note["count"] for note in self.summary.qc["notes"]}

    @property
    def upload(self) -> Ingested:
        return Ingested.open(self.folder / "in")

    @property
    def harmonised(self) -> Harmonised:
        return Harmonised.open(self.folder / "out")


def run(
    folder: Path,
    files: Sequence[Path],
    *,
    strict: bool = False,
    build: str = "auto",
    limits: Limits | None = None,
    bundle: FakeBundle = BUNDLE,
) -> Run:
    options = IngestOptions(strict=strict, limits=limits or Limits())
    ingest(files, folder / "in", options)
    summary = harmonise(folder / "in", bundle, folder / "out", HarmoniseOptions(build, strict))
    return Run(folder, summary)


REFUSED: dict[str, tuple[Make, Code, dict[str, Any]]] = {
    "empty": (raw(b""), Code.empty_file, {}),
    "empty inside gzip": (raw(gzip.compress(b"")), Code.empty_file, {}),
    "text": (raw(b"rs1\t20\t100\tAA\n" * 9, "x.vcf"), Code.not_vcf, {}),
    "picture": (raw(b"\x89PNG\r\n\x1a\n" + bytes(100), "x.vcf"), Code.not_vcf, {}),
    "broken zip archive": (raw(b"PK\x03\x04" + bytes(100), "x.vcf.gz"), Code.corrupt_file, {}),
    "bgzip cut in a block": (cut(0.6, "x.vcf.gz"), Code.truncated_file, {}),
    "bgzip without its end": (without_eof_block, Code.truncated_file, {}),
    "gzip cut": (cut(0.6, "x.vcf.gzip"), Code.truncated_file, {}),
    "bcf cut": (cut(0.6, "x.bcf"), Code.truncated_file, {}),
    "header only": (written(no_records), Code.header_only, {}),
    "header only in bcf": (written(no_records, "x.bcf"), Code.header_only, {}),
    "no GT": (written(set_all(fmt="DP")), Code.no_gt, {}),
    "sites only": (written(set_all(samples=[])), Code.no_samples, {}),
    "duplicate sample ids": (written(set_all(samples=["a", "b", "a", "c", "d"])), Code.duplicate_samples, {}),
    "mixed ploidy": (written(haploid_here), Code.mixed_ploidy, {}),
    "wrong build by header": (written(foreign), Code.wrong_build, {}),
    "wrong build by sites": (other_build, Code.wrong_build, {}),
    "wrong build, sparse bundle": (elsewhere, Code.wrong_build, {}),
    "wrong build chosen": (written(), Code.wrong_build, {"build": "GRCh38"}),
    "no overlap": (
        written(lambda u: set_all(pos=[p + 137 for p in u.pos])(u)),
        Code.no_overlap,
        {},
    ),
    "chromosome not in bundle": (
        written(lambda u: set_all(chrom=["7"] * len(u.pos))(u)),
        Code.chromosome_not_in_bundle,
        {},
    ),
    "contig with a path for a name": (
        written(lambda u: set_all(chrom=["../../evil"] * len(u.pos), contigs=None)(u), "x.vcf"),
        Code.malformed_record,
        {},
    ),
    "long line": (written(), Code.line_too_long, {"limits": Limits(max_line_bytes=40)}),
    "zip bomb": (bomb, Code.zip_bomb, {"limits": Limits(max_expanded_bytes=500_000)}),
    "other samples after cat": (
        edited(lambda t: t + t.replace("\tS1\t", "\tT1\t")),
        Code.samples_differ,
        {},
    ),
    "a few records over and over": (over_and_over, Code.duplicate_positions, {}),
    "files with other samples": (
        two_files(set_all(samples=["S0", "S1", "S2", "S3", "other"])),
        Code.samples_differ,
        {},
    ),
}


@pytest.mark.parametrize(("make", "code", "options"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(tmp_path: Path, make: Make, code: Code, options: dict[str, Any]) -> None:
    files = make(tmp_path)
    with pytest.raises(TesseraError) as caught:
        run(tmp_path, files, **options)
    assert caught.value.code is code
    assert caught.value.message.endswith(".")
    assert caught.value.action
    assert caught.value.as_dict()["details"] is not None


MENDED: dict[str, tuple[Make, str, int, Code | None]] = {
    "unsorted": (
        lambda f: [GOOD.rows([*range(9, -1, -1), *range(10, 200)]).write(f / "x.vcf.gz")],
        "unsorted",
        9,
        Code.unsorted,
    ),
    "duplicate positions": (written(repeat_record), "duplicate_positions", 1, Code.duplicate_positions),
    "half calls": (written(set_field("gts", 0, ["./1", "0/.", "0/0", ".|1", "0/1"])), "half_calls", 3, Code.half_calls),
    "several ALT alleles": (written(third_allele), "multiallelic", 1, Code.multiallelic),
    "symbolic alleles": (written(symbolic), "symbolic_alleles", 2, Code.symbolic_alleles),
    "swapped alleles": (written(swap), "swapped", 1, Code.allele_mismatch),
    "other strand": (written(flip), "flipped", 1, Code.allele_mismatch),
    "other alleles": (written(mismatch), "allele_mismatch", 1, Code.allele_mismatch),
    "CRLF": (written(set_all(newline="\r\n"), "x.vcf"), "crlf", 1, Code.malformed_record),
    "CRLF, compressed": (written(set_all(newline="\r\n")), "crlf", 1, Code.malformed_record),
    "some chromosomes not in the bundle": (
        written(chromosomes),
        "chromosome_not_in_bundle",
        100,
        Code.chromosome_not_in_bundle,
    ),
    "samples in another order": (
        two_files(lambda u: u.__dict__.update(u.columns([4, 0, 3, 1, 2]).__dict__)),
        "samples_reordered",
        1,
        Code.samples_differ,
    ),
    "files that overlap": (two_files(lambda u: None, 100, 90), "files_merged", 1, Code.duplicate_chromosomes),
    "last line cut short": (cut_line, "last_line_cut", 1, Code.malformed_record),
    "old Macintosh line ends": (edited(lambda t: t.replace("\n", "\r")), "crlf", 1, Code.malformed_record),
    "blanks for tabs": (edited(lambda t: t.replace("\t", "  ")), "spaces", 1, Code.malformed_record),
    "blanks for tabs, CRLF": (
        edited(lambda t: t.replace("\t", " ").replace("\n", "\r\n"), "x.vcf.gz"),
        "spaces",
        1,
        Code.malformed_record,
    ),
    "a tab too many": (edited(lambda t: t.replace("\n20", "\t\n20")), "trailing_tabs", 199, Code.malformed_record),
    "files joined by cat": (edited(lambda t: t + t), "headers_inside", 1, Code.malformed_record),
    "site without calls": (written(lost), "all_missing", 1, None),
    "poor sample": (written(low_sample), "low_call_rate", 1, None),
    "chr prefix": (written(set_all(chrom=["chr20"] * 200, contigs=None)), "contig_names", 1, None),
    "header of another build": (written(set_all(contigs=CONTIGS_38)), "build_header_disagrees", 1, None),
}


@pytest.mark.parametrize(("make", "note", "count", "strict"), MENDED.values(), ids=MENDED.keys())
def test_mended_and_noted(tmp_path: Path, make: Make, note: str, count: int, strict: Code | None) -> None:
    done = run(tmp_path, make(tmp_path))
    assert done.notes[note] == count


@pytest.mark.parametrize(("make", "note", "count", "strict"), MENDED.values(), ids=MENDED.keys())
def test_strict_refuses_mendings(tmp_path: Path, make: Make, note: str, count: int, strict: Code | None) -> None:
    files = make(tmp_path)
    if strict is None:
        assert run(tmp_path, files, strict=True).notes[note] == count
    else:
        with pytest.raises(TesseraError) as caught:
            run(tmp_path, files, strict=True)
        assert caught.value.code is strict


WORKS: dict[str, Make] = {
    "as it should be": written(),
    "plain text": written(name="x.vcf"),
    "plain gzip": written(name="x.vcf.gzip"),
    "bcf": written(name="x.bcf"),
    "no contig lines": written(set_all(contigs=None)),
    "in two files": two_files(lambda u: None),
    "empty lines": edited(lambda t: "\n" + t.replace("##FORMAT", "\n##FORMAT").replace("\n20", "\n\n20") + "\n"),
}


@pytest.mark.parametrize("make", WORKS.values(), ids=WORKS.keys())
def test_works_without_a_note(tmp_path: Path, make: Make) -> None:
    done = run(tmp_path, make(tmp_path), strict=True)
    assert done.summary.qc["notes"] == []
    assert (done.summary.samples, done.summary.sites) == (5, 200)


def test_one_sample_works(tmp_path: Path) -> None:
    one = GOOD.columns([2])
    called = sum("." not in row[0] for row in one.gts)
    done = run(tmp_path, [one.write(tmp_path / "x.vcf.gz")])
    assert (done.summary.samples, done.summary.sites) == (1, called)
    assert done.notes == {"all_missing": len(one.gts) - called}


def test_every_way_of_writing_gives_the_same_genotypes(tmp_path: Path) -> None:
    stores = []
    for name in ("x.vcf", "x.vcf.gzip", "x.vcf.gz", "x.bcf"):
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        done = run(folder, [GOOD.write(folder / name)])
        (one,) = done.harmonised.chromosomes
        stores.append(np.array(done.harmonised.typed(one).codes))
    assert all(np.array_equal(stores[0], other) for other in stores[1:])


def test_sorting_and_sample_order_keep_every_genotype(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    plain = run(tmp_path / "plain", [GOOD.write(tmp_path / "plain" / "x.vcf.gz")])
    (tmp_path / "shuffled").mkdir()
    rows = np.random.default_rng(1).permutation(100).tolist()
    first = GOOD.rows(list(range(100, 200))).write(tmp_path / "a.vcf.gz")
    second = GOOD.rows(rows).columns([4, 0, 3, 1, 2]).write(tmp_path / "b.bcf")
    shuffled = run(tmp_path / "shuffled", [first, second])
    codes = [np.array(done.harmonised.typed(done.harmonised.chromosomes[0]).codes) for done in (plain, shuffled)]
    assert np.array_equal(*codes)


def test_repeated_records_are_merged_where_they_agree(tmp_path: Path) -> None:
    done = run(tmp_path, written(repeat_record)(tmp_path))
    store = done.harmonised.typed(done.harmonised.chromosomes[0])
    assert store.codes[7].tolist() == [1, -1, 2, -1, -1]
    assert done.summary.qc["chromosomes"][0]["discordant"] == 3


def test_swapped_record_has_swapped_genotypes(tmp_path: Path) -> None:
    def change(upload: Upload) -> None:
        swap(upload)
        upload.gts[1] = ["0/0", "0|1", "1/1", "./.", "0/1"]

    done = run(tmp_path, written(change)(tmp_path))
    store = done.harmonised.typed(done.harmonised.chromosomes[0])
    assert store.codes[1].tolist() == [2, 4, 0, -1, 1]


def test_haploid_samples_of_x_beside_diploid_ones(tmp_path: Path) -> None:
    upload = make_upload(BUNDLE.sites("X"))
    for row in upload.gts:
        row[1] = row[1][0]
    upload.contigs = None
    done = run(tmp_path, [upload.write(tmp_path / "x.vcf.gz")])
    (one,) = done.harmonised.chromosomes
    assert one.haploid == [1]
    assert done.harmonised.ploidy(one).tolist() == [2, 1, 2, 2, 2]


def test_mixed_ploidy_names_sample_and_place(tmp_path: Path) -> None:
    with pytest.raises(TesseraError) as caught:
        run(tmp_path, written(haploid_here)(tmp_path))
    assert caught.value.details["sample"] == "S1"
    assert f"{GOOD.pos[4]:,}" in caught.value.message


def test_message_names_the_file(tmp_path: Path) -> None:
    good, bad = two_files(no_records)(tmp_path)
    with pytest.raises(TesseraError) as caught:
        run(tmp_path, [good, bad])
    assert caught.value.details["file"] == "b.vcf.gz"
    assert "b.vcf.gz" in caught.value.message


def test_folders_between_the_stages_are_flat(tmp_path: Path) -> None:
    done = run(tmp_path, written(set_all(newline="\r\n"), "x.vcf")(tmp_path))
    assert all(path.is_file() for name in ("in", "out") for path in (done.folder / name).iterdir())
    assert {path.name for path in tmp_path.iterdir()} == {"x.vcf", "in", "out"}
