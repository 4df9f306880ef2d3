"""Chromosome X and doubled haploids from files to files."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam
import pytest
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.builds import base_pairs
from jobs.states import JobState
from models.peeling.pedigree import read_pedigree
from tests.reference.peeling_exact import Parents
from tests.support.pedigrees import drop_single
from tests.support.worker import Workplace, worker_settings
from tests.worker.test_peel_job import results, run
from worker.pipeline.peel_folder import PeelOptions
from worker.pipeline.peel_run import PeelOffline, peel_offline
from worker.pipeline.peel_x import LOST, Stretch, stretches

COUPLES = 8
PAR1, NON_PAR, PAR2 = range(12), range(12, 92), range(92, 100)
POS = [*range(200_001, 2_600_002, 200_001), *range(3_000_001, 83_000_001, 1_000_000)]
POS += range(155_710_001, 155_790_001, 10_000)
IDS = [f"{kind}{k}" for k in range(COUPLES) for kind in ("pa", "ma", "son", "girl")] + ["calf", "ghost"]
PARENTS: Parents = []
for couple in range(COUPLES):
    PARENTS += [(None, None)] * 2 + [(4 * couple, 4 * couple + 1)] * 2
PARENTS += [(4, 5), (4, 5)]
MALES = np.array([name.startswith(("pa", "son")) for name in IDS])


@dataclass(frozen=True)
class Herd:
    """Genotypes of the people of `IDS`: ALT alleles (N, L), of males outside PAR as 0 and 2; and the folder."""

    truth: NDArray[np.int8]
    folder: Path


def cell(dosage: int, haploid: bool) -> str:
    return str(dosage // 2) if haploid else ("0/0", "0/1", "1/1")[dosage]


@pytest.fixture(scope="module")
def herd(tmp_path_factory: pytest.TempPathFactory) -> Herd:
    """All are typed at all sites, but 'son1' at every fourth and 'ghost' at none; sons are written haploid."""
    folder = tmp_path_factory.mktemp("x")
    rng = np.random.default_rng(3)
    linked: Parents = [(None, d) if male else (s, d) for (s, d), male in zip(PARENTS, MALES, strict=True)]
    truth = np.zeros((len(IDS), len(POS)), np.int8)
    for region in (PAR1, NON_PAR, PAR2):
        parents, single = (linked, MALES) if region is NON_PAR else (PARENTS, MALES & False)
        founders = (rng.random((5 * COUPLES, len(region))) < 0.5).astype(np.int8)
        haps = drop_single(rng, parents, founders, 0.01, single)
        truth[:, region.start : region.stop] = haps.sum(axis=1)
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=chrX>", '##FORMAT=<ID=GT,Number=1,Type=String,Description="GT">']
    lines.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *IDS[:-1]]))
    for site, pos in enumerate(POS):
        cells = []
        for row, name in enumerate(IDS[:-1]):
            haploid = name.startswith("son") and site in NON_PAR
            text = cell(int(truth[row, site]), haploid)
            if (name == "son1" and site % 4) or (name == "pa3" and site == 40):
                text = "./." if name != "pa3" else "0/1"
            cells.append(text)
        lines.append("\t".join(["chrX", str(pos), f"s{site}", "A", "C", ".", "PASS", ".", "GT", *cells]))
    (folder / "x.vcf").write_text("\n".join(lines) + "\n")
    rows = []
    for row, name in enumerate(IDS):
        sire, dam = ("0" if p is None else IDS[p] for p in PARENTS[row])
        sex = 0 if name in ("calf", "ghost") else 1 if MALES[row] else 2
        rows.append(f"F {name} {sire} {dam} {sex} 0")
    (folder / "x.fam").write_text("\n".join(rows) + "\n")
    return Herd(truth, folder)


def peel(herd: Herd, out: Path, build: str = "GRCh38", strict: bool = False, **more: object) -> dict[str, object]:
    options = PeelOptions(cycles=4, haplotypes=True, segregation=True)
    offline = PeelOffline(options, build, strict, report=out.parent, **more)  # type: ignore[arg-type]
    return peel_offline([herd.folder / "x.vcf"], herd.folder / "x.fam", out, offline).qc


def test_males_have_one_copy_between_the_pseudoautosomal_regions(herd: Herd, tmp_path: Path) -> None:
    peel(herd, tmp_path / "x.vcf.gz")
    with pysam.VariantFile(str(tmp_path / "x.vcf.gz")) as file:
        assert list(file.header.samples) == IDS
        records = list(file)
    assert [record.pos for record in records] == POS
    for site, record in enumerate(records):
        for row, call in enumerate(record.samples.values()):
            one = bool(MALES[row]) and site in NON_PAR
            assert len(call["GT"]) == 2 - one
            assert len(call["GP"]) == 3 - one
            assert 0 <= call["DS"] <= 2 - one
            assert sum(call["GP"]) == pytest.approx(1, abs=2e-3)
            top = call["GP"][1] if one else call["GP"][1] + 2 * call["GP"][2]
            assert call["DS"] == pytest.approx(top, abs=2e-3)
    got = np.array([[sum(call["GT"]) for call in record.samples.values()] for record in records]).T
    want = herd.truth.copy()
    want[np.ix_(MALES, NON_PAR)] //= 2
    son = IDS.index("son1")
    assert (got[son] == want[son]).mean() > 0.85
    assert got[IDS.index("pa3"), 40] == want[IDS.index("pa3"), 40]
    with gzip.open(tmp_path / "x.haplotypes.tsv.gz", "rt") as file:
        table = [line.rstrip("\n").split("\t") for line in file]
    assert all(("|" in text) != (MALES[row] and site in NON_PAR)
               for site, line in enumerate(table[1:]) for row, text in enumerate(line[5:]))  # fmt: skip
    with gzip.open(next(tmp_path.glob("*segregation.tsv.gz")), "rt") as file:
        assert {len(line.split("\t")) for line in file} == {5 + 2 * COUPLES + 1}


def test_sexes_and_impossible_calls_are_named(herd: Herd, tmp_path: Path) -> None:
    qc = peel(herd, tmp_path / "x.vcf.gz")
    notes = {note["code"]: note for note in qc["notes"]}  # type: ignore[index,union-attr]
    assert "calf" in notes["sex_inferred"]["message"]
    assert "ghost" in notes["sex_unknown"]["message"]
    assert "sex_mismatch" not in notes
    assert notes["haploid_heterozygotes"]["count"] == 1
    with gzip.open(tmp_path / LOST, "rt") as file:
        assert [line.split() for line in file][1] == ["chrX", str(POS[40]), "s40", "A", "C", "pa3"]
    assert "sha256" not in json.dumps(notes)
    assert qc["mendel"]["trios"]["errors"] == 0  # type: ignore[index]


def test_strict_refuses_what_would_be_guessed(herd: Herd, tmp_path: Path) -> None:
    with pytest.raises(TesseraError, match="ghost") as error:
        peel(herd, tmp_path / "x.vcf.gz", strict=True)
    assert error.value.code is Code.sex_unknown


def test_a_wrong_sex_is_noted(herd: Herd, tmp_path: Path) -> None:
    text = (herd.folder / "x.fam").read_text().replace("F girl5 pa5 ma5 2", "F girl5 pa5 ma5 1")
    (tmp_path / "x.fam").write_text(text)
    (tmp_path / "x.vcf").write_bytes((herd.folder / "x.vcf").read_bytes())
    qc = peel(Herd(herd.truth, tmp_path), tmp_path / "out" / "x.vcf.gz")
    (note,) = [note for note in qc["notes"] if note["code"] == "sex_mismatch"]  # type: ignore[index,union-attr]
    assert "girl5" in note["message"]


def test_other_species_need_the_bounds(herd: Herd, tmp_path: Path) -> None:
    with pytest.raises(TesseraError, match="pseudoautosomal") as error:
        peel(herd, tmp_path / "x.vcf.gz", build="cow")
    assert error.value.code is Code.engine_unavailable
    peel(herd, tmp_path / "x.vcf.gz", build="cow", non_par=(2_781_480, 155_701_382))
    with pysam.VariantFile(str(tmp_path / "x.vcf.gz")) as file:
        assert [len(record.samples["pa0"]["GT"]) for record in file] == [2] * 12 + [1] * 80 + [2] * 8


def test_stretches_and_ranges() -> None:
    pos = np.array([5, 10, 20, 30], np.int32)
    assert stretches(pos, (10, 20)) == [Stretch(0, 1, False), Stretch(1, 3, True, 1), Stretch(3, 4, False, 2)]
    assert stretches(pos, (1, 99)) == [Stretch(0, 4, True, 1)]
    assert stretches(pos, None) == [Stretch(0, 4, False)]
    assert base_pairs("X:2,781,480-155701382") == (2_781_480, 155_701_382)
    for text in ("5", "9-3", "a-b"):
        with pytest.raises(ValueError, match="range"):
            base_pairs(text)


def test_doubled_haploids_are_homozygous_and_their_parent_is_learned(tmp_path: Path) -> None:
    """The F1 is untyped; thirty lines tell its haplotypes, and a heterozygous call of one is set missing."""
    rng = np.random.default_rng(2)
    parents: Parents = [(None, None)] * 2 + [(0, 1)] + [(None, 2)] * 30
    single = np.arange(33) > 2
    loci = 60
    haps = drop_single(rng, parents, (rng.random((4, loci)) < 0.5).astype(np.int8), 0.01, single)
    truth = haps.sum(axis=1)
    names = [f"p{i}" for i in range(33)]
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=1>", '##FORMAT=<ID=GT,Number=1,Type=String,Description="GT">']
    lines.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names[3:]]))
    for site in range(loci):
        cells = [cell(int(truth[row, site]), False) if rng.random() < 0.7 else "./." for row in range(3, 33)]
        if site == 7:
            cells[4] = "0/1"
        lines.append("\t".join(["1", str(1 + 500_000 * site), ".", "A", "C", ".", ".", ".", "GT", *cells]))
    (tmp_path / "in.vcf").write_text("\n".join(lines) + "\n")
    (tmp_path / "p.txt").write_text("p2 p0 p1\n" + "".join(f"{name} p2 p2\n" for name in names[3:]))
    offline = PeelOffline(PeelOptions(cycles=6), report=tmp_path, doubled=names[3:])
    qc = peel_offline([tmp_path / "in.vcf"], tmp_path / "p.txt", tmp_path / "out.vcf.gz", offline).qc
    assert qc["pedigree"]["doubled_haploids"] == 30
    assert (tmp_path / LOST).exists()
    with pysam.VariantFile(str(tmp_path / "out.vcf.gz")) as file:
        records = list(file)
        order = list(file.header.samples)
    got = np.array([[sum(record.samples[name]["GT"]) for record in records] for name in names])
    assert set(order) == set(names)
    assert set(np.unique(got[3:])) == {0, 2}
    assert (got[3:] == truth[3:]).mean() > 0.99
    assert (got[2] == truth[2]).mean() > 0.97
    assert read_pedigree(tmp_path / "p.txt", names[3:]).dam[5] >= 0


def test_a_job_takes_bounds_and_doubled_haploids(herd: Herd, tmp_path: Path) -> None:
    place = Workplace(worker_settings(tmp_path / "data", worker={"threads": 1}, peeling={"cycles": 2}))
    files = [herd.folder / "x.vcf"]
    job = run(place, files, herd.folder / "x.fam", build="cow", options={"non_par": [2_781_480, 155_701_382]})
    assert (job.state, job.error) == (JobState.complete, None)
    made = results(place, job.id, tmp_path / "results")
    assert LOST in made
    with pysam.VariantFile(str(made["chrX.dose.vcf.gz"])) as file:
        assert [len(record.samples["pa0"]["GT"]) for record in file] == [2] * 12 + [1] * 80 + [2] * 8
    job = run(place, files, herd.folder / "x.fam", options={"doubled_haploids": ["nobody"]})
    assert job.error is not None
    assert job.error["code"] == "pedigree_unknown_ids"
