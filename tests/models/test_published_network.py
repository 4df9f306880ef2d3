import math

import numpy as np
import pytest
import torch

from models.dae.encoding import presence
from models.dae.published.network import (
    DenseNet,
    DenseOptions,
    allele_probability,
    genotype_probabilities,
    layer_widths,
)
from models.dae.published.weights import in_site_order, state_shapes
from tests.reference import published_forward as reference
from tests.support.published import PublishedTile


def net_of(tile: PublishedTile, offset: int = 0, outputs: int | None = None, block: int = 1000) -> DenseNet:
    widths = layer_widths(2 * len(tile.sites), tile.n_layers, tile.ratio)
    options = DenseOptions(
        widths, tile.activation, tile.n_layers, tile.ratio, offset, outputs or len(tile.sites) - offset, block
    )
    net = DenseNet(options)
    net.load_state_dict({name: torch.from_numpy(value).float() for name, value in tile.state.items()})
    return net.eval()


def test_widths_of_the_published_tiles() -> None:
    assert layer_widths(828, 8, 0.7) == (828, 579, 405, 283, 198, 283, 405, 579, 828)
    assert layer_widths(9922, 4, 1.0) == (9922,) * 5
    assert layer_widths(9922, 8, 0.7) == (9922, 6945, 4861, 3402, 2381, 3402, 4861, 6945, 9922)
    assert layer_widths(100, 5, 0.5) == (100, 50, 25, 50, 100)  # an odd number of layers counts as one less


def test_a_network_of_9922_nodes_has_the_published_shapes() -> None:
    with torch.device("meta"):
        net = DenseNet(DenseOptions(layer_widths(9922, 6, 1.0), "tanh", 6, 1.0, 0, 4961))
    shapes = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    assert shapes == state_shapes(layer_widths(9922, 6, 1.0))
    assert list(shapes)[:2] == ["encoder.0.weight", "encoder.0.bias"]
    assert list(shapes)[-2:] == ["decoder.4.weight", "decoder.4.bias"]
    assert len(net.options.blocks) == 5


@pytest.mark.parametrize(
    ("activation", "logits"),
    [
        # x = [1, 1, 0, 0]; encoder: z = [1 + 0.5, -2 + 0.5] = [1.5, -1.5]
        ("relu", [3.0, -3.0, 0.0, 0.5]),  # h = [1.5, 0]
        ("leakyrelu", [3.0, -3.0, -1.5, 0.485]),  # h = [1.5, -0.015]
        ("tanh", [1.8102966, -1.8102966, -90.5148254, -1.0]),  # h = [0.9051483, -0.9051483]
        ("sigmoid", [1.6351490, -1.6351490, 18.2425524, 0.0]),  # h = [0.8175745, 0.1824255]
    ],
)
def test_forward_pass_by_hand(activation: str, logits: list[float]) -> None:
    net = DenseNet(DenseOptions((4, 2, 4), activation, 2, 0.5, 0, 2))
    net.load_state_dict(
        {
            "encoder.0.weight": torch.tensor([[1.0, 0, 0, 0], [0, -2, 0, 0]]),
            "encoder.0.bias": torch.tensor([0.5, 0.5]),
            "decoder.0.weight": torch.tensor([[2.0, 0], [-2, 0], [0, 100], [1, 1]]),
            "decoder.0.bias": torch.tensor([0.0, 0, 0, -1]),
        }
    )
    got = net(presence(torch.tensor([[1, -1]], dtype=torch.int8)))
    np.testing.assert_allclose(got.detach().numpy().ravel(), logits, rtol=1e-5, atol=1e-6)


def test_reading_by_hand() -> None:
    # a, b = .952574, .047426: .907397, .045177, .002249, sum .954823; and a, b = .5, .622459: .188770, .311230, .311230
    got = genotype_probabilities(torch.tensor([[3.0, -3.0], [0.0, 0.5]]))
    expected = [[0.950330, 0.047314, 0.002356], [0.232696, 0.383652, 0.383652]]
    np.testing.assert_allclose(got.numpy(), expected, atol=2e-6)
    # a haploid: .002249 against .907397
    assert float(allele_probability(torch.tensor([3.0, -3.0]))) == pytest.approx(0.002249 / 0.909646, abs=2e-6)


