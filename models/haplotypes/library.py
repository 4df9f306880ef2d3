"""The panel's haplotypes as a bundle holds them: minor-allele carriers of every site, compressed, without names."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from errors import Code, TesseraError
from models.haplotypes.panel_index import carriers_of, gaps_of, lists_of

DENSE = 1 / 16  # sites with a higher minor-allele frequency are written as bits, the others as gaps between carriers


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """Haplotypes of one chromosome.

    Attributes:
        haplotypes: K, their number.
        flipped: (V,) bool, REF is the minor allele.
        starts: (V + 1,) int64, where each site begins in `carriers`.
        carriers: (C,) int32 (uint16 where K allows), the haplotypes with the minor allele, ascending for each site.
        cm: (V,) float64 map positions.
    """

    haplotypes: int
    flipped: NDArray[np.bool_]
    starts: NDArray[np.int64]
    carriers: NDArray[Any]
    cm: NDArray[np.float64]

    @classmethod
    def of(cls, alleles: NDArray[np.int8], cm: NDArray[np.float64]) -> Self:
        """From (V, K) alleles, 0 or 1."""
        count = alleles.shape[1]
        flipped = alleles.mean(axis=1) > 0.5
        starts, carriers = lists_of(alleles.view(np.uint8), flipped)
        return cls(count, flipped, starts, carriers.astype(_index_type(count)), np.asarray(cm, np.float64))

    def __len__(self) -> int:
        """V."""
        return len(self.flipped)

    def alleles(self, rows: NDArray[np.int32]) -> NDArray[np.uint8]:
        """(T, K) ALT alleles of some sites."""
        out = np.zeros((len(rows), self.haplotypes), np.uint8)
        for line, row in zip(out, rows.tolist(), strict=True):
            line[self.carriers[self.starts[row] : self.starts[row + 1]]] = 1
        out ^= self.flipped[rows][:, None]
        return out

    def write(self, path: Path, tiles: Sequence[dict[str, int]]) -> None:
        """Write as safetensors; `tiles` goes into the metadata."""
        minor = np.diff(self.starts)
        dense = minor > DENSE * self.haplotypes
        wide = np.repeat(dense, minor)
        bits = np.zeros((int(dense.sum()), self.haplotypes), np.uint8)
        site = np.repeat(np.arange(len(bits)), minor[dense])
        bits[site, self.carriers[wide]] = 1
        gaps = gaps_of(np.concatenate([[0], np.cumsum(minor[~dense])]), self.carriers[~wide].astype(np.int32))
        save_file(
            {
                "cm": self.cm,
                "flipped": self.flipped,
                "minor": minor.astype(np.int32),
                "bits": _squeeze(np.packbits(bits, axis=1)),
                "gaps": _squeeze(gaps.astype(_index_type(self.haplotypes))),
            },
            path,
            metadata={"haplotypes": str(self.haplotypes), "tiles": json.dumps(list(tiles))},
        )
        path.chmod(0o644)  # it is written as readable by its owner alone

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote; raises `bundle_invalid`."""
        try:
            with safe_open(path, "np") as file:
                count = int(file.metadata()["haplotypes"])
                held = {name: file.get_tensor(name) for name in ("cm", "flipped", "minor", "bits", "gaps")}
            minor = held["minor"].astype(np.int64)
            starts = np.concatenate([[0], np.cumsum(minor)])
            dense = minor > DENSE * count
            carriers = np.empty(int(starts[-1]), _index_type(count))
            packed = np.frombuffer(zlib.decompress(held["bits"].tobytes()), np.uint8)
            bits = packed.reshape(int(dense.sum()), (count + 7) // 8)
            gaps = np.frombuffer(zlib.decompress(held["gaps"].tobytes()), _index_type(count))
            if len(gaps) != int(minor[~dense].sum()) or not carriers_of(minor, dense, bits, gaps, carriers):
                raise ValueError("carriers do not agree with their counts")
            if len(carriers) and int(carriers.max()) >= count:
                raise ValueError("a carrier is not among the haplotypes")
        except (OSError, SafetensorError, zlib.error, KeyError, ValueError, TypeError) as error:
            raise TesseraError(Code.bundle_invalid, f"The haplotypes in {path.name} cannot be read.") from error
        return cls(count, held["flipped"].astype(bool), starts, carriers, held["cm"].astype(np.float64))


def read_tiles(path: Path) -> list[dict[str, int]]:
    """The tile table of a library's file; raises `bundle_invalid`."""
    try:
        with safe_open(path, "np") as file:
            table: list[dict[str, int]] = json.loads(file.metadata()["tiles"])
            return table
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise TesseraError(Code.bundle_invalid, f"The haplotypes in {path.name} cannot be read.") from error


def _index_type(haplotypes: int) -> type[np.uint16] | type[np.int32]:
    return np.uint16 if haplotypes <= 1 << 16 else np.int32


def _squeeze(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Compressed bytes as an array."""
    return np.frombuffer(zlib.compress(values.tobytes(), 9), np.uint8)
