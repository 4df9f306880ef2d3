"""The published dense network as a way to train."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from errors import TesseraError
from models.dae.bundle import Bundle
from models.dae.engine import DaeImputer
from models.dae.published.network import DenseNet
from models.dae.published.objective import DenseTraining, PublishedObjective, dense_training
from models.dae.samples import MaskOptions, draw_masks
from models.protocol import TypedGenotypes
from tests.support.bundles import EVERY, TinyPanel, train_tiny


def gradients(settings: DenseTraining) -> tuple[DenseNet, torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    net = DenseNet(settings.options(6))
    objective = PublishedObjective(net, settings)
    x, y = torch.randint(0, 2, (5, 6, 2)).float(), torch.randint(0, 2, (5, 6, 2)).float()
    objective.backward(net, net(x), y)
    return net, x, y


def test_widths_follow_layers_and_ratio() -> None:
    o = DenseTraining(n_layers=4, size_ratio=0.5).options(10)
    assert o.widths == (20, 10, 5, 10, 20)
    assert (o.offset, o.outputs) == (0, 10)


def test_the_gradient_is_that_of_focal_loss_l1_and_divergence() -> None:
    settings = DenseTraining(n_layers=2, size_ratio=0.5, loss="focal", gamma=1.5, l1=0.01, sparsity=0.1, rho=0.2)
    net, x, y = gradients(settings)
    code = torch.tanh(x.flatten(1) @ net.encoder[0].weight.T + net.encoder[0].bias)
    p = (code @ net.decoder[0].weight.T + net.decoder[0].bias).reshape(y.shape).sigmoid()
    right = torch.where(y == 1, p, 1 - p)
    mean = code.sigmoid().mean(0)
    kl = (0.2 * (0.2 / mean).log() + 0.8 * (0.8 / (1 - mean)).log()).sum()
    weights = [net.encoder[0].weight, net.decoder[0].weight]
    loss = (-(right.log()) * (1 - right) ** 1.5).mean() + 0.1 * kl + 0.01 * sum(w.abs().sum() for w in weights)
    for got, want in zip(net.parameters(), torch.autograd.grad(loss, list(net.parameters())), strict=True):
        torch.testing.assert_close(got.grad, want, atol=1e-6, rtol=1e-4)


def test_without_sparsity_it_is_plain_cross_entropy() -> None:
    net, x, y = gradients(DenseTraining(n_layers=2, l1=0.0))
    want = torch.autograd.grad(functional.binary_cross_entropy_with_logits(net(x), y), list(net.parameters()))
    for got, one in zip(net.parameters(), want, strict=True):
        torch.testing.assert_close(got.grad, one, atol=1e-7, rtol=1e-4)


@pytest.mark.parametrize("done", [0.0, 0.5, 1.0])
def test_the_mask_ramps(done: float) -> None:
    masks = MaskOptions(ramp=(0.8, 0.99))
    shown = draw_masks(np.random.default_rng(1), [np.ones(500, bool)], 500, 100, masks, done)
    assert 1 - shown.mean() == pytest.approx(0.8 + 0.19 * done, abs=0.01)


@pytest.mark.parametrize(
    "change",
    [{"activation": "gelu"}, {"loss": "mse"}, {"n_layers": 3}, {"mask_low": 0.9, "mask_high": 0.8}],
)
def test_settings_that_make_no_sense_are_refused(change: dict[str, object]) -> None:
    good = {"n_layers": 4, "size_ratio": 1.0, "activation": "tanh", "loss": "bce", "l1": 0.0, "sparsity": 0.0}
    ramp = {"mask_low": 0.8, "mask_high": 0.99}
    assert dense_training(**(good | ramp)) == DenseTraining(l1=0.0)  # type: ignore[arg-type]
    with pytest.raises(TesseraError):
        dense_training(**(good | ramp | change))  # type: ignore[arg-type]


def test_a_trained_dense_bundle_imputes(tiny_folder: Path, tiny_panel: TinyPanel, tmp_path: Path) -> None:
    dense = DenseTraining(n_layers=2, size_ratio=0.5, l1=0.0, mask_low=0.7, mask_high=0.85)
    manifest = train_tiny(tiny_folder, str(tmp_path / "d"), 400, architecture="published-dense", dense=dense)
    assert manifest.architecture["kind"] == "published-dense"
    assert not manifest.reads_haplotypes
    assert manifest.calibration == {}
    bundle = Bundle.open(tmp_path / "d")
    bundle.verify()
    people = (tiny_panel.others[0::2] + tiny_panel.others[1::2]).T
    rows = np.arange(0, len(people), EVERY, dtype=np.int32)
    typed = TypedGenotypes(rows, people[rows], np.full(people.shape[1], 2, np.int8), False)
    blocks = list(DaeImputer(bundle, "20").impute(range(len(bundle.tiles("20"))), typed))
    gp = np.concatenate([block.gp for block in blocks])
    hidden = np.setdiff1d(np.arange(len(people)), rows)
    ds = gp[..., 1] + 2 * gp[..., 2]
    assert np.corrcoef(ds[hidden].ravel(), people[hidden].ravel())[0, 1] ** 2 > 0.5
