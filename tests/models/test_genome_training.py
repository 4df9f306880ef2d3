"""One bundle of several chromosomes: files, blocks, what a killed training goes on from, what is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import models.bundle_folder as bundle_folder
import models.haplotypes.genome_learn as learn_module
import models.haplotypes.writer as writer_module
from errors import Code, TesseraError
from models.bundles import open_bundle
from models.haplotypes.bundle import HaplotypeBundle
from models.haplotypes.genome import train_genome
from models.haplotypes.genome_options import expand
from models.haplotypes.genome_workers import reading_workers
from tests.support.genomes import LABELS, PEOPLE, SITES, TinyChromosome, make_genome, options, silent, write_genome

GENOME = make_genome()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("genome")
    for name, one in GENOME.items():
        write_genome(place / f"chr{name}.bcf", {name: one})
    write_genome(place / "both.bcf", GENOME)
    train_genome(options(place, ["chr20.bcf", "chr22.bcf"]), silent)
    return place


def opened(path: Path) -> HaplotypeBundle:
    bundle = open_bundle(path)
    assert isinstance(bundle, HaplotypeBundle)
    bundle.verify()
    return bundle


def test_every_chromosome_is_whole(folder: Path) -> None:
    bundle = opened(folder / "bundle")
    assert bundle.chromosomes == ["20", "22"]
    every = np.arange(SITES, dtype=np.int32)
    for name, one in GENOME.items():
        sites = bundle.sites(name)
        assert np.array_equal(sites.pos, one.pos)
        assert np.array_equal(bundle.library(name).alleles(every), one.haplotypes)
        assert sites.af == pytest.approx(one.haplotypes.mean(1), abs=1e-6)
        assert sites.tile is not None
        assert [(tile.first, tile.end) for tile in bundle.tiles(name)] == [(0, 150), (150, 300)]
        assert np.array_equal(sites.tile, np.repeat([0, 1], 150))
    assert not (folder / "bundle.work").exists()


def test_sites_of_few_chromosomes_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = opened(folder / "bundle")
    first = bundle.sites("20")
    assert bundle.sites("22") is not first
    assert bundle.sites("20") is first
    monkeypatch.setattr(bundle_folder, "KEPT_SITES", SITES)
    bundle = opened(folder / "bundle")
    first = bundle.sites("20")
    assert len(bundle.sites("22")) == SITES
    assert bundle.sites("20") is not first


def test_accuracy_is_of_all_and_of_each(folder: Path) -> None:
    manifest = opened(folder / "bundle").manifest
    each = manifest.training["chromosomes"]
    assert {name: one["scored_sites"] for name, one in each.items()} == {"20": SITES, "22": SITES}
    whole = manifest.accuracy[0]["bins"][-1]
    parts = [one["accuracy"][0]["bins"][-1] for one in each.values()]
    assert whole["sites"] == sum(one["sites"] for one in parts)
    assert min(one["r2"] for one in parts) <= whole["r2"] <= max(one["r2"] for one in parts)
    assert whole["r2"] > 0.5


def test_populations_and_map_are_of_all_chromosomes(folder: Path) -> None:
    bundle = opened(folder / "bundle")
    held, placed = bundle.populations(), bundle.ancestry()
    assert held is not None
    assert placed is not None
    assert set(placed.chromosomes) == set(held.sites) == {"20", "22"}
    even = np.arange(2 * PEOPLE) // 2 % 2 == 0
    for name, one in GENOME.items():
        counts = [one.haplotypes[:, even].sum(1), one.haplotypes[:, ~even].sum(1)]
        order = [["even", "odd"].index(population) for population in held.names]
        assert np.array_equal(held.counts[name], np.stack([counts[k] for k in order], 1))


def test_one_file_of_both_and_small_blocks_give_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "BLOCK_SITES", 64)
    train_genome(options(folder, ["both.bcf"], "from-one"), silent)
    one, two = opened(folder / "from-one"), opened(folder / "bundle")
    assert one.library("20").blocks[:, 0].tolist() == [0, 64, 128, 192, 256, 300]
    assert len(two.library("20").blocks) == 2
    for name in GENOME:
        for first, end in ((0, 300), (63, 65), (70, 200)):
            a, b = one.library(name).part(first, end), two.library(name).part(first, end)
            assert np.array_equal(a.carriers, b.carriers)
            assert np.array_equal(a.starts, b.starts)
        rows = np.array([1, 63, 64, 130, 299], np.int32)
        assert np.array_equal(one.library(name).alleles(rows), GENOME[name].haplotypes[rows])
    assert one.manifest.accuracy == two.manifest.accuracy
    assert one.manifest.architecture == two.manifest.architecture


KILLED = """
import os, signal, sys
from pathlib import Path
from models.haplotypes import importing
from models.haplotypes.genome import train_genome
from tests.support.genomes import options, silent
begin = importing._begin
def beginning(o, number, work, contig, samples):
    if contig == "22":
        os.kill(os.getpid(), signal.SIGKILL)
    return begin(o, number, work, contig, samples)
