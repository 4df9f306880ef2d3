"""Presence pairs: the published encoding, and the consistent reading of the two outputs.

A site is (presence of REF, presence of ALT): 0/0 = [1, 0], 0/1 = [1, 1], 1/1 = [0, 1], missing or untyped = [0, 0]
(Dias et al. 2022, eLife 11:e75600, Methods). A haplotype is read as a homozygous diploid.
"""

from __future__ import annotations

import torch
from torch import Tensor


def presence(dosage: Tensor) -> Tensor:
    """(...) int8 ALT dosage of a diploid, -1 missing -> (..., 2) float32 presences of REF and ALT."""
    ref = (dosage == 0) | (dosage == 1)
    return torch.stack([ref, dosage >= 1], -1).float()


def genotype_probabilities(logits: Tensor) -> Tensor:
    """(..., 2) logits -> (..., 3) P(0), P(1), P(2) of ALT.

    With a = P(REF present) and b = P(ALT present): P(0) = 1 - b, P(2) = 1 - a, P(1) = a + b - 1, clipped at 0 and
    renormalised.
    """
    p = logits.sigmoid()
    a, b = p[..., 0], p[..., 1]
    gp = torch.stack([1 - b, (a + b - 1).clamp_min(0), 1 - a], -1)
    return gp / gp.sum(-1, keepdim=True).clamp_min(1e-6)


def allele_probability(logits: Tensor) -> Tensor:
    """(..., 2) logits of a homozygous-diploid pass -> (...) P(ALT) of the haplotype, P(2) against P(0) without P(1)."""
    p = logits.sigmoid()
    alt, ref = 1 - p[..., 0], 1 - p[..., 1]
    # Where the network says 'heterozygous' both tend to 0; the odds of the two presences then decide.
    alt, ref = alt + 0.01 * p[..., 1], ref + 0.01 * p[..., 0]
    return alt / (alt + ref)


def prior_logits(af: Tensor) -> Tensor:
    """(V,) ALT frequency -> (V, 2) logits of the presences of REF and ALT under Hardy-Weinberg, bounded at 1e-4."""
    p = torch.stack([1 - af**2, 1 - (1 - af) ** 2], -1).clamp(1e-4, 1 - 1e-4)
    return p.logit()
