"""Files of different arrays meet: which sites are the same, and what two observations of one genotype make."""

from __future__ import annotations

import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from errors import Code, TesseraError
from genotypes import likelihoods as gl
from genotypes.mending import parse_mend
from jobs.settings import load_settings
from models.peeling.penetrance import confident_calls
from tests.support.filesets import fileset
from tests.support.uploads import Upload
from tests.support.vcf import write_vcf
from worker import peel_stages
from worker.pipeline.peel_folder import Joined, store_observations, store_sites
from worker.pipeline.peel_harmonise import peel_harmonise
from worker.pipeline.peel_read import PeelReadOptions, peel_read

Row = tuple[int, str, str, str]  # bp, REF, ALT, genotype


def join(
    tmp_path: Path, *files: tuple[str, list[Row]], strict: bool = False, mend: str = "all"
) -> tuple[dict[Row, int], set[str]]:
    """Files of one sample each, joined: ALT alleles (-1 none) of animal 'a' by site, and the notes' codes."""
    paths = []
    for number, (sample, rows) in enumerate(files):
        pos, ref, alt, calls = zip(*rows, strict=True)
        paths.append(write_vcf(tmp_path / f"{number}.vcf", "1", pos, ref, alt, [[call] for call in calls], [sample]))
    (tmp_path / "p.txt").write_text("a f m\nb f m\n")
    peel_read(paths, tmp_path / "p.txt", tmp_path / "read", PeelReadOptions(strict))
    done = peel_harmonise(tmp_path / "read", tmp_path / "joined", strict=strict, mend=parse_mend(mend))
    joined = Joined.open(tmp_path / "joined")
    (one,) = joined.chromosomes
    sites = store_sites(tmp_path / "joined", one.store)
    seen = np.asarray(store_observations(tmp_path / "joined", one.store, (one.sites, 4)))
    keys = zip(sites.pos.tolist(), sites.ref, sites.alt, strict=True)
    return dict(zip(keys, confident_calls(seen)[:, 0].tolist(), strict=True)), {n["code"] for n in done.qc["notes"]}


def test_sites_of_all_files_in_order(tmp_path: Path) -> None:
    got, codes = join(tmp_path, ("a", [(30, "A", "C", "0/1"), (50, "A", "C", "1/1")]), ("a", [(10, "G", "T", "0/0")]))
    assert list(got.items()) == [((10, "G", "T"), 0), ((30, "A", "C"), 1), ((50, "A", "C"), 2)]
    assert codes == {"no_genetic_map"}


@pytest.mark.parametrize(
    ("second", "dosage", "code"),
    [
        ((9, "C", "A", "0/0"), 2, "swapped"),
        ((9, "T", "G", "1/1"), 2, "flipped"),
        ((9, "G", "T", "0/0"), 2, "flipped"),
        ((9, "A", "C", "0/1"), 1, None),
    ],
)
def test_a_later_file_is_turned_to_the_first(tmp_path: Path, second: Row, dosage: int, code: str | None) -> None:
    got, codes = join(tmp_path, ("b", [(9, "A", "C", "0/0")]), ("a", [second]))
    assert got == {(9, "A", "C"): dosage}
    assert codes - {"no_genetic_map", "mendelian_errors"} == ({code} if code else set())


FIRST: Row = (9, "A", "C", "0/0")
SWAPPED, FLIPPED, BOTH = (9, "C", "A", "0/0"), (9, "T", "G", "1/1"), (9, "G", "T", "0/0")


@pytest.mark.parametrize(
    ("mend", "second", "dosage"),
    [
        ("flip", SWAPPED, -1), ("swap", SWAPPED, 2), ("swap", FLIPPED, -1), ("flip", FLIPPED, 2),
        ("swap", BOTH, -1), ("flip", BOTH, -1), ("swap,flip", BOTH, 2), ("none", SWAPPED, -1), ("none", FIRST, 0),
    ],
)  # fmt: skip
def test_what_may_not_be_mended_is_left_out_of_the_later_file(
    tmp_path: Path, mend: str, second: Row, dosage: int
) -> None:
    got, codes = join(tmp_path, ("b", [FIRST]), ("a", [second]), mend=mend)
    assert got == {(9, "A", "C"): dosage}
    assert ("not_mended" in codes) is (dosage == -1)


