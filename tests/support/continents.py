"""A bundle with frequencies of three populations that drifted far apart, and cohorts of any of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt
from genotypes.populations import Populations
from genotypes.sites import SiteTable, strings
from tests.support.fake_engine import FakeBundle
from tests.support.uploads import Upload
from tests.support.vcf import gt_strings

SITES, PANEL = 600, 200
NAMES = ("north", "south", "west")
FIRST, STEP = 1_000_000, 5_000


def _frequencies(fst: float = 0.2, seed: int = 1) -> NDArray[np.float64]:
    """(V, 3), drifted from one ancestor (Balding and Nichols 1995)."""
    rng = np.random.default_rng(seed)
    base, scale = rng.uniform(0.1, 0.9, (SITES, 1)), (1 - fst) / fst
    return np.clip(rng.beta(base * scale, (1 - base) * scale, (SITES, 3)), 0.01, 0.99)


TRUE = _frequencies()


def continents_bundle() -> FakeBundle:
    """Every kind of base pair; `far` is the larger population of south and west."""
    rng = np.random.default_rng(2)
    ref = [str(base) for base in rng.choice(list("ACGT"), SITES)]
    alt = ["ACGT"[("ACGT".index(base) + int(rng.integers(1, 4))) % 4] for base in ref]
    counts = rng.binomial(2 * PANEL, TRUE)
    held = Populations(list(NAMES), ["", "far", "far"], np.full(3, PANEL, np.int64), {"20": counts})
    pos = (FIRST + STEP * np.arange(SITES)).astype(np.int32)
    af = (counts.sum(1) / (6 * PANEL)).astype(np.float32)
    table = SiteTable("20", pos, strings(ref), strings(alt), strings(["."] * SITES), af)
    return FakeBundle({"20": table}, length=None, held=held)


def people(shares: tuple[float, float, float], samples: int = 100, seed: int = 3) -> tuple[gt.Codes, list[str]]:
    """(V, S) genotypes of a cohort, and the population of each person."""
    rng = np.random.default_rng(seed)
    which = rng.choice(3, samples, p=shares)
    return rng.binomial(2, TRUE[:, which]).astype(np.int8), [NAMES[k] for k in which]


def upload(bundle: FakeBundle, codes: gt.Codes) -> Upload:
    """The VCF of such a cohort."""
    table = bundle.sites("20")
    names = [f"S{number}" for number in range(codes.shape[1])]
    return Upload(["20"] * len(table), table.pos.tolist(), [*table.ref], [*table.alt], gt_strings(codes), names, None)


def without_populations(bundle: FakeBundle) -> FakeBundle:
    """The same as an older bundle."""
    return replace(bundle, held=None)
