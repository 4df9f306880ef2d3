"""Jobs with a pedigree and a bundle: all sites of the bundle for every member, better than either alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam
import pytest
from typer.testing import CliRunner

from benchmarks.family import Families, dosages, drop, r2, write
from cli.main import app
from genotypes.bgzf import BgzfWriter
from genotypes.maps import GeneticMap
from genotypes.panel import Panel
from genotypes.sites import SiteTable, strings
from jobs.records import NewFile, NewJob
from jobs.states import JobState
from jobs.storage import fetch, publish
from jobs.tables import JobRow
from models.bundles import open_bundle
from models.haplotypes.bundle import HaplotypeBundle
from tests.support.bundles import EVERY, SITES, make_panel, tiny_library
from tests.support.worker import Workplace, worker_settings
from worker import engine_dae

TYPED = (0, 1, 2, 3, 8, 9, 10, 11)  # grandparents and children; the parents are not


@dataclass(frozen=True)
class Setting:
    """A bundle, and five families of people whom it has not seen, typed at every fifth site and at one of their own."""

    folder: Path
    bundle: Path
    panel: Panel
    made: Families

    @property
    def typed(self) -> np.ndarray:
        return np.flatnonzero(np.isin(self.made.member, TYPED))


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    folder = tmp_path_factory.mktemp("families")
    bundle = tiny_library(folder)
    tiny = make_panel()
    af = tiny.haplotypes.mean(axis=0, dtype=np.float32)
    sites = SiteTable("20", tiny.pos, strings(tiny.ref), strings(tiny.alt), strings(["."] * SITES), af)
    people = Panel(sites, tiny.others.T.copy(), [f"o{k}" for k in range(len(tiny.others) // 2)])
    made = drop(people, GeneticMap.uniform(), 5, 1)
    one = Setting(folder, bundle, people, made)
    write(folder / "in.vcf", people, made, np.arange(0, SITES, EVERY), one.typed)
    calls = ["0/1"] * len(one.typed)
    text = (folder / "in.vcf").read_text().splitlines()
    own = ["20", str(int(tiny.pos[0]) + 1), "own", "A", "AT", ".", "PASS", ".", "GT", *calls]
    head = [line for line in text if line.startswith("#")]
    records = [line for line in text if not line.startswith("#")]
    records.insert(1, "\t".join(own))
    (folder / "in.vcf").write_text("\n".join([*head, *records]) + "\n")
    names = np.array([*made.ids, "0"])
    trios = zip(made.ids, names[made.sire], names[made.dam], strict=True)
    (folder / "family.txt").write_text("".join(" ".join(trio) + "\n" for trio in trios))
    return one


def job(setting: Setting, tmp_path: Path, bundle: str, vcf: Path | None = None) -> tuple[Workplace, JobRow]:
    from models.dae.bundle import Bundle

    settings = worker_settings(tmp_path / "data", worker={"threads": 1}, peeling={"cycles": 4})
    place = Workplace(settings, engine=_Engine(setting.bundle), installed=[Bundle.open(setting.bundle).manifest])
    files = []
    for kind, path in (("vcf", vcf or setting.folder / "in.vcf"), ("pedigree", setting.folder / "family.txt")):
        key = f"uploads/{path.name}"
        files.append(NewFile(kind, path.name, key, *publish(place.storage, path, key)))
    with place.repository() as repository:
        job_id = repository.create_job(NewJob(bundle=bundle, engine="peeling"), files).id
    executor = place.executor()
    while executor.run_next("cpu"):
        pass
    with place.repository() as repository:
        return place, repository.get_job(job_id)


@dataclass
class _Engine:
    """The engines that ship; ids of bundles are no paths here."""

    path: Path

    def open_bundle(self, path: Path) -> object:
        return engine_dae.open_bundle(self.path)

    def make_imputer(self, bundle: object, chromosome: str, *, device: str, threads: int) -> object:
        return engine_dae.make_imputer(bundle, chromosome, device=device, threads=threads)  # type: ignore[arg-type]


def results(place: Workplace, job_id: str, folder: Path) -> dict[str, Path]:
    folder.mkdir()
    with place.repository() as repository:
        rows = repository.results(job_id)
    for row in rows:
        fetch(place.storage, row.key, folder / row.name)
    return {row.name: folder / row.name for row in rows}


def test_every_member_gets_every_site_better_than_by_either_alone(setting: Setting, tmp_path: Path) -> None:
    place, row = job(setting, tmp_path, "auto")
    assert (row.state, row.error) == (JobState.complete, None)
    assert row.bundle.startswith("tiny-")
    got = results(place, row.id, tmp_path / "got")
    with pysam.VariantFile(str(got["chr20.dose.vcf.gz"])) as file:
        assert list(file.header.samples) == setting.made.ids
        flags = [next(f for f in ("IMPUTED", "TYPED", "TYPED_ONLY") if f in record.info) for record in file]
    assert [flags.count(one) for one in ("IMPUTED", "TYPED", "TYPED_ONLY")] == [SITES * 4 // 5, SITES // 5, 1]
    assert flags[1] == "TYPED_ONLY"
    alone = tmp_path / "alone.vcf.gz"
    words = ["impute", setting.folder / "in.vcf", "-b", setting.bundle, "-o", alone, "--samples", "flag", "-t", 1]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    found = {name: dosages(path, setting.panel, setting.made)
             for name, path in (("both", got["chr20.dose.vcf.gz"]), ("alone", alone))}  # fmt: skip
    truth = setting.made.haplotypes.sum(axis=2, dtype=np.int8)
    af = setting.panel.sites.af
    assert af is not None
    rows = np.flatnonzero(np.arange(SITES) % EVERY)

    def score(name: str, animals: np.ndarray) -> float:
        return r2(found[name][np.ix_(rows, animals)], truth[np.ix_(rows, animals)], af[rows])[0]

    untyped = np.flatnonzero(~np.isin(setting.made.member, TYPED))
    assert score("both", setting.typed) > score("alone", setting.typed)
    assert score("both", untyped) > 0.5 > score("alone", untyped) == 0
    report = json.loads(got["report.json"].read_text())
    assert report["job"]["bundle"] == row.bundle
    assert report["qc"]["bundle"]["shared"] == SITES // 5
    (chromosome,) = report["chromosomes"]
    assert chromosome["imputed"] == SITES * 4 // 5
    # Of the grandparents of five families, but for those whose phase three generations leave open.
    assert chromosome["haplotypes_asked"] >= 16
    assert "bundle_used" in {note["code"] for note in report["qc"]["notes"]}


def test_without_a_map_of_its_own_a_family_takes_the_bundles(
    setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(folder: str) -> tuple[dict[str, list[str | None]], str]:
        place, row = job(setting, tmp_path / folder, "auto")
        report = json.loads(results(place, row.id, tmp_path / folder / "got")["report.json"].read_text())
        notes: dict[str, list[str | None]] = {}
        for note in report["qc"]["notes"]:
            notes.setdefault(note["code"], []).append(note["chromosome"])
        return notes, report["chromosomes"][0]["map"]

    notes, source = told("constant")
    assert notes["no_genetic_map"] == ["20"]
    assert source == "1 cM per Mb"
    held = open_bundle(setting.bundle)
    pos = held.sites("20").pos[[0, -1]].astype(np.float64)
    monkeypatch.setattr(HaplotypeBundle, "genetic_map", lambda self, chrom: GeneticMap(pos, np.array([0.0, 40.0])))
    notes, source = told("held")
    assert "no_genetic_map" not in notes
    assert "map_of_bundle" in notes
    assert "beyond_genetic_map" not in notes
    assert source == f"bundle {held.manifest.name}"
    pos[1] = held.sites("20").pos[SITES // 2]
    notes, _ = told("half")
    assert notes["beyond_genetic_map"] == ["20"]


def test_phase_by_parent_holds_at_imputed_sites(setting: Setting, tmp_path: Path) -> None:
    place, row = job(setting, tmp_path, "auto")
    got = results(place, row.id, tmp_path / "got")
    child = setting.made.ids.index("F00M04")
    paternal = []
    place_of = {int(pos): k for k, pos in enumerate(setting.panel.sites.pos)}
    with pysam.VariantFile(str(got["chr20.dose.vcf.gz"])) as file:
        for record in file:
            call = record.samples["F00M04"]
            if "IMPUTED" in record.info and call["GP"][1] > 0.9 and record.pos in place_of:
                truth = setting.made.haplotypes[place_of[record.pos], child]
                if truth.sum() == 1:
                    paternal.append(call["GT"] == tuple(truth))
    assert len(paternal) > 10
    assert np.mean(paternal) > 0.9


def test_without_a_fitting_bundle_a_family_is_peeled_as_ever(setting: Setting, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere.vcf"
    lines = [line if line.startswith("#") else "\t".join(["20", str(int(line.split("\t")[1]) + 9_000_000),
                                                          *line.split("\t")[2:]])
             for line in (setting.folder / "in.vcf").read_text().splitlines()]  # fmt: skip
    other.write_text("\n".join(lines) + "\n")
    place, row = job(setting, tmp_path, "auto", other)
    assert (row.state, row.bundle) == (JobState.complete, "none")
    notes = {
        note["code"]
        for note in json.loads(results(place, row.id, tmp_path / "r")["report.json"].read_text())["qc"]["notes"]
    }
    assert "no_bundle_fits" in notes
    _, refused = job(setting, tmp_path / "named", "tiny", other)
    assert refused.state is JobState.failed
    assert refused.error is not None
    assert refused.error["code"] in ("no_overlap", "wrong_build")


def test_effort_of_a_family_with_a_bundle(setting: Setting, tmp_path: Path) -> None:
    bundle = open_bundle(setting.bundle).manifest.content_id()
    for name, wanted in (("fit", bundle), ("none", "none")):
        out, folder = tmp_path / f"{name}.vcf.gz", tmp_path / name
        done = CliRunner().invoke(
            app,
            ["peel", str(setting.folder / "in.vcf"), "-p", str(setting.folder / "family.txt"), "-o", str(out),
             "--bundle", str(setting.bundle) if wanted != "none" else "none", "--effort", "thorough",
             "--report", str(folder), "--cycles", "4", "-t", "1"],
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        report = json.loads((folder / "report.json").read_text())
        assert report["job"]["effort"] == ("thorough" if wanted != "none" else None)
        assert ("changes nothing: no bundle is used" in done.stderr) == (wanted == "none")


def test_none_leaves_the_bundle_out(setting: Setting, tmp_path: Path) -> None:
    place, row = job(setting, tmp_path, "none")
    assert (row.state, row.bundle) == (JobState.complete, "none")
    with pysam.VariantFile(str(results(place, row.id, tmp_path / "r")["chr20.dose.vcf.gz"])) as file:
        assert sum(1 for _ in file) == SITES // 5 + 1


def test_exchanged_alleles_are_turned_and_low_coverage_counts(setting: Setting, tmp_path: Path) -> None:
    """The command; REF and ALT change places, and calls come as read depths that leave most genotypes open."""
    rng = np.random.default_rng(2)
    made, table = setting.made, setting.panel.sites
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *made.ids]
    head = ["##fileformat=VCFv4.2", "##contig=<ID=chr20,length=63025520>",
            '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depths">', "	".join(columns)]  # fmt: skip
    with BgzfWriter(tmp_path / "reads.vcf.gz") as file:
        file.write(("\n".join(head) + "\n").encode())
        for row in range(0, SITES, EVERY):
            alt = made.haplotypes[row].sum(axis=1) / 2
            depth = rng.poisson(2.0, len(made.ids))
            reads = rng.binomial(depth, alt)
            cells = [f"{a},{n - a}" for a, n in zip(reads.tolist(), depth.tolist(), strict=True)]
            site = ["chr20", str(table.pos[row]), ".", table.alt[row], table.ref[row], ".", "PASS", ".", "AD"]
            file.write(("\t".join([*site, *cells]) + "\n").encode())
    out = tmp_path / "out.vcf.gz"
    words = ["peel", tmp_path / "reads.vcf.gz", "-p", setting.folder / "family.txt", "-b", setting.bundle, "-o", out]
    done = CliRunner().invoke(app, [str(word) for word in [*words, "-t", 1, "--cycles", 4]])
    assert done.exit_code == 0, done.output
    found = dosages(out, setting.panel, made)
    assert not np.isnan(found).any()
    truth = made.haplotypes.sum(axis=2, dtype=np.int8)
    af = table.af
    assert af is not None
    rows = np.flatnonzero(np.arange(SITES) % EVERY)
    assert r2(found[rows], truth[rows], af[rows])[0] > 0.6
