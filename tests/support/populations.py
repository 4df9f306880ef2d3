"""Three populations with a panel, a bundle of its sites, and people outside the panel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from genotypes import codes as gt
from genotypes.panel import Panel
from genotypes.panel_blocks import PanelBlock
from genotypes.sites import SiteTable, strings
from tests.support.fake_engine import FakeBundle

SITES = 600
NAMES = ("north", "south", "west")


def panel(people: int = 90, seed: int = 1, fst: float = 0.08) -> tuple[Panel, dict[str, str]]:
    """People of three populations whose frequencies drifted apart (Balding and Nichols 1995)."""
    rng = np.random.default_rng(seed)
    base = np.random.default_rng(99).uniform(0.2, 0.8, SITES)
    shape = (1 - fst) / fst
    drifted = [np.random.default_rng(50 + k).beta(base * shape, (1 - base) * shape) for k in range(3)]
    label = np.arange(people) % 3
    af = np.stack([drifted[k] for k in label], axis=1)
    haplotypes = (rng.random((SITES, people, 2)) < af[:, :, None]).astype(np.int8).reshape(SITES, -1)
    pos = (1000 * np.arange(1, SITES + 1)).astype(np.int32)
    sites = SiteTable("20", pos, strings(["A"] * SITES), strings(["G"] * SITES), strings(["."] * SITES))
    samples = [f"{seed}_{k}" for k in range(people)]
    return Panel(sites, haplotypes, samples), {name: NAMES[k] for name, k in zip(samples, label, strict=True)}


@dataclass(frozen=True)
class Blocks:
    """A panel in memory, given out in blocks; `genotypes.panel_blocks.BlocksOfPeople`."""

    panel: Panel
    size: int = 1 << 20

    @property
    def samples(self) -> list[str]:
        return self.panel.samples

    def __iter__(self) -> Iterator[PanelBlock]:
        held = self.panel
        for first in range(0, len(held.sites), self.size):
            part = slice(first, first + self.size)
            sites = held.sites.slice(first, first + self.size)
            yield PanelBlock(sites, held.haplotypes[part], np.full(len(held.samples), 2, np.int8), 1.0)


TRAIN, LABELS = panel()
BUNDLE = FakeBundle({"20": replace(TRAIN.sites, af=TRAIN.haplotypes.mean(1, dtype=np.float32))}, tile_sites=300)


ROWS = np.arange(SITES, dtype=np.int32)


def people(seed: int = 2) -> tuple[gt.Codes, list[str]]:
    other, labels = panel(60, seed)
    return (other.haplotypes[:, 0::2] + other.haplotypes[:, 1::2]).astype(np.int8), [labels[s] for s in other.samples]
