"""Allele frequencies by population of a bundle's training panel: ALT counts of every site.

No population is smaller than `LEAST_PEOPLE`, nor are the people that the whole panel's frequencies leave when those of
all populations are taken from them: whoever counts pools what is smaller (`models.population_table`).
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from errors import Code, TesseraError
from genotypes.population_names import unknown_population
from genotypes.tensor_stream import Stream, write_tensors

FILE_NAME: Final = "populations.safetensors"
LEAST_PEOPLE: Final = 20
BLOCK_ROWS: Final = 1 << 16

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Populations:
    """Frequencies by population.

    Attributes:
        names: P populations.
        within: (P) the larger population that each is a part of; "" for none.
        people: (P,) int64.
        counts: (V, P) ALT alleles of every site of a chromosome, by the bundle's names; uint8 or uint16. Those of a
            file are read when they are asked for.
    """

    names: list[str]
    within: list[str]
    people: NDArray[np.int64]
    counts: Mapping[str, NDArray[Any]]

    @property
    def sites(self) -> dict[str, int]:
        """Sites of each chromosome."""
        held = self.counts
        return held.sites if isinstance(held, StoredCounts) else {name: len(one) for name, one in held.items()}

    @property
    def larger(self) -> list[str]:
        """The larger populations, in the order of their first parts."""
        return list(dict.fromkeys(name for name in self.within if name))

    @property
    def tops(self) -> list[str]:
        """(P) the larger population of each, or itself where it is part of none."""
        return [above or name for name, above in zip(self.names, self.within, strict=True)]

    def describe(self) -> list[dict[str, Any]]:
        """For the manifest: {name, people, within}, larger ones first."""
        parts = [
            {"name": name, "people": int(people), "within": above or None}
            for name, people, above in zip(self.names, self.people, self.within, strict=True)
        ]
        tops = [{"name": name, "people": self._people_of(name), "within": None} for name in self.larger]
        return tops + parts

    def shares(self, name: str) -> Floats:
        """(P,) shares that give the frequency of one population; of a larger one, its parts by their people.

        Raises:
            TesseraError: `population_unknown`.
        """
        chosen = np.array([name in pair for pair in zip(self.names, self.within, strict=True)])
        if not chosen.any():
            raise unknown_population(name, [one["name"] for one in self.describe()])
        people = np.where(chosen, self.people, 0).astype(np.float64)
        return np.asarray(people / people.sum())

    def frequency(self, chromosome: str, shares: Floats) -> NDArray[np.float32]:
        """(V,) ALT frequency to be expected in a mixture with (P,) shares."""
        weights = np.asarray(shares, np.float64) / (2 * self.people)
        counts = self.counts[chromosome]
        out = np.empty(len(counts), np.float32)
        for first in range(0, len(counts), BLOCK_ROWS):  # the product makes float64 of the counts
            out[first : first + BLOCK_ROWS] = counts[first : first + BLOCK_ROWS] @ weights
        return out

    def alleles(self, shares: Floats) -> int:
        """Alleles of one sample whose frequency would be as unsure as that of the mixture."""
        return round(1 / float((np.square(shares) / (2 * self.people)).sum()))

    def by_name(self, shares: Mapping[str, float]) -> Floats:
        """(P,) shares from those by name."""
        return np.array([shares.get(name, 0.0) for name in self.names])

    @property
    def kind(self) -> type[np.uint8] | type[np.uint16]:
        """What counts fit into."""
        return np.uint8 if 2 * int(self.people.max()) < 256 else np.uint16

    def save(self, path: Path) -> None:
        """Write safetensors; counts are compressed, as most are zero."""
        tensors = {name: Stream.of(_squeeze(counts.astype(self.kind))) for name, counts in self.counts.items()}
        self.save_streams(path, tensors, self.sites)

    def save_streams(self, path: Path, squeezed: Mapping[str, Stream], sites: Mapping[str, int]) -> None:
        """Write counts that are xz already, those of each chromosome being (V, P) of `kind`."""
        bits = 8 * np.dtype(self.kind).itemsize
        facts = {"names": self.names, "within": self.within, "sites": dict(sites), "bits": bits}
        tensors = {"people": Stream.of(self.people)} | {f"{name}/counts": one for name, one in squeezed.items()}
        write_tensors(path, tensors, {"populations": json.dumps(facts)})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            TesseraError: `bundle_invalid`.
        """
        try:
            with safe_open(path, "np") as file:
                facts = json.loads(file.metadata()["populations"])
                kind = np.uint8 if facts["bits"] == 8 else np.uint16
                counts = StoredCounts(path, dict(facts["sites"]), len(facts["names"]), kind)
                return cls(facts["names"], facts["within"], file.get_tensor("people"), counts)
        except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
            raise _unreadable() from error

    def _people_of(self, name: str) -> int:
        return int(sum(n for n, above in zip(self.people.tolist(), self.within, strict=True) if above == name))


@dataclass(slots=True, eq=False)
class StoredCounts(Mapping[str, NDArray[Any]]):
    """Counts in a file, of one chromosome in memory at a time: those of a whole genome take a gigabyte."""

    path: Path
    sites: dict[str, int]  # of each chromosome
    populations: int
    kind: type[np.uint8] | type[np.uint16]
    _last: tuple[str, NDArray[Any]] | None = None

    def __getitem__(self, name: str) -> NDArray[Any]:
        """(V, P) of a chromosome; raises `bundle_invalid` when it cannot be read."""
        if name not in self.sites:
            raise KeyError(name)
        last = self._last
        if last is None or last[0] != name:
            try:
                with safe_open(self.path, "np") as file:
                    values = np.frombuffer(lzma.decompress(file.get_tensor(f"{name}/counts").tobytes()), self.kind)
                last = name, values.reshape(self.sites[name], self.populations)
            except (OSError, SafetensorError, lzma.LZMAError, ValueError) as error:
                raise _unreadable() from error
            self._last = last
        return last[1]

    def __contains__(self, name: object) -> bool:
        """Whether there are counts of a chromosome, without reading them."""
        return name in self.sites

    def __iter__(self) -> Iterator[str]:
        """Chromosomes."""
        return iter(self.sites)

    def __len__(self) -> int:
        """Number of chromosomes."""
        return len(self.sites)


def _unreadable() -> TesseraError:
    return TesseraError(Code.bundle_invalid, "The bundle's frequencies by population cannot be read.")


def _squeeze(values: NDArray[Any]) -> NDArray[np.uint8]:
    return np.frombuffer(bytearray(lzma.compress(np.ascontiguousarray(values).tobytes())), np.uint8)
