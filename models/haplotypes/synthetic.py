"""A panel as the library of a bundle shall hold it: sites with too few carriers left out, people's haplotypes mixed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from models.haplotypes.library import Library
from models.haplotypes.resample import Block, Resampling, Stretches, synthesise

BLOCK_SITES: Final = 4096

HELD: Final = "the haplotypes of the panel's people, without names"
SYNTHETIC: Final = (
    "synthetic haplotypes: mosaics of the panel's, none of which follows one person for longer than {longest:g} cM; "
    "allele counts are the panel's, and sites and rare alleles can still tell who was in it"
)


@dataclass(frozen=True, slots=True)
class Disguise:
    """What is done to a panel before it is given away.

    Attributes:
        resampling: how synthetic haplotypes are made; None: the panel's own are held.
        least_carriers: sites whose minor allele has fewer carriers are left out.
        seed: for tests; None, as it should be, takes it from the system.
    """

    resampling: Resampling | None = None
    least_carriers: int = 1
    seed: int | None = None

    def rows(self, alleles: NDArray[np.int8]) -> NDArray[np.int64]:
        """Rows of (V, H) alleles that have enough carriers."""
        if self.least_carriers <= 1:
            return np.arange(len(alleles))
        alt = alleles.sum(axis=1, dtype=np.int64)
        return np.flatnonzero(np.minimum(alt, alleles.shape[1] - alt) >= self.least_carriers)

    def refuse_few(self, sites: int) -> None:
        """Raise `setup_invalid` when fewer than two sites of a chromosome are left."""
        if sites < 2 and self.least_carriers > 1:
            raise TesseraError(
                Code.setup_invalid, f"Fewer than two sites have a minor allele with {self.least_carriers} carriers."
            )

    def mixed(self, blocks: Iterable[Block], persons: NDArray[np.int64], stretches: Stretches) -> Iterator[Block]:
        """The blocks as the bundle will hold them, cut anew.

        Args:
            blocks: consecutive sites.
            persons: (K,) whose each haplotype is.
            stretches: is told what synthetic haplotypes copied.
        """
        if self.resampling is None:
            yield from blocks
            return
        read: list[NDArray[np.float64]] = []

        def told() -> Iterator[Block]:
            for alleles, cm in blocks:
                read.append(cm)
                yield alleles, cm

        for made, _ in synthesise(told(), persons, self.resampling, self.seed, stretches):
            cm = np.concatenate(read)
            yield made, cm[: len(made)]
            read[:] = [cm[len(made) :]]

    def library(
        self, alleles: NDArray[np.int8], cm: NDArray[np.float64], persons: NDArray[np.int64], stretches: Stretches
    ) -> Library:
        """What the bundle will hold of (V, K) alleles; `stretches` is told what synthetic haplotypes copied."""
        made = self.mixed(_blocks(alleles, cm), persons, stretches)
        return Library.of(np.concatenate([part for part, _ in made]), cm)

    def options(self) -> dict[str, Any]:
        """What makes one training differ from another."""
        return {"least_carriers": self.least_carriers, "resampling": self.resampling and asdict(self.resampling)}

    def architecture(self) -> dict[str, Any]:
        """What the manifest says of it beside the model."""
        if self.resampling is None:
            return {"holds_panel_haplotypes": True, "holds": HELD}
        return {"holds_panel_haplotypes": False, "holds": SYNTHETIC.format(longest=self.resampling.longest_cm)}

    def training(self, stretches: Stretches) -> dict[str, Any]:
        """What the manifest says of how it was made; never the seed."""
        facts: dict[str, Any] = {"least_carriers": self.least_carriers} if self.least_carriers > 1 else {}
        if self.resampling is not None:
            options = asdict(self.resampling) | {"windows": list(self.resampling.windows)}
            facts["synthetic"] = options | {"copied_cm": stretches.facts()}
        return facts

    @classmethod
    def of(cls, training: dict[str, Any]) -> Disguise:
        """As a manifest's `training` tells it; with another seed."""
        held = training.get("synthetic")
        resampling = None
        if held is not None:
            options = {name: held[name] for name in Resampling.__dataclass_fields__ if name in held}
            resampling = Resampling(**options | {"windows": tuple(held["windows"])})
        return cls(resampling, training.get("least_carriers", 1))


def persons_of(haplotypes: int, people: int) -> NDArray[np.int64]:
    """(H,) whose each haplotype is; where some people have one only (X of males), each counts as a person."""
    every = np.arange(haplotypes)
    return every // 2 if haplotypes == 2 * people else every


def _blocks(alleles: NDArray[np.int8], cm: NDArray[np.float64]) -> Iterator[Block]:
    for first in range(0, len(cm), BLOCK_SITES):
        yield alleles[first : first + BLOCK_SITES], cm[first : first + BLOCK_SITES]
