import numpy as np
import pytest
import torch
from torch.nn import functional

from models.dae.fit import FitOptions, learning_rate, site_weights, weighted_loss
from models.dae.network import NetworkOptions, TileNet


def test_written_out_gradient_is_that_of_the_loss() -> None:
    torch.manual_seed(0)
    net = TileNet(NetworkOptions(inputs=12, outputs=9, bin_sites=4, bin_features=3, width=8, latent=4))
    x, y = torch.randint(0, 2, (5, 12, 2)).float(), torch.randint(0, 2, (5, 9, 2)).float()
    weights = site_weights(np.linspace(0.01, 0.5, 9, dtype=np.float32), 0.5)[:, None]
    loss = (functional.binary_cross_entropy_with_logits(net(x), y, reduction="none") * weights).mean()
    want = torch.autograd.grad(loss, list(net.parameters()))
    logits = net(x)
    logits.backward((logits.detach().sigmoid() - y) * weights / y.numel())
    for p, w in zip(net.parameters(), want, strict=True):
        torch.testing.assert_close(p.grad, w, atol=1e-7, rtol=1e-4)
    assert weighted_loss(logits.detach(), y, weights) == pytest.approx(float(loss.detach()), rel=1e-5)


def test_rare_sites_weigh_more_and_the_mean_is_one() -> None:
    weights = site_weights(np.array([0.001, 0.01, 0.5, 0.99], np.float32), 0.5)
    assert float(weights.mean()) == pytest.approx(1)
    assert weights[0] > weights[1] > weights[2]
    assert float(weights[1]) == pytest.approx(float(weights[3]), rel=1e-3)  # the minor allele counts, whichever it is
    assert float(weights[0] / weights[2]) == pytest.approx(10, rel=1e-3)  # bounded at MAF 0.005


def test_learning_rate_warms_up_and_ends_at_nothing() -> None:
    o = FitOptions(steps=1000, warmup=100, rate=1e-3)
    assert learning_rate(0, o) == pytest.approx(1e-5)
    assert learning_rate(100, o) == pytest.approx(1e-3)
    assert learning_rate(999, o) < 1e-8
    assert all(learning_rate(k, o) >= learning_rate(k + 1, o) for k in range(100, 999))
