"""Bundles made smaller, fitted to one array, and tested for what they tell of their people."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from cli.main import app
from errors import Code, TesseraError
from genotypes.manifest import BundleManifest
from genotypes.panel import Panel
from genotypes.sites import SiteTable
from models.dae.adapt import AdaptOptions, adapt, privacy_test
from models.dae.bundle import Bundle
from models.dae.compress import amend, compress
from models.dae.fit import FitOptions
from models.dae.privacy import attack, auc, residual
from models.dae.quantise import PRECISIONS, factor, pack, unpack
from models.dae.score import score
from tests.support.bundles import EVERY, TinyPanel, train_tiny
from worker.bundles import _weight


@pytest.fixture(scope="module")
def truth(tiny_panel: TinyPanel) -> Panel:
    sites = SiteTable("20", tiny_panel.pos, tiny_panel.ref, tiny_panel.alt, ["."] * len(tiny_panel.pos), None, None)
    return Panel(sites, np.ascontiguousarray(tiny_panel.others.T), [f"O{k}" for k in range(20)])


@pytest.mark.parametrize(("precision", "error"), [("float32", 0), ("float16", 2e-3), ("int8", 0.02), ("int4", 0.3)])
@pytest.mark.parametrize("columns", [6, 7])
def test_weights_come_back_within_their_precision(precision: str, error: float, columns: int) -> None:
    torch.manual_seed(1)
    state = {"a": torch.randn(3, 5, columns), "b": torch.randn(9, columns), "c": torch.randn(4)}
    packed = pack(state, precision)  # type: ignore[arg-type]
    back = unpack(packed)
    assert set(back) == set(state)
    assert precision in PRECISIONS
    for name, value in state.items():
        assert back[name].shape == value.shape
        assert float((back[name] - value).abs().max()) <= error
    if precision == "int4":
        assert packed["b.int4"].numel() == 9 * -(-columns // 2)


def test_a_matrix_of_low_rank_becomes_two_thin_ones() -> None:
    torch.manual_seed(2)
    low = torch.randn(40, 3) @ torch.randn(3, 30)
    full = torch.randn(10, 10)
    factored = factor({"low": low, "full": full, "bias": torch.randn(40)}, 0.9999)
    assert set(factored) == {"low.left", "low.right", "full", "bias"}
    assert factored["low.left"].shape == (40, 3)
    torch.testing.assert_close(unpack(pack(factored, "float32"))["low"], low, atol=1e-4, rtol=1e-4)


def test_a_compressed_bundle_is_smaller_runs_and_says_what_it_cost(
    tiny_folder: Path, tmp_path: Path, truth: Panel, tiny_panel: TinyPanel
) -> None:
    source = Bundle.open(tiny_folder / "tiny")
    made = compress(source, tmp_path / "small", "int4", 0.98)
    small = Bundle.open(tmp_path / "small")
    small.verify()
    sizes = [sum(f.bytes for n, f in m.files.items() if "tiles" in n) for m in (source.manifest, made)]
    assert sizes[1] < 0.75 * sizes[0]
    assert made.id != source.manifest.id
    assert made.accuracy == []
    assert made.training["compressed"]["from"] == source.manifest.id
    assert "privacy" not in made.training
    assert _weight(small, "20") == 4 * sum(p.numel() for k in (0, 1) for p in small.load("20", k).parameters())
    array = {"every fifth": tiny_panel.pos[::EVERY]}
    before, after = (score(bundle, truth, array)[0]["bins"][-1]["r2"] for bundle in (source, small))
    assert before > 0.5
    assert before - 0.1 < after < before + 0.02
    with pytest.raises(TesseraError) as error:
        compress(source, tmp_path / "small", "int8")
    assert error.value.code is Code.setup_invalid


def test_plain_int8_changes_nothing(tiny_folder: Path, tmp_path: Path) -> None:
    source = Bundle.open(tiny_folder / "tiny")
    compress(source, tmp_path / "same", "float32")
    one, two = (bundle.load("20", 1).state_dict() for bundle in (source, Bundle.open(tmp_path / "same")))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_an_adapted_bundle_knows_its_array_better(tiny_folder: Path, tmp_path: Path, truth: Panel, tiny_panel: TinyPanel) -> None:  # fmt: skip  # noqa: E501
    mixed = tmp_path / "mixed"
    arrays = {"sparse": tiny_panel.pos[::20], "every-fifth": tiny_panel.pos[::EVERY]}
    for name, positions in arrays.items():
        (mixed / name).mkdir(parents=True)
        (mixed / name / "chr20.txt").write_text("".join(f"20\t{p}\n" for p in positions))
    train_tiny(tiny_folder, str(tmp_path / "b"), 100, arrays=mixed)
    source = Bundle.open(tmp_path / "b")
    fit = FitOptions(steps=150, batch=64, warmup=10, rate=2e-3, bf16=False)
    o = AdaptOptions(tiny_folder / "panel.bcf", None, mixed / "sparse" / "chr20.txt", tmp_path / "a", fit=fit)
    made = adapt(source, o)
    assert made.training["adapted"] == {"from": source.manifest.id, "array": "sparse", "input_sites": 20}
    assert [row["array"] for row in made.accuracy] == ["sparse"]
    assert made.panel == source.manifest.panel
    view = {"sparse": arrays["sparse"]}
    before, after = (
        score(bundle, truth, view)[0]["bins"][-1]["r2"] for bundle in (source, Bundle.open(tmp_path / "a"))
    )
    assert after > before + 0.02
    with pytest.raises(TesseraError, match="exists already"):
        adapt(source, o)
    (tmp_path / "elsewhere.txt").write_text("20\t5\n20\t7\n")
    with pytest.raises(TesseraError, match="fewer than two"):
        adapt(source, replace(o, array=tmp_path / "elsewhere.txt", out=tmp_path / "other"))


def test_auc_is_the_chance_that_a_member_scores_higher() -> None:
    members, others = np.array([3.0, 2.0, 1.0]), np.array([2.0, 0.0])
    assert auc(members, others) == pytest.approx((2 + 1.5 + 1) / 6)


def test_what_rarity_explains_is_taken_out() -> None:
    x = np.random.default_rng(3).normal(5, 2, 50)
    left = np.where(np.arange(50) < 25, 0.1, -0.1)
    np.testing.assert_allclose(residual(3 * x + 7, x), 0, atol=1e-9)
    assert auc(residual(3 * x + 7 + left, x)[:25], residual(3 * x + 7 + left, x)[25:]) > 0.95


def test_the_attack_finds_what_there_is_and_nothing_else() -> None:
    rng = np.random.default_rng(1)
    told = attack(rng.normal(2, 1, 300), rng.normal(0, 1, 60))
    assert told["auc"] == pytest.approx(0.921, abs=0.04)
    assert told["interval95"][0] > 0.8
    assert told["found_at_5pct_false"] > 0.4
    nothing = attack(rng.normal(0, 1, 300), rng.normal(0, 1, 60))
    assert nothing["interval95"][0] < 0.5 < nothing["interval95"][1]
    assert nothing["found_at_5pct_false"] < 0.15


def test_training_reports_privacy(tiny_folder: Path) -> None:
    found = BundleManifest.read(tiny_folder / "tiny").training["privacy"]
    assert found["people"] == {"trained": 72, "held_out": 8}
    assert found == privacy_test(Bundle.open(tiny_folder / "tiny"), tiny_folder / "panel.bcf")
    assert set(found["attacks"]) == {"loss", "loss_beyond_frequencies"}


def test_the_result_changes_the_id(tiny_folder: Path, tmp_path: Path) -> None:
    compress(Bundle.open(tiny_folder / "tiny"), tmp_path / "copy", "int8")
    before = BundleManifest.read(tmp_path / "copy").id
    words = ["bundle", "privacy", str(tmp_path / "copy"), "--panel", str(tiny_folder / "panel.bcf")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "95% interval" in done.stdout
    assert BundleManifest.read(tmp_path / "copy").id == before
    done = CliRunner().invoke(app, [*words, "--write"])
    after = BundleManifest.read(tmp_path / "copy")
    assert after.id != before
    assert after.id in done.stdout
    assert after.training["privacy"]["people"]["held_out"] == 8
    Bundle.open(tmp_path / "copy").verify()
    assert amend(tmp_path / "copy", lambda m: m).id == after.id


def test_another_panel_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    train_tiny(tiny_folder, str(tmp_path / "b"), 5)
    amend(tmp_path / "b", lambda m: replace(m, panel=m.panel | {"samples": 79}))
    with pytest.raises(TesseraError, match="not the panel"):
        privacy_test(Bundle.open(tmp_path / "b"), tiny_folder / "panel.bcf")