def test_a_fileset_is_put_in_order_whatever_may_be_mended(tmp_path: Path) -> None:
    upload = Upload(["1"], [9], ["C"], ["A"], [["0/0"]], ["a"])
    vcf = write_vcf(tmp_path / "x.vcf", "1", [9], ["A"], ["C"], [["0/1"]], ["b"])
    (tmp_path / "p.txt").write_text("a f m\nb f m\n")
    peel_read([vcf, *fileset(upload, tmp_path / "x")], tmp_path / "p.txt", tmp_path / "read")
    done = peel_harmonise(tmp_path / "read", tmp_path / "joined", strict=True, mend=parse_mend("none"))
    assert done.sites == 1
    assert {note["code"] for note in done.qc["notes"]} >= {"ref_unknown"}


@pytest.mark.parametrize(
    ("second", "code"),
    [
        ([SWAPPED], Code.allele_mismatch),
        ([FLIPPED], Code.allele_mismatch),
        ([FIRST, (9, "A", "C", "1/1")], Code.duplicate_positions),
    ],
)
def test_strict_refuses_sites_that_would_be_turned(tmp_path: Path, second: list[Row], code: Code) -> None:
    with pytest.raises(TesseraError, match=r"chromosome 1.*strict") as caught:
        join(tmp_path, ("b", [FIRST]), ("a", second), strict=True)
    assert caught.value.code is code


def test_exchanged_alleles_of_a_palindrome_are_left_out(tmp_path: Path) -> None:
    got, codes = join(tmp_path, ("b", [(9, "A", "T", "0/0")]), ("a", [(9, "T", "A", "0/0")]))
    assert got == {(9, "A", "T"): -1}
    assert "ambiguous" in codes


def test_other_alleles_at_the_same_position_are_another_site(tmp_path: Path) -> None:
    got, _ = join(tmp_path, ("a", [(9, "A", "C", "0/1")]), ("a", [(9, "A", "AT", "1/1")]))
    assert got == {(9, "A", "C"): 1, (9, "A", "AT"): 2}


def test_two_calls_that_differ_are_none_and_one_fills_the_other(tmp_path: Path) -> None:
    first = [(1, "A", "C", "0/1"), (2, "A", "C", "0/0"), (3, "A", "C", "./."), (4, "A", "C", "1/1")]
    second = [(1, "A", "C", "0/1"), (2, "A", "C", "0/1"), (3, "A", "C", "1/1"), (4, "A", "C", "./.")]
    got, codes = join(tmp_path, ("a", first), ("a", second))
    assert list(got.values()) == [1, -1, 2, 2]
    assert "conflicting_calls" in codes


def test_a_site_without_alt_is_homozygous_at_the_other_files_site(tmp_path: Path) -> None:
    got, codes = join(tmp_path, ("a", [(5, "A", ".", "0/0"), (7, "G", ".", "0/0")]), ("b", [(5, "A", "C", "0/1")]))
    assert got == {(5, "A", "C"): 0}
    assert "no_alt" in codes


def test_a_repeated_record_of_one_file_is_left_out_and_said(tmp_path: Path) -> None:
    got, codes = join(tmp_path, ("a", [(5, "A", "C", "0/1"), (5, "A", "C", "1/1")]))
    assert got == {(5, "A", "C"): 1}
    assert "duplicate_positions" in codes


def test_likelihoods_go_before_calls_of_another_file(tmp_path: Path) -> None:
    call = write_vcf(tmp_path / "c.vcf", "1", [5], ["A"], ["C"], [["0/0"]], ["a"])
    likely = write_vcf(tmp_path / "l.vcf", "1", [5], ["A"], ["C"], [["0/0:40,0,40"]], ["a"], fmt="GT:PL")
    (tmp_path / "p.txt").write_text("a f m\n")
    peel_read([call, likely], tmp_path / "p.txt", tmp_path / "read")
    peel_harmonise(tmp_path / "read", tmp_path / "joined")
    seen = store_observations(tmp_path / "joined", "c0", (1, 3))
    assert seen[0, 0] == gl.encode(np.array([40, 0, 40]))


def test_strict_refuses_what_it_would_mend_and_odd_chromosomes(tmp_path: Path) -> None:
    with pytest.raises(TesseraError) as caught:
        join(tmp_path, ("a", [(5, "A", "C", "./1")]), strict=True)
    assert caught.value.code is Code.half_calls
    path = write_vcf(tmp_path / "x.vcf", ["1", "X"], [5, 5], ["A", "A"], ["C", "C"], [["0/1"], ["0/0"]], ["a"])
    peel_read([path], tmp_path / "p.txt", tmp_path / "both")
    done = peel_harmonise(tmp_path / "both", tmp_path / "kept")
    assert (done.chromosomes, done.qc["left_out"]) == (["1"], [{"name": "X", "sites": 1}])
    with pytest.raises(TesseraError) as caught:
        peel_harmonise(tmp_path / "both", tmp_path / "refused", strict=True)
    assert caught.value.code is Code.engine_unavailable


