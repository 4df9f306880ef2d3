"""Sample QC within harmonise: what is found, what is dropped, and that the others go on."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from errors import Code, TesseraError
from genotypes import codes as gt
from genotypes.kinship import Degree, pack, related
from jobs.settings import load_settings
from models.dae.ancestry import AncestryOptions
from models.dae.map_maker import make_map
from tests.support.cohort import AUTOSOMES, BUNDLE, NON_PAR, child, cohort, write
from tests.support.plink_samples import family
from tests.support.populations import BUNDLE as MAPPED
from tests.support.populations import LABELS, TRAIN, Blocks, people
from tests.support.vcf import gt_strings, write_vcf
from worker.pipeline.folder import Harmonised, Ingested
from worker.pipeline.harmonise import HarmoniseOptions, harmonise
from worker.pipeline.ingest import ingest
from worker.pipeline.sample_findings import believed, judged_degrees, kinship_floor
from worker.pipeline.sample_policy import SamplePolicy


class Run:
    """Ingest and harmonise of one file."""

    def __init__(
        self, folder: Path, codes: dict[str, gt.Codes], policy: SamplePolicy | None = None, sex: str = ""
    ) -> None:
        ingest([write(folder / "x.vcf", codes)], folder / "in")
        if sex:
            upload = Ingested.open(folder / "in")
            replace(upload, sex=dict(zip(upload.samples, sex, strict=True))).write()
        options = HarmoniseOptions(samples=policy or SamplePolicy())
        self.summary = harmonise(folder / "in", BUNDLE, folder / "out", options)
        self.harmonised = Harmonised.open(folder / "out")
        self.qc: dict[str, Any] = json.loads((folder / "out" / "qc.json").read_text())["sample_qc"]
        with gzip.open(folder / "out" / "qc-samples.tsv.gz", "rt") as file:
            names = file.readline().split()
            self.lines = [dict(zip(names, line.rstrip("\n").split("\t"), strict=True)) for line in file]
        self.notes = {note["code"]: note["count"] for note in self.summary.qc["notes"]}

    @property
    def found(self) -> set[tuple[str, str, str]]:
        return {(one["sample"], one["check"], one["action"]) for one in self.qc["findings"]}


def test_good_cohort_has_no_findings(tmp_path: Path) -> None:
    done = Run(tmp_path, cohort())
    assert done.found == set()
    assert (done.qc["read"], done.qc["kept"]) == (60, 60)
    assert done.qc["sex"]["male"] == done.qc["sex"]["haploid_on_x"] == 24
    assert done.qc["sex"]["female"] == 36
    assert done.qc["relatives"]["judged"] == ["duplicate", "first"]
    assert [line["sex"] for line in done.lines] == ["male"] * 24 + ["female"] * 36


def lose(codes: dict[str, gt.Codes], sample: int, share: float = 0.7) -> dict[str, gt.Codes]:
    rng = np.random.default_rng(sample)
    for block in codes.values():
        block[rng.random(len(block)) < share, sample] = gt.MISSING
    return codes


def test_poor_sample_is_dropped_and_the_others_go_on(tmp_path: Path) -> None:
    whole, poor = cohort(), lose(cohort(), 5)
    done = Run(tmp_path, poor)
    assert done.found == {("S5", "call_rate", "dropped")}
    assert done.qc["dropped"] == ["S5"]
    assert done.summary.samples == 59
    assert "S5" not in done.harmonised.samples
    others = [k for k in range(60) if k != 5]
    for name in ("3", "X"):
        one = done.harmonised.chromosome(name)
        assert np.array_equal(done.harmonised.typed(one).codes, whole[name][:, others])
    assert done.harmonised.chromosome("X").haploid == list(range(23))
    assert done.lines[5]["kept"] == "no"
    assert done.notes["samples_call_rate_dropped"] == 1


def test_poor_sample_is_kept_with_a_flag_when_asked(tmp_path: Path) -> None:
    done = Run(tmp_path, lose(cohort(), 5), SamplePolicy(action="flag"))
    assert done.found == {("S5", "call_rate", "flagged")}
    assert len(done.harmonised.samples) == 60


def test_a_job_of_bad_samples_alone_is_refused(tmp_path: Path) -> None:
    codes = {"1": cohort()["1"][:, :3].copy()}
    for sample in range(3):
        lose(codes, sample, 0.3 + 0.1 * sample)
    with pytest.raises(TesseraError) as caught:
        Run(tmp_path, codes, SamplePolicy(min_call_rate=0.9))
    assert caught.value.code is Code.no_samples_left
    assert "'S0'" in caught.value.message


def test_contaminated_and_inbred_samples_are_flagged(tmp_path: Path) -> None:
    codes = cohort()
    rng = np.random.default_rng(4)
    for name in AUTOSOMES:
        homozygous = codes[name][:, 30] != gt.HET
        codes[name][homozygous & (rng.random(len(homozygous)) < 0.5), 30] = gt.HET
        het = codes[name][:, 31] == gt.HET
        codes[name][het & (rng.random(len(het)) < 0.6), 31] = gt.HOM_ALT
    done = Run(tmp_path, codes)
    assert done.found == {("S30", "heterozygosity", "flagged"), ("S31", "heterozygosity", "flagged")}
    assert float(done.lines[30]["het_f"]) < 0 < float(done.lines[31]["het_f"])


def test_duplicates_and_relatives(tmp_path: Path) -> None:
    codes = cohort()
    child(codes, (30, 31), 40)
    for name in [*AUTOSOMES, "X"]:
        codes[name][:, 50] = codes[name][:, 32]
    lose(codes, 32, 0.05)
    done = Run(tmp_path, codes)
    # Of the two that are one, the poorer is named; a child is named beside each parent.
    assert done.found == {("S32", "duplicates", "flagged"), ("S40", "relatives", "flagged")}
    assert done.qc["relatives"]["counts"] == {"duplicate": 1, "first": 2}
    pairs = {(one["first"], one["second"]): one for one in done.qc["relatives"]["pairs"]}
    assert pairs["S30", "S40"]["ibs0"] == 0
    assert pairs["S32", "S50"]["concordance"] == 1
    dropped = Run(_folder(tmp_path), codes, SamplePolicy(duplicates="drop", relatives="drop"))
    assert dropped.qc["dropped"] == ["S32", "S40"]


def _folder(folder: Path) -> Path:
    (folder / "again").mkdir()
    return folder / "again"


def test_a_small_region_tells_duplicates_but_no_relatives() -> None:
    pairs = related(pack(family()))
    policy = SamplePolicy()
    small = judged_degrees(policy, pairs, believed(3, 4000))
    assert [(int(pairs.first[k]), int(pairs.second[k])) for k, one in enumerate(small) if one is not None] == [(0, 12)]
    genome = judged_degrees(policy, pairs, believed(2700, 20_000))
    assert [one for one in genome if one is not None] == [Degree(number) for number in pairs.degree.tolist()]
    unequal = replace(pairs, concordance=pairs.concordance - 0.03)
    assert judged_degrees(policy, unequal, believed(2700, 20_000))[0] is Degree.first


def test_stated_sex_is_checked(tmp_path: Path) -> None:
    sex = "1" * 20 + "2" * 3 + "0" + "2" * 36
    done = Run(tmp_path, cohort(), sex=sex)
    assert done.found == {(f"S{k}", "sex_mismatch", "flagged") for k in (20, 21, 22)}
    assert "samples_swapped" not in done.notes
    assert done.lines[20]["stated_sex"] == "female"


def test_swapped_ids_are_named(tmp_path: Path) -> None:
    sex = "1" * 23 + "2" + "1" + "2" * 35
    done = Run(tmp_path, cohort(), sex=sex)
    assert {one[0] for one in done.found} == {"S23", "S24"}
    note = next(note for note in done.summary.qc["notes"] if note["code"] == "samples_swapped")
    assert "'S23' and 'S24'" in note["message"]


def test_ambiguous_sex_is_named_and_kept(tmp_path: Path) -> None:
    codes = cohort()
    rng = np.random.default_rng(9)
    nonpar = codes["X"][NON_PAR]
    het = (nonpar[:, 40] == gt.HET) & (rng.random(len(nonpar)) < 0.5)
    nonpar[het, 40] = gt.HOM_ALT
    done = Run(tmp_path, codes)
    assert done.found == {("S40", "sex_unclear", "flagged")}
    assert done.harmonised.chromosome("X").haploid == list(range(24))
    assert done.notes["samples_sex_unclear"] == 1


def test_settings_are_a_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SamplePolicy(**load_settings().samples.model_dump()) == SamplePolicy()
    monkeypatch.setenv("TESSERA_SAMPLES_DUPLICATES", "drop")
    monkeypatch.setenv("TESSERA_SAMPLES_MIN_CALL_RATE", "0.8")
    policy = SamplePolicy(**load_settings().samples.model_dump())
    assert (policy.acts("duplicates"), policy.min_call_rate) == ("drop", 0.8)


def test_samples_are_placed_on_the_map_of_the_bundle(tmp_path: Path) -> None:
    made = make_map(MAPPED, [Blocks(TRAIN)], LABELS, AncestryOptions(axes=3))
    bundle = replace(MAPPED, map=made)
    codes, truth = people()
    codes[60:, 4] = gt.MISSING
    text = gt_strings(codes)
    table = TRAIN.sites
    names = [f"S{k}" for k in range(len(truth))]
    write_vcf(tmp_path / "x.vcf", "20", table.pos.tolist(), table.ref.tolist(), table.alt.tolist(), text, names)
    ingest([tmp_path / "x.vcf"], tmp_path / "in")
    summary = harmonise(tmp_path / "in", bundle, tmp_path / "out")
    found = summary.qc["ancestry"]
    assert [one["population"] for one in found["reference"]] == ["north", "south", "west"]
    assert len(found["axes"]) == len(found["reference"][0]["centre"]) == len(found["samples"][0]["pc"]) == 3
    placed = {one["id"]: one["population"] for one in found["samples"]}
    assert "S4" not in placed  # dropped, as its call rate is too low
    assert placed == {name: one for name, one in zip(names, truth, strict=True) if name != "S4"}
    with gzip.open(tmp_path / "out" / "qc-samples.tsv.gz", "rt") as file:
        lines = [line.rstrip("\n").split("\t") for line in file]
    assert lines[0][11:] == ["population", "probability", "PC1", "PC2", "PC3"]
    assert lines[1][11] == truth[0]
    assert lines[5][11:] == ["NA"] * 5


def test_a_bundle_without_a_map_places_nobody(tmp_path: Path) -> None:
    assert "ancestry" not in Run(tmp_path, {"1": cohort()["1"]}).summary.qc


def test_only_pairs_that_can_be_judged_are_looked_for() -> None:
    whole = [kinship_floor(megabases, 20_000) for megabases in (0, 99, 100, 500, 1500)]
    assert whole == [0.354, 0.354, 0.177, 0.0884, 0.0442]
    counts = (100, 999, 1000, 5000, 14_999, 15_000)
    assert [kinship_floor(2700, sites) for sites in counts] == [0.354, 0.354, 0.177, 0.0884, 0.0884, 0.0442]


def test_a_bad_sample_does_not_cost_the_others_their_sites(tmp_path: Path) -> None:
    codes = {name: block[:, 24:48] for name, block in cohort().items() if name in ("1", "2")}
    for sample in (3, 4, 5):
        lose(codes, sample)
    done = Run(tmp_path, codes)
    assert done.qc["dropped"] == ["S3", "S4", "S5"]
    assert done.summary.sites == 240


def test_samples_joined_from_files_with_other_sites_are_kept(tmp_path: Path) -> None:
    codes = cohort()["1"][:, 24:27]
    rows = [slice(0, 120), slice(0, 30), slice(0, 120)]
    paths = []
    for k, part in enumerate(rows):
        table = BUNDLE.sites("1").slice(part.start, part.stop)
        text = gt_strings(codes[part, k : k + 1])
        where = tmp_path / f"{k}.vcf"
        paths.append(write_vcf(where, "1", table.pos.tolist(), table.ref.tolist(), table.alt.tolist(), text, [f"S{k}"]))
    ingest(paths, tmp_path / "in")
    summary = harmonise(tmp_path / "in", BUNDLE, tmp_path / "out")
    found = summary.qc["sample_qc"]["findings"]
    assert [(one["sample"], one["check"], one["action"]) for one in found] == [("S1", "call_rate", "flagged")]
    assert summary.samples == 3
