"""Can the weights tell the people they were trained on from others? A membership-inference test.

Every person gets a score: how well the network knows their genotypes (the loss attack of Yeom et al. 2018, IEEE CSF),
and how much better than is to be expected from how rare their alleles are: the residual of the loss's regression on the
loss by allele frequencies. The area under the ROC curve of the scores of training people against people held out from
the same panel is 0.5 when nothing can be told and 1 when everybody can. Held-out people are a random part of the panel,
so the two groups differ in nothing else; their share in the calibration's few temperatures is neglected. Other attacks
may tell more: the test gives a lower bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from genotypes.panel import Panel
from models.dae.architecture import TileModel
from models.dae.encoding import presence, prior_logits
from models.protocol import Tile

MOST_PEOPLE: Final = 400  # training people that are looked at
RESAMPLES: Final = 1000  # of the bootstrap
FALSE_POSITIVES: Final = (0.05, 0.01)


@torch.inference_mode()
def tile_losses(net: TileModel, tile: Tile, people: NDArray[np.int8], af: NDArray[np.float32]) -> NDArray[np.float64]:
    """How well a tile knows people of whom it sees every input site.

    Args:
        net: the tile's network.
        tile: its rows.
        people: (sites, B) dosages.
        af: (sites,) ALT frequency.

    Returns:
        (B, 2) summed cross-entropy of the presences by the network, and by the allele frequencies.
    """
    rows = slice(tile.first, tile.end)
    prior = prior_logits(torch.from_numpy(af[rows]))
    found = []
    for k in range(0, people.shape[1], 64):
        part = people[:, k : k + 64]
        logits = net(presence(torch.from_numpy(part[tile.inputs].T.copy())))
        target = presence(torch.from_numpy(part[rows].T.copy()))
        both = [functional.binary_cross_entropy_with_logits(z.expand_as(target), target, reduction="none")
                for z in (logits, prior)]  # fmt: skip
        found.append(torch.stack([one.double().sum((1, 2)) for one in both], 1).numpy())
    return np.concatenate(found)


def auc(members: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """P(a member scores higher than another person), ties counting half."""
    ranked = np.sort(others)
    below = np.searchsorted(ranked, members, "left") + np.searchsorted(ranked, members, "right")
    return float(below.mean() / 2 / len(others))


def residual(y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) what a straight line in x leaves of y."""
    design = np.stack([np.ones_like(x), x - x.mean()], 1)
    left: NDArray[np.float64] = y - design @ np.linalg.lstsq(design, y)[0]
    return left


def attack(members: NDArray[np.float64], others: NDArray[np.float64], seed: int = 0) -> dict[str, Any]:
    """What scores give away: AUC with a 95% interval (bootstrap over people), and how many members are found.

    Args:
        members: (N,) scores of training people.
        others: (M,) scores of held-out people.
        seed: of the bootstrap.
    """
    rng = np.random.default_rng(seed)
    drawn = [
        auc(members[rng.integers(len(members), size=len(members))], others[rng.integers(len(others), size=len(others))])
        for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    found = {}
    for share in FALSE_POSITIVES:
        threshold = np.quantile(others, 1 - share, method="higher")
        found[f"found_at_{share * 100:g}pct_false"] = round(float((members > threshold).mean()), 4)
    return {
        "auc": round(auc(members, others), 4),
        "interval95": [round(float(low), 4), round(float(high), 4)],
    } | found


def measure(
    tiles: Sequence[Tile],
    nets: Sequence[TileModel],
    panel: Panel,
    held_out: NDArray[np.int64],
    seed: int,
) -> dict[str, Any]:
    """The test on a panel, of whose people `held_out` were not trained on.

    Args:
        tiles: all tiles, rows being those of the panel.
        nets: their networks.
        panel: the training panel.
        held_out: (M,) people left out.
        seed: which training people are looked at, when there are more than 400.

    Returns:
        For the manifest: people of both kinds, and `attack` by the loss alone and against the frequencies.
    """
    count = panel.haplotypes.shape[1] // 2
    kept = np.setdiff1d(np.arange(count), held_out)
    if len(kept) > MOST_PEOPLE:
        kept = np.sort(np.random.default_rng([seed, 2]).choice(kept, MOST_PEOPLE, replace=False))
    who = np.concatenate([kept, held_out])
    people = panel.haplotypes[:, 2 * who] + panel.haplotypes[:, 2 * who + 1]
    af = panel.haplotypes.mean(1, dtype=np.float32)
    losses = np.sum([tile_losses(net, tile, people, af) for tile, net in zip(tiles, nets, strict=True)], 0)
    scores = {"loss": -losses[:, 0], "loss_beyond_frequencies": -residual(losses[:, 0], losses[:, 1])}
    return {
        "people": {"trained": len(kept), "held_out": len(held_out)},
        "attacks": {name: attack(s[: len(kept)], s[len(kept) :], seed) for name, s in scores.items()},
    }
