"""Calibration of the presence logits on held-out people, by minor-allele frequency.

Per MAF bin one temperature t stretches or shrinks the logits around the allele-frequency prior,
logit' = prior + t (logit - prior), so that t = 0 is the frequency and t = 1 the network as trained. t minimises the
negative log-likelihood of the genotypes of people whom the network has not seen (temperature scaling, Guo et al. 2017,
ICML 70:1321, with the prior as centre).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.dae.encoding import genotype_probabilities, prior_logits
from models.maf import MAF_EDGES, maf_bins


@dataclass(frozen=True)
class Calibration:
    """One temperature for each MAF bin."""

    temperatures: tuple[float, ...] = (1.0,) * (len(MAF_EDGES) - 1)

    def as_dict(self) -> dict[str, Any]:
        """JSON form, with the bins."""
        return {"maf_edges": list(MAF_EDGES), "temperatures": [round(t, 4) for t in self.temperatures]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """What `as_dict` wrote; an empty dict means not calibrated."""
        return cls(tuple(data["temperatures"])) if data else cls()

    def scale(self, af: NDArray[np.float32]) -> Tensor:
        """(V,) ALT frequency -> (V, 1) float32 temperatures."""
        return torch.tensor(self.temperatures, dtype=torch.float32)[torch.from_numpy(maf_bins(af))][:, None]


def apply(logits: Tensor, prior: Tensor, scale: Tensor) -> Tensor:
    """(..., V, 2) logits around (V, 2) prior logits, stretched by (V, 1) temperatures."""
    return torch.lerp(prior.expand_as(logits), logits, scale.expand_as(logits))


def negative_log_likelihood(logits: Tensor, prior: Tensor, truth: Tensor, t: float) -> float:
    """Mean over genotypes of -log P(truth) at temperature t; truth (B, V) int64."""
    gp = genotype_probabilities(apply(logits, prior, torch.full((logits.shape[-2], 1), t)))
    return float(-gp.gather(-1, truth[..., None]).clamp_min(5e-4).log().mean())


def fit(logits: list[Tensor], truth: list[Tensor], hidden: list[Tensor], af: list[NDArray[np.float32]]) -> Calibration:
    """Choose the temperatures.

    Args:
        logits: for each tile (B, V, 2) of held-out people.
        truth: for each tile (B, V) their dosages.
        hidden: for each tile (V,) bool, the sites that were not shown.
        af: for each tile (V,) ALT frequency in the panel.
    """
    chosen = []
    grid = np.round(np.geomspace(0.3, 2.0, 35), 4)
    for b in range(len(MAF_EDGES) - 1):
        cells = []
        for z, y, h, f in zip(logits, truth, hidden, af, strict=True):
            rows = torch.from_numpy(maf_bins(f) == b) & h
            if rows.any():
                cells.append((z[:, rows], prior_logits(torch.from_numpy(f))[rows], y[:, rows].long()))
        if not cells:
            chosen.append(1.0)
            continue
        size = [y.numel() for _, _, y in cells]
        score = [
            np.average([negative_log_likelihood(z, p, y, float(t)) for z, p, y in cells], weights=size) for t in grid
        ]
        chosen.append(float(grid[int(np.argmin(score))]))
    return Calibration(tuple(chosen))