@pytest.mark.parametrize("sign", [(-1, -1), (1, 1), (1, -1), (-1, 1)])
def test_saturated_outputs_are_still_a_distribution(sign: tuple[int, int]) -> None:
    gp = genotype_probabilities(torch.tensor([[200.0 * sign[0], 200.0 * sign[1]]]))
    assert gp.isfinite().all()
    assert float(gp.sum()) == pytest.approx(1)


@pytest.mark.parametrize("activation", ["relu", "leakyrelu", "tanh", "sigmoid"])
def test_414_sites_and_8_layers_agree_with_the_reference(activation: str) -> None:
    tile = PublishedTile([(p, "A", "C") for p in range(1, 415)], n_layers=8, ratio=0.7, activation=activation, seed=9)
    net = net_of(tile)
    assert net.options.widths == (828, 579, 405, 283, 198, 283, 405, 579, 828)
    dosages = np.random.default_rng(3).integers(-1, 3, (2, 414)).astype(np.int8)
    logits = net(presence(torch.from_numpy(dosages))).detach()
    for one in range(2):
        ab = reference.presences(tile.state, activation, dosages[one].tolist())
        np.testing.assert_allclose(logits[one].sigmoid().numpy(), ab, atol=2e-5)
        got = genotype_probabilities(logits[one]).numpy()
        np.testing.assert_allclose(got, reference.genotypes(ab), atol=5e-5)


def test_blocks_and_rows_are_parts_of_the_whole() -> None:
    tile = PublishedTile([(p, "A", "C") for p in range(1, 31)])
    x = presence(torch.from_numpy(np.random.default_rng(3).integers(-1, 3, (4, 30)).astype(np.int8)))
    whole, part = net_of(tile)(x), net_of(tile, offset=7, outputs=15, block=4)
    assert part.options.blocks == [(0, 4), (4, 8), (8, 11), (11, 15)]
    np.testing.assert_allclose(part(x).detach().numpy(), whole[:, 7:22].detach().numpy(), atol=1e-6)
    rows = part.decode_rows(part.encode(x), 1, torch.tensor([0, 3]))
    np.testing.assert_allclose(rows.detach().numpy(), whole[:, [11, 14]].detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("typed", [0, 1, 5, 16, 30])
def test_few_typed_sites_take_a_shorter_way_to_the_same(typed: int) -> None:
    tile = PublishedTile([(p, "A", "C") for p in range(1, 31)], activation="relu")
    dosages = np.full((3, 30), -1, np.int8)
    dosages[:, :typed] = np.random.default_rng(5).integers(0, 3, (3, typed))
    got = net_of(tile)(presence(torch.from_numpy(dosages))).sigmoid().detach().numpy()
    for one in range(3):
        expected = reference.presences(tile.state, "relu", dosages[one].tolist())
        np.testing.assert_allclose(got[one], expected, atol=1e-5)


def test_site_order_folds_repeated_sites_without_a_change() -> None:
    tile = PublishedTile([(p, "A", "C") for p in (5, 3, 9, 3, 7)])
    rows = np.array([1, 0, 3, 0, 2], np.int32)
    state = in_site_order({name: torch.from_numpy(value) for name, value in tile.state.items()}, rows)
    folded = {name: value.numpy() for name, value in state.items()}
    dosages = np.array([2, -1, 1, 0])
    got = reference.presences(folded, tile.activation, dosages.tolist())
    published = reference.presences(tile.state, tile.activation, dosages[rows].tolist())
    np.testing.assert_allclose(got, published[[1, 0, 4, 2]], atol=1e-12)
    assert not any(math.isnan(v) for v in got.ravel())
