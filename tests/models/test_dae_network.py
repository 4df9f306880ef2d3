import numpy as np
import torch

from models.dae.encoding import allele_probability, genotype_probabilities, presence, prior_logits
from models.dae.network import NetworkOptions, TileNet
from models.dae.quantise import pack, unpack
from tests.reference.dae_forward import forward

OPTIONS = NetworkOptions(
    inputs=21, outputs=33, bin_sites=4, bin_features=3, width=16, layers=2, latent=5, block_sites=10
)


def random_net(options: NetworkOptions = OPTIONS) -> TileNet:
    torch.manual_seed(3)
    net = TileNet(options)
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.4)
    return net.eval()


def test_forward_equals_the_reference_written_out_by_hand() -> None:
    net = random_net()
    dosages = np.random.default_rng(0).integers(-1, 3, (6, OPTIONS.inputs)).astype(np.int8)
    with torch.no_grad():
        got = net(presence(torch.from_numpy(dosages))).sigmoid().numpy()
    state = {name: value.numpy().astype(float) for name, value in net.state_dict().items()}
    for person, row in enumerate(dosages):
        np.testing.assert_allclose(got[person], forward(OPTIONS, state, row), atol=2e-5)


def test_blocks_cover_every_output_once() -> None:
    rows = [v for first, end in OPTIONS.blocks for v in range(first, end)]
    assert rows == list(range(OPTIONS.outputs))
    assert max(end - first for first, end in OPTIONS.blocks) <= OPTIONS.block_sites


def test_presence_is_the_published_encoding() -> None:
    coded = presence(torch.tensor([-1, 0, 1, 2], dtype=torch.int8))
    assert coded.tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]


def test_certain_presences_give_certain_genotypes() -> None:
    logits = torch.tensor([[20.0, -20.0], [20.0, 20.0], [-20.0, 20.0]])
    np.testing.assert_allclose(genotype_probabilities(logits).numpy(), np.eye(3), atol=1e-6)


def test_prior_logits_read_back_as_hardy_weinberg() -> None:
    af = torch.tensor([0.5, 0.1, 0.02])
    gp = genotype_probabilities(prior_logits(af))
    want = torch.stack([(1 - af) ** 2, 2 * af * (1 - af), af**2], -1)
    np.testing.assert_allclose(gp.numpy(), want.numpy(), atol=1e-4)


def test_allele_probability_follows_the_two_presences() -> None:
    p = allele_probability(torch.tensor([[8.0, -8.0], [-8.0, 8.0], [0.0, 0.0]]))
    assert p[0] < 0.01
    assert p[1] > 0.99
    assert abs(float(p[2]) - 0.5) < 1e-6


def test_set_prior_makes_the_empty_input_the_prior() -> None:
    net = TileNet(OPTIONS)
    for decoder in net.decoders:
        torch.nn.init.zeros_(decoder.weight)  # type: ignore[arg-type]
    prior = prior_logits(torch.linspace(0.01, 0.5, OPTIONS.outputs))
    net.set_prior(prior)
    with torch.no_grad():
        got = net(torch.zeros(1, OPTIONS.inputs, 2))[0]
    np.testing.assert_allclose(got.numpy(), prior.numpy(), rtol=1e-5)


def test_int8_weights_stay_within_half_a_step() -> None:
    state = random_net().state_dict()
    back = unpack(pack(state))
    assert back.keys() == state.keys()
    for name, value in state.items():
        if value.ndim > 1:
            step = value.abs().amax(-1, keepdim=True) / 127
            assert bool(((back[name] - value).abs() <= 0.51 * step + 1e-6).all()), name