def test_23_is_an_autosome_of_cattle_and_x_of_people(tmp_path: Path) -> None:
    path = write_vcf(tmp_path / "x.vcf", "chr23", [5], ["A"], ["C"], [["0/1"]], ["a"])
    (tmp_path / "p.txt").write_text("a f m\n")
    peel_read([path], tmp_path / "p.txt", tmp_path / "read")
    bounds = [2_781_480, 155_701_382]
    for kind, build, name, non_par in (("cattle", "auto", "23", None), ("people", "GRCh38", "X", bounds)):
        assert peel_harmonise(tmp_path / "read", tmp_path / kind, build=build).chromosomes == [name]
        one = Joined.open(tmp_path / kind).chromosome(name)
        assert (one.contig, one.non_par) == ("chr23", non_par)


@pytest.mark.parametrize("contig", ["chr24", "chrY", "chrM"])
def test_y_and_mitochondria_of_people_are_refused(tmp_path: Path, contig: str) -> None:
    path = write_vcf(tmp_path / "y.vcf", contig, [5], ["A"], ["C"], [["0/1"]], ["a"])
    (tmp_path / "p.txt").write_text("a f m\n")
    peel_read([path], tmp_path / "p.txt", tmp_path / "read")
    with pytest.raises(TesseraError) as caught:
        peel_harmonise(tmp_path / "read", tmp_path / "people", build="GRCh38")
    assert caught.value.code is Code.engine_unavailable


def test_a_fileset_and_an_archive_meet_a_vcf(tmp_path: Path) -> None:
    upload = Upload(["1"] * 3, [10, 20, 30], ["A", "C", "G"], ["C", "T", "A"], [["0/1"], ["1/1"], ["0/0"]], ["a"])
    vcf = write_vcf(tmp_path / "x.vcf", "1", [10, 40], ["C", "A"], ["A", "G"], [["0/1"], ["0/1"]], ["b"])
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.write(vcf, "b.vcf")
    (tmp_path / "p.txt").write_text("a f m\nb f m\n")
    files = [*fileset(upload, tmp_path / "x"), tmp_path / "b.zip"]
    read = peel_read(files, tmp_path / "p.txt", tmp_path / "read")
    assert (read.files, read.samples) == (["x.bed", "b.vcf"], [["a"], ["b"]])
    done = peel_harmonise(tmp_path / "read", tmp_path / "joined")
    (one,) = Joined.open(tmp_path / "joined").chromosomes
    seen = np.asarray(store_observations(tmp_path / "joined", one.store, (one.sites, 4)))
    assert confident_calls(seen)[:, :2].tolist() == [[1, 1], [2, -1], [0, -1], [-1, 1]]
    assert {note["code"] for note in done.qc["notes"]} >= {"ref_unknown"}


def test_a_part_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("a f m\n")
    upload = Upload(["1"], [10], ["A"], ["C"], [["0/1"]], ["a"])
    with pytest.raises(TesseraError) as caught:
        peel_read(fileset(upload, tmp_path / "x")[:2], tmp_path / "p.txt", tmp_path / "read")
    assert caught.value.code is Code.missing_part


def test_a_jobs_mend_reaches_the_join(tmp_path: Path) -> None:
    first = write_vcf(tmp_path / "a.vcf", "1", [9, 10], ["A", "A"], ["C", "C"], [["0/0"], ["0/1"]], ["a"])
    second = write_vcf(tmp_path / "b.vcf", "1", [9, 10], ["C", "A"], ["A", "C"], [["0/0"], ["0/1"]], ["b"])
    (tmp_path / "p.txt").write_text("a f m\nb f m\n")
    peel_read([first, second], tmp_path / "p.txt", tmp_path / "read")
    for mend, left_out in (("all", 0), ("none", 1)):
        (tmp_path / mend / "pages").mkdir(parents=True)
        job = SimpleNamespace(id="j", name="n", bundle="none", build="auto", strict=False, mode="qc", r2_min=0.0)
        job.options = {"mend": mend}
        desk: Any = SimpleNamespace(
            task=SimpleNamespace(job=job, files=[]), effort="fast", tools=SimpleNamespace(settings=load_settings())
        )
        desk.lease = SimpleNamespace(progress=lambda _: None)
        desk.inputs, desk.out, desk.one = tmp_path / mend / "pages", tmp_path / mend, lambda _: tmp_path / "read"
        desk.publish_work, desk.publish_results = dict, list
        made = peel_stages.harmonise(cast(Any, desk))
        assert sum(n["count"] for n in made["qc"]["notes"] if n["code"] == "not_mended") == left_out
