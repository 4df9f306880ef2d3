"""An upload of two chromosomes against one bundle that holds both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.main import app
from models.bundles import make_imputer, open_bundle
from models.haplotypes.genome import train_genome
from tests.support.genomes import EVERY, OTHERS, SITES, make_genome, options, silent, write_genome
from tests.support.pipeline import read_result
from tests.support.vcf import gt_strings, write_vcf
from worker import bundles
from worker.pipeline.assemble import assemble
from worker.pipeline.harmonise import harmonise
from worker.pipeline.impute import impute_chunk
from worker.pipeline.ingest import ingest
from worker.pipeline.plan import plan
from worker.pipeline.types import ChunkSpec

GENOME = make_genome()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("genome")
    write_genome(place / "panel.bcf", GENOME)
    train_genome(options(place, ["panel.bcf"]), silent)
    for name in GENOME:
        write_genome(place / f"chr{name}.bcf", {name: GENOME[name]})
        train_genome(options(place, [f"chr{name}.bcf"], f"only-{name}"), silent)
    upload(place / "in.vcf.gz")
    return place


def upload(path: Path) -> None:
    """People outside the panel, typed at every fourth site of both chromosomes, in one file."""
    pos = [int(one) for chromosome in GENOME.values() for one in chromosome.pos[::EVERY]]
    codes = np.concatenate([one.others[::EVERY] for one in GENOME.values()])
    chroms = [name for name in GENOME for _ in range(SITES // EVERY)]
    count = len(pos)
    samples = [f"S{k}" for k in range(OTHERS)]
    write_vcf(path, chroms, pos, ["A"] * count, ["G"] * count, gt_strings(codes), samples)


def dosages(path: Path) -> dict[str, np.ndarray]:
    """(V, S) by chromosome."""
    found: dict[str, list[np.ndarray]] = {}
    for one in read_result(path):
        found.setdefault(one.key[0], []).append(one.ds)
    return {name: np.array(rows) for name, rows in found.items()}


def test_tessera_impute_gives_both_as_single_bundles_do(folder: Path) -> None:
    ds = {}
    for bundle in ("bundle", "only-20", "only-22"):
        out = folder / f"{bundle}.vcf.gz"
        words = ["impute", str(folder / "in.vcf.gz"), "-b", str(folder / bundle), "-o", str(out), "-t", "1"]
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
        ds[bundle] = dosages(out)
    assert set(ds["bundle"]) == {"20", "22"}
    for name, one in GENOME.items():
        alone, together = ds[f"only-{name}"][name], ds["bundle"][name]
        assert together.shape == (SITES, OTHERS)
        hidden = np.arange(SITES) % EVERY != 0
        r2 = [np.corrcoef(x[hidden].ravel(), one.others[hidden].ravel())[0, 1] ** 2 for x in (alone, together)]
        assert r2[1] == pytest.approx(r2[0], abs=0.02)  # the rates alone differ: learned together and apart
        assert r2[1] > 0.6


def test_the_stages_of_a_service_serve_both(folder: Path, tmp_path: Path) -> None:
    bundle = open_bundle(folder / "bundle")
    ingest([folder / "in.vcf.gz"], tmp_path / "in")
    met = harmonise(tmp_path / "in", bundle, tmp_path / "harmonised")
    assert met.qc["population"]["basis"] == "mixture"
    chunks: dict[str, list[tuple[ChunkSpec, Path]]] = {}
    for spec in plan(tmp_path / "harmonised", bundle, 1, 5):
        place = tmp_path / f"chunk{spec.index}"
        imputer = make_imputer(bundle, spec.chromosome, device="cpu", threads=1)
        impute_chunk(tmp_path / "harmonised", imputer, spec, place)
        chunks.setdefault(spec.chromosome, []).append((spec, place))
    assert {name: len(parts) for name, parts in chunks.items()} == {"20": 6, "22": 6}  # two tiles, three batches
    for name, parts in chunks.items():
        made = assemble(tmp_path / "harmonised", bundle, name, parts, tmp_path / "result")
        assert (made.sites, made.typed) == (SITES, SITES // EVERY)
        ds = dosages(tmp_path / "result" / made.file)[name]
        assert np.array_equal(ds[::EVERY], GENOME[name].others[::EVERY])


def test_a_worker_counts_the_sites_of_a_library_and_not_its_file(folder: Path) -> None:
    assert bundles._weight(open_bundle(folder / "bundle"), "22") == 100 * SITES


@pytest.mark.parametrize("command", ["show", "verify"])
def test_commands_that_read_a_bundle(folder: Path, command: str) -> None:
    done = CliRunner().invoke(app, ["bundle", command, str(folder / "bundle")])
    assert done.exit_code == 0, done.output
    assert ("Aggregate r2 by chromosome" in done.output) == (command == "show")


@pytest.mark.parametrize(
    "words",
    [["compress", "--out"], ["adapt", "--array", "in.vcf.gz", "--panel", "panel.bcf", "--out"]],
)
def test_commands_for_networks_refuse_haplotypes(folder: Path, words: list[str]) -> None:
    named = [str(folder / word) if "." in word else word for word in words]
    done = CliRunner().invoke(app, ["bundle", named[0], str(folder / "bundle"), *named[1:], str(folder / "panel.bcf")])
    assert done.exit_code != 0
    assert "setup_invalid" in done.stderr
    assert "holds haplotypes and no network" in done.stderr


def test_privacy_is_tested_on_one_chromosome_of_a_genome(folder: Path) -> None:
    words = ["bundle", "privacy", str(folder / "bundle"), "--panel", str(folder / "panel.bcf")]
    done = CliRunner().invoke(app, words)
    assert "name one" in done.stderr
    done = CliRunner().invoke(app, [*words, "--chrom", "22"])
    assert done.exit_code == 0, done.output
    assert f"Looked at {SITES:,} sites" in done.output
