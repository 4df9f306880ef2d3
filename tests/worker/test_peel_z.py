"""Chromosome Z of birds: as X with the sexes exchanged, genotype by genotype."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pysam
import pytest

from errors import Code, TesseraError
from jobs.states import JobState
from models.peeling.pedigree import read_pedigree, x_linked
from tests.support.worker import Workplace, worker_settings
from tests.worker.test_peel_job import results, run
from tests.worker.test_peel_x import IDS, MALES, NON_PAR, POS, Herd, herd
from worker.pipeline.peel_folder import PeelOptions
from worker.pipeline.peel_run import PeelOffline, PeelOfflineDone, peel_offline
from worker.pipeline.peel_x import x_bounds

__all__ = ["herd"]
BOUNDS = (2_781_480, 155_701_382)


@pytest.fixture(scope="module")
def flock(herd: Herd, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The people of `test_peel_x` as birds: every sire is a dam and males are females, X is Z, and there is a W."""
    folder = tmp_path_factory.mktemp("z")
    lines = (herd.folder / "x.vcf").read_text().replace("chrX", "chrZ").splitlines()
    lines.append(lines[-1].replace("chrZ", "chrW"))
    (folder / "z.vcf").write_text("\n".join(lines) + "\n")
    rows = []
    for line in (herd.folder / "x.fam").read_text().splitlines():
        family, name, sire, dam, sex, _ = line.split()
        rows.append(f"{family} {name} {dam} {sire} {(0, 2, 1)[int(sex)]} 0")
    (folder / "z.fam").write_text("\n".join(rows) + "\n")
    return folder


def peel(vcf: Path, family: Path, out: Path, **more: object) -> PeelOfflineDone:
    options = PeelOptions(cycles=4, haplotypes=True)
    offline = PeelOffline(options, "bird", report=out.parent, **more)  # type: ignore[arg-type]
    return peel_offline([vcf], family, out, offline)


def dosages(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with pysam.VariantFile(str(path)) as file:
        calls = [[(len(call["GT"]), call["DS"]) for call in record.samples.values()] for record in file]
    found = np.array(calls)
    return found[..., 0], found[..., 1]


@pytest.mark.parametrize("system", ["auto", "ZW"])
def test_z_is_x_with_the_sexes_exchanged(herd: Herd, flock: Path, tmp_path: Path, system: str) -> None:
    x = peel(herd.folder / "x.vcf", herd.folder / "x.fam", tmp_path / "x.vcf.gz", non_par=BOUNDS)
    z = peel(flock / "z.vcf", flock / "z.fam", tmp_path / "z.vcf.gz", non_par=BOUNDS, sex_system=system)
    ploidy, ds = dosages(tmp_path / "z.vcf.gz")
    same_ploidy, same = dosages(tmp_path / "x.vcf.gz")
    assert np.array_equal(ploidy, same_ploidy)
    assert np.array_equal(ploidy == 1, np.isin(np.arange(len(POS)), NON_PAR)[:, None] & MALES)
    # Which of two unknown parents is the sire decides the order of sums, and nothing else.
    assert np.abs(ds - same).max() < 0.02
    assert np.abs(ds - same).mean() < 1e-4
    notes = {note["code"]: note["message"] for note in z.qc["notes"]}
    assert "on Z" in notes["sex_inferred"]
    assert "taken for males" in notes["sex_unknown"]
    assert "not_an_autosome" in notes
    assert z.qc["left_out"] == [{"name": "W", "sites": 1}]
    assert z.qc["mendel"]["trios"] == x.qc["mendel"]["trios"]
    with gzip.open(tmp_path / "z.haplotypes.tsv.gz", "rt") as file:
        assert sum("|" not in text for line in list(file)[1:] for text in line.split("\t")[5:]) == MALES.sum() * len(
            NON_PAR
        )


def test_another_system_or_no_bounds_leave_it_out(flock: Path, tmp_path: Path) -> None:
    for more in ({"non_par": BOUNDS, "sex_system": "XY"}, {}):
        with pytest.raises(TesseraError, match="chrZ is not inherited") as error:
            peel(flock / "z.vcf", flock / "z.fam", tmp_path / "z.vcf.gz", **more)
        assert error.value.code is Code.engine_unavailable
    assert x_bounds("X", "bird", BOUNDS, "ZW") is None
    assert x_bounds("X", "GRCh38", None, "ZW") is None
    assert x_bounds("z", None, BOUNDS) == BOUNDS


def test_females_of_z_have_their_sires_gamete(flock: Path) -> None:
    pedigree = read_pedigree(flock / "z.fam")
    females = pedigree.sex == 2
    linked, single = x_linked(pedigree, females, zw=True)
    assert np.array_equal(single, females)
    assert (linked.dam[females] == -1).all()
    assert np.array_equal(linked.sire, pedigree.sire)
    assert np.array_equal(linked.dam[~females], pedigree.dam[~females])


def test_a_job_takes_the_sex_system(flock: Path, tmp_path: Path) -> None:
    place = Workplace(worker_settings(tmp_path / "data", worker={"threads": 1}, peeling={"cycles": 2}))
    options = {"non_par": list(BOUNDS), "sex_system": "ZW"}
    job = run(place, [flock / "z.vcf"], flock / "z.fam", build="bird", options=options)
    assert (job.state, job.error) == (JobState.complete, None)
    ploidy, _ = dosages(results(place, job.id, tmp_path)["chrZ.dose.vcf.gz"])
    assert (ploidy[:, IDS.index("pa0")] == 1).sum() == len(NON_PAR)
