"""Bundles of haplotypes: the file, the training, the engine's own doings."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import models.haplotypes.engine as engine_module
from cli.main import app
from errors import Code, TesseraError
from models.bundles import make_imputer, open_bundle, with_effort
from models.haplotypes.bundle import HaplotypeBundle
from models.haplotypes.engine import CopyingImputer, CopyingOptions
from models.haplotypes.genome import open_work, read_files, train_genome
from models.haplotypes.genome_learn import learn_rates
from models.haplotypes.genome_options import GenomeOptions
from models.haplotypes.importing import chromosomes_of
from models.haplotypes.learn import cut_tiles, loss, loss_of
from models.haplotypes.library import Library
from models.haplotypes.stored import StoredLibrary
from models.protocol import TypedGenotypes
from tests.support.bundles import EVERY, PEOPLE, SITES, make_panel, tiny_library, write_panel


def silent(_doing: str, _fraction: float) -> None:
    """Progress that nobody watches."""


ROOT = Path(__file__).resolve().parents[2]
ROWS = np.arange(0, SITES, EVERY).astype(np.int32)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> HaplotypeBundle:
    opened = open_bundle(tiny_library(tmp_path_factory.mktemp("library"), tiles=2))
    assert isinstance(opened, HaplotypeBundle)
    return opened


@pytest.mark.parametrize("haplotypes", [1, 7, 300])
def test_a_library_reads_back_as_it_was_written(tmp_path: Path, haplotypes: int) -> None:
    rng = np.random.default_rng(haplotypes)
    frequency = rng.choice([0.0, 0.002, 0.03, 0.4, 0.8, 0.999, 1.0], 500)
    alleles = (rng.random((500, haplotypes)) < frequency[:, None]).astype(np.int8)
    cm = np.sort(rng.random(500))
    Library.of(alleles, cm).write(tmp_path / "l.safetensors", [{"index": 0}])
    stored = StoredLibrary(tmp_path / "l.safetensors")
    read = stored.part(0, 500)
    assert np.array_equal(stored.alleles(np.arange(3, 400, 7, dtype=np.int32)), alleles[3:400:7])
    assert np.array_equal(read.alleles(np.arange(500, dtype=np.int32)), alleles)
    assert np.array_equal(read.cm, cm)
    assert read.haplotypes == haplotypes


def test_more_haplotypes_than_sixteen_bits(tmp_path: Path) -> None:
    alleles = np.zeros((3, 70_001), np.int8)
    alleles[0, [0, 69_999]] = 1
    alleles[1, 70_000] = 1
    alleles[2, ::2] = 1
    Library.of(alleles, np.arange(3.0)).write(tmp_path / "l.safetensors", [])
    assert np.array_equal(StoredLibrary(tmp_path / "l.safetensors").alleles(np.arange(3, dtype=np.int32)), alleles)


@pytest.mark.parametrize("spoil", ["cut", "text", "tensors"])
def test_a_spoilt_library_is_named(tmp_path: Path, spoil: str) -> None:
    path = tmp_path / "l.safetensors"
    Library.of(np.eye(9, dtype=np.int8), np.arange(9.0)).write(path, [])
    data = path.read_bytes()
    changed = {"cut": data[:-5], "text": b"no library", "tensors": data.replace(b"gaps", b"maps")}
    path.write_bytes(changed[spoil])
    with pytest.raises(TesseraError) as caught:
        StoredLibrary(path).part(0, 9)
    assert caught.value.code is Code.bundle_invalid


def test_a_map_is_given_where_there_was_one_at_training(bundle: HaplotypeBundle) -> None:
    assert bundle.genetic_map("20") is None
    demo = open_bundle(ROOT / "bundles" / "kgp-chr20-demo")
    held = demo.genetic_map("20")
    assert isinstance(demo, HaplotypeBundle)
    assert held is not None
    every = np.arange(24803, dtype=np.int32)
    assert held.cm(demo.sites("20").pos) == pytest.approx(demo.library("20").positions(every), abs=1e-9)


def test_the_bundle_is_whole_and_says_what_it_holds(bundle: HaplotypeBundle) -> None:
    bundle.verify()
    manifest = bundle.manifest
    assert manifest.architecture["holds_panel_haplotypes"] is True
    assert manifest.panel["haplotypes"] == 2 * PEOPLE
    assert (bundle.folder / "20" / "haplotypes.safetensors").stat().st_mode & 0o444 == 0o444
    assert [(t.first, t.end) for t in bundle.tiles("20")] == [(0, 200), (200, 400)]
    names = [row["array"] for row in manifest.accuracy]
    assert names == ["every fifth common site"]
    assert all(one["r2"] > 0.5 for one in manifest.accuracy[0]["bins"] if one["sites"] > 50)


def test_learned_rates_beat_the_ends_of_the_grid(tmp_path: Path) -> None:
    write_panel(tmp_path / "panel.bcf", make_panel())
    o = GenomeOptions((tmp_path / "panel.bcf",), (), tmp_path / "o", "o", "GRCh37", held_out=0.2)
    work = open_work(o)
    read_files(o, work, silent)
    found = learn_rates(o, chromosomes_of(o, work), work, silent)
    sums = {key: np.array(one) for key, one in json.loads((work.folder / "rates.json").read_text()).items()}
    seen = {key: loss_of(one[0]) for key, one in sums.items()}
    assert seen[f"0/{found.switches_per_cm:g}/{found.error:g}"] == min(seen.values())
    assert max(seen.values()) > 1.02 * min(seen.values())


def test_loss_is_one_for_the_frequencies_and_none_for_the_truth() -> None:
    rng = np.random.default_rng(4)
    af = rng.uniform(0.01, 0.99, 300).astype(np.float32)
    truth = (rng.random((300, 40, 2)) < af[:, None, None]).sum(axis=2).astype(np.int8)
    prior = np.stack([(1 - af) ** 2, 2 * af * (1 - af), af**2], axis=1)[:, None].repeat(40, axis=1)
    every = np.ones(300, bool)
    assert loss(prior, truth, af, every) == pytest.approx(1, abs=1e-5)
    assert loss(np.eye(3, dtype=np.float32)[truth], truth, af, every) == 0


def test_tiles_cover_all_sites_and_read_their_context() -> None:
    cm = np.cumsum(np.random.default_rng(1).random(1000)) / 20
    tiles = cut_tiles(cm, 300, 100, 2.5)
    assert [t.first for t in tiles[1:]] == [t.end for t in tiles[:-1]]
    assert (tiles[0].first, tiles[-1].end) == (0, 1000)
    assert all(t.end - t.first <= 300 for t in tiles)
    for tile in tiles:
        outside = np.setdiff1d(np.arange(1000), tile.inputs)
        assert (np.minimum(abs(cm[outside] - cm[tile.first]), abs(cm[outside] - cm[tile.end - 1])) >= 2.5).all()


def test_results_in_a_file_and_in_small_batches_are_the_same(
    bundle: HaplotypeBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = make_panel()
    codes = (panel.others[0::2] + panel.others[1::2]).T[ROWS]
    typed = TypedGenotypes(ROWS, codes, np.full(20, 2, np.int8), False)
    imputer = make_imputer(bundle, "20", device="cpu", threads=1)
    whole = list(imputer.impute(range(2), typed))
    monkeypatch.setattr(engine_module, "KEEP_BYTES", 0)
    monkeypatch.setattr(engine_module, "BATCH_BYTES", 4 * 200 * 6)
    monkeypatch.setattr(engine_module, "BLOCK_CELLS", 20 * 70)
    parts = list(imputer.impute(range(2), typed))
    assert [block.first for block in parts] == [0, 70, 140, 200, 270, 340]
    assert np.array_equal(np.concatenate([b.gp for b in whole]), np.concatenate([b.gp for b in parts]))
    hidden = [np.concatenate([b.hidden_ds for b in blocks if b.hidden_ds is not None]) for blocks in (whole, parts)]
    np.testing.assert_array_equal(*hidden)


def test_nothing_to_average_is_refused() -> None:
    with pytest.raises(ValueError, match="average"):
        CopyingOptions(sweeps=0)


def test_an_existing_folder_is_not_overwritten(tmp_path: Path) -> None:
    write_panel(tmp_path / "panel.bcf", make_panel())
    (tmp_path / "out").mkdir()
    with pytest.raises(TesseraError) as caught:
        train_genome(GenomeOptions((tmp_path / "panel.bcf",), (), tmp_path / "out", "o", "GRCh37"), silent)
    assert caught.value.code is Code.setup_invalid


def test_train_and_show_as_they_are_typed(tmp_path: Path) -> None:
    write_panel(tmp_path / "panel.bcf", make_panel())
    words = ["--panel", str(tmp_path / "panel.bcf"), "--build", "GRCh37", "--out", str(tmp_path / "b")]
    done = CliRunner().invoke(app, ["bundle", "train", *words])
    assert done.exit_code == 0, done.output
    assert "who has it has them" in done.output
    shown = CliRunner().invoke(app, ["bundle", "show", str(tmp_path / "b")])
    assert "Holds the haplotypes" in shown.output
    imputer = open_bundle(tmp_path / "b")
    assert isinstance(imputer, HaplotypeBundle)
    options = CopyingOptions.of(imputer.manifest.architecture)
    assert replace(options, switches_per_cm=4.0, error=0.003) == CopyingOptions()
    assert isinstance(make_imputer(imputer, "20", device="cpu", threads=None), CopyingImputer)


def test_thorough_puts_more_work_into_the_same_library(bundle: HaplotypeBundle) -> None:
    fast = make_imputer(bundle, "20", device="cpu", threads=1)
    assert isinstance(fast, CopyingImputer)
    thorough = with_effort(fast, "thorough")
    assert isinstance(thorough, CopyingImputer)
    assert thorough.library is fast.library
    assert (thorough.options.error, thorough.options.switches_per_cm) == (
        fast.options.error,
        fast.options.switches_per_cm,
    )
    assert thorough.options.work > 3 * fast.options.work
    assert thorough.before_blocks > fast.before_blocks
    back = with_effort(thorough, "fast")
    assert isinstance(back, CopyingImputer)
    assert back.options == fast.options == CopyingOptions.of(bundle.manifest.architecture)


def test_networks_know_one_effort(tiny_folder: Path) -> None:
    imputer = make_imputer(open_bundle(tiny_folder / "tiny"), "20", device="cpu", threads=1)
    assert with_effort(imputer, "thorough") is imputer