importing._begin = beginning
train_genome(options(Path(sys.argv[1]), sys.argv[2:], "resumed"), silent)
"""


@pytest.mark.parametrize("files", [["chr20.bcf", "chr22.bcf"], ["both.bcf"]])
def test_a_killed_training_does_no_chromosome_again(folder: Path, files: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder), *files], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    work = folder / "resumed.work"
    finished = sorted(path.name for path in work.iterdir() if path.is_dir())
    assert [name for name in finished if "partial" not in name] == ["20"]
    kept = (work / "20" / "haplotypes.safetensors").stat().st_ino
    if files == ["both.bcf"]:
        with pytest.raises(TesseraError, match="another training"):
            train_genome(options(folder, files, "resumed", seed=2), silent)
    train_genome(options(folder, files, "resumed"), silent)
    bundle = opened(folder / "resumed")
    assert (bundle.folder / "20" / "haplotypes.safetensors").stat().st_ino == kept
    assert bundle.manifest.accuracy == opened(folder / "bundle").manifest.accuracy
    (folder / "resumed").rename(folder / f"resumed-{len(files)}")


def test_rates_go_on_from_the_last_trial(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(Exception):
        pass

    def stop(doing: str, _fraction: float) -> None:
        if doing.startswith("rates") and "16 switches" in doing:
            raise Stopped

    with pytest.raises(Stopped):
        train_genome(options(folder, ["both.bcf"], "stopped"), stop)
    kept = json.loads((folder / "stopped.work" / "rates.json").read_text())
    assert len(kept) == 6
    trials: list[str] = []
    train_genome(options(folder, ["both.bcf"], "stopped"), lambda doing, _: trials.append(doing))
    rates = [one for one in trials if one.startswith("rates")]
    assert rates.count("rates: 0.5 switches a cM, error 0.003") == 3  # that of the first of four tiles was kept
    assert opened(folder / "stopped").manifest.architecture == opened(folder / "bundle").manifest.architecture


def test_learning_and_scoring_look_at_bounded_stretches(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learn_module, "LEARNING_SITES", 120)
    monkeypatch.setattr(learn_module, "LEARNING_STRETCHES", 3)
    monkeypatch.setattr(learn_module, "SCORING_SITES", 80)
    monkeypatch.setattr(learn_module, "SCORING_STRETCHES", 2)
    train_genome(options(folder, ["both.bcf"], "bounded"), silent)
    manifest = opened(folder / "bounded").manifest
    assert {one["scored_sites"] for one in manifest.training["chromosomes"].values()} == {80}
    bins = [one.accuracy[0]["bins"] for one in (manifest, opened(folder / "bundle").manifest)]
    assert [one["sites"] for one in bins[0]] == [one["sites"] for one in bins[1]]  # of all sites, for densities
    assert bins[0][-1]["r2"] > 0.4


def test_workers_read_files_for_each_other(folder: Path) -> None:
    o = options(folder, ["chr20.bcf", "chr22.bcf"], "shared")
    with reading_workers(o, 1):
        train_genome(o, silent)
    assert opened(folder / "shared").manifest.accuracy == opened(folder / "bundle").manifest.accuracy


def test_haploid_people_have_one_haplotype_and_no_part_in_frequencies(folder: Path) -> None:
    males = list(range(0, PEOPLE, 3))
    genome = make_genome(["21", "X"])
    write_genome(folder / "chr21.bcf", {"21": genome["21"]})
    write_genome(folder / "chrX.bcf", {"X": genome["X"]}, haploid=males)
    train_genome(options(folder, ["chr21.bcf", "chrX.bcf"], "with-x"), silent)
    bundle = opened(folder / "with-x")
    keep = np.setdiff1d(np.arange(2 * PEOPLE), [2 * one + 1 for one in males])
    library = bundle.library("X")
    assert library.haplotypes == len(keep)
    assert np.array_equal(library.alleles(np.arange(SITES, dtype=np.int32)), genome["X"].haplotypes[:, keep])
    assert bundle.sites("X").af == pytest.approx(genome["X"].haplotypes[:, keep].mean(1), abs=1e-6)
    held = bundle.populations()
    assert held is not None
    assert list(held.sites) == ["21"]


def other_people(folder: Path) -> list[str]:
    write_genome(folder / "others.bcf", {"22": GENOME["22"]}, [f"Q{k}" for k in range(PEOPLE)])
    return ["chr20.bcf", "others.bcf"]


def a_chromosome_twice(folder: Path) -> list[str]:
    return ["chr20.bcf", "both.bcf"]


def unsorted(folder: Path) -> list[str]:
    one = GENOME["20"]
    write_genome(folder / "unsorted.bcf", {"20": TinyChromosome(one.pos[::-1], one.haplotypes, one.others)})
    return ["unsorted.bcf"]


@pytest.mark.parametrize(
    ("files", "code", "words"),
    [
        (other_people, Code.setup_invalid, "does not hold the people"),
        (a_chromosome_twice, Code.setup_invalid, "Chromosome 20 is in chr20.bcf and both.bcf"),
        (unsorted, Code.malformed_record, "not sorted"),
    ],
)
def test_what_does_not_fit_is_a_sentence(folder: Path, files: object, code: Code, words: str) -> None:
    assert callable(files)
    o = options(folder, files(folder), "refused", work=folder / f"work-{files.__name__}")
    with pytest.raises(TesseraError, match=words) as caught:
        train_genome(o, silent)
    assert caught.value.code is code
    assert not o.out.exists()


def test_patterns_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("1", "2", "10", "X"):
        Path(f"chr{name}.bcf").touch()
    names = ["chr1.bcf", "chr2.bcf", "chr10.bcf", "chrX.bcf"]
    assert [str(one) for one in expand(["chr*.bcf"], "--panel")] == names
    assert [str(one) for one in expand(["chr{1..2}.bcf", "chr{10,X}.bcf"], "--panel")] == names
    with pytest.raises(TesseraError, match=r"no file chr3\.bcf"):
        expand(["chr{1..3}.bcf"], "--panel")
    with pytest.raises(TesseraError, match="twice"):
        expand(["chr1.bcf", "chr{1..2}.bcf"], "--panel")
    assert len(LABELS) == PEOPLE
