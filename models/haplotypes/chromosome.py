"""A chromosome in the work folder of a training: read from its panel once, and used until the bundle is there."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from genotypes.manifest import ChromosomeEntry
from models.dae.work import read_json, write_json
from models.haplotypes.stored import StoredLibrary

SITES: Final = "sites.bcf"
LIBRARY: Final = "haplotypes.safetensors"
POSITIONS: Final = "positions.npy"
FACTS: Final = "chromosome.json"


@dataclass(frozen=True)
class Chromosome:
    """One chromosome of the panel."""

    folder: Path
    name: str  # without chr
    file: int  # which of the panel's files it came from
    samples: list[str] = field(repr=False)
    haploids: bool  # some people have one haplotype
    sites: int
    haplotypes: int
    first: int  # bp
    last: int

    @classmethod
    def open(cls, folder: Path) -> Self | None:
        """A finished one; None when there is none."""
        found = read_json(folder / FACTS)
        return cls(folder, **found) if found else None

    def write(self) -> None:
        """Say that it is finished."""
        write_json(self.folder / FACTS, {k: v for k, v in asdict(self).items() if k != "folder"})

    @cached_property
    def library(self) -> StoredLibrary:
        """All haplotypes."""
        return StoredLibrary(self.folder / LIBRARY)

    @property
    def positions(self) -> NDArray[np.int32]:
        """(V,) bp, mapped from their file."""
        held: NDArray[np.int32] = np.load(self.folder / POSITIONS, mmap_mode="r")
        return held

    @property
    def entry(self) -> ChromosomeEntry:
        """For the manifest."""
        facts: dict[str, Any] = {"sites": self.sites, "inputs": self.sites, "tiles": len(self.library.tiles)}
        facts |= {"first": self.first, "last": self.last, "length": None}
        return ChromosomeEntry(**facts, sites_file=f"{self.name}/{SITES}", tiles_file=f"{self.name}/{LIBRARY}")

    def frequencies(self, first: int = 0, end: int | None = None) -> NDArray[np.float32]:
        """(V,) ALT frequency of the sites `first` to `end`."""
        minor, flipped = self.library.counts(first, end)
        alt = np.where(flipped, self.haplotypes - minor, minor)
        return alt.astype(np.float32) / np.float32(self.haplotypes)
