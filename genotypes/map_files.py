"""Genetic maps of several chromosomes, of one file or many, as they come with a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.builds import build_of_name
from genotypes.harmonise import normal_contig
from genotypes.map_text import contig_of_name, invalid, map_points
from genotypes.maps import GeneticMap

# Morgans taken for centimorgans give a hundredth of the recombination without a word. No species has so little:
# conifers and wheat have .1 to .2 cM/Mb.
_LEAST_RATE: Final = 0.03  # cM/Mb
_LONG: Final = 10e6  # bp from which on a rate is judged


@dataclass(frozen=True, slots=True, eq=False)
class GeneticMaps:
    """Maps by plain chromosome name, each with the name of its file."""

    maps: dict[str, tuple[GeneticMap, str]]

    @classmethod
    def read(cls, files: Sequence[tuple[Path, str]]) -> Self:
        """Read map files of one or several chromosomes.

        A chromosome in several files or under several names (X in its pseudoautosomal regions and the rest, each
        counted from 0 cM) becomes one map, the pieces one behind the other.

        Args:
            files: path, and name as the user knows it. A file without a column of chromosomes has one in its name.

        Raises:
            TesseraError: `map_invalid`, with file and line.
        """
        pieces: dict[str, list[tuple[GeneticMap, str]]] = {}
        for path, name in files:
            try:
                for contig, piece in _read(path, name).items():
                    pieces.setdefault(plain(contig), []).append((piece, name))
            except TesseraError as error:
                message = error.message if f"'{name}'" in error.message else f"'{name}': {error.message}"
                details = {"file": name} | error.details
                raise TesseraError(error.code, message, action=error.action, field="map", **details) from error
        return cls({contig: _joined(contig, found) for contig, found in pieces.items()})

    def find(self, chromosome: str, build: str | None = None) -> tuple[GeneticMap, str] | None:
        """The map of a chromosome and its file.

        Args:
            chromosome: plain name.
            build: genome build; where it is a human one 23 and X are the same.
        """
        names = [chromosome]
        if chromosome in ("X", "23") and build and build_of_name(build):
            names = ["X", "23"]
        return next((self.maps[name] for name in names if name in self.maps), None)

    def save(self, path: Path) -> None:
        """Write a file that `load` reads."""
        names = list(self.maps)
        np.savez_compressed(
            path,
            names=np.array(names, np.str_),
            files=np.array([self.maps[name][1] for name in names], np.str_),
            sizes=np.array([len(self.maps[name][0].pos) for name in names], np.int64),
            pos=np.concatenate([np.empty(0), *(self.maps[name][0].pos for name in names)]),
            centimorgans=np.concatenate([np.empty(0), *(self.maps[name][0].centimorgans for name in names)]),
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as data:
            ends = np.cumsum(data["sizes"])[:-1]
            parts = zip(np.split(data["pos"], ends), np.split(data["centimorgans"], ends), strict=True)
            named = zip(data["names"].tolist(), data["files"].tolist(), parts, strict=False)
            return cls({name: (GeneticMap(pos, cm), file) for name, file, (pos, cm) in named})


def plain(contig: str) -> str:
    """A chromosome's name without `chr` and leading zeros, the regions of X as X; 23 stays 23, which cattle have."""
    name = contig[3:] if contig[:3].lower() == "chr" and len(contig) > 3 else contig
    if name.isdecimal():
        return name.lstrip("0") or name
    return "X" if normal_contig(name) == "X" else name


def _read(path: Path, name: str) -> dict[str, GeneticMap]:
    """Maps by the contigs of one file."""
    points: dict[str, list[tuple[float, float, int]]] = {}
    for point in map_points(path):
        points.setdefault(point.contig, []).append((point.pos, point.centimorgans, point.line))
    if not points:
        raise invalid("It has no line of a map.")
    if "" in points:
        contig = contig_of_name(name)
        if not contig:
            raise TesseraError(
                Code.map_invalid,
                "It has no column of chromosomes.",
                action="Add one under the name 'chr', or name the file after its chromosome (map_chr20.txt).",
                field="map",
            )
        points[contig] = points.pop("")
    return {contig: _checked(contig, np.array(rows, np.float64)) for contig, rows in points.items()}


def _checked(contig: str, rows: NDArray[np.float64]) -> GeneticMap:
    """(n, 3) bp, cM and line as a map."""
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    _, first = np.unique(rows[:, 0], return_index=True)
    rows = rows[first]
    steps = np.diff(rows[:, 1])
    if (steps < 0).any():
        at = int(np.argmax(steps < 0)) + 1
        raise invalid(f"chromosome {contig} has centimorgans that go backwards.", int(rows[at, 2]))
    span, length = rows[-1, 1] - rows[0, 1], rows[-1, 0] - rows[0, 0]
    if len(rows) > 1 and span == 0:
        raise invalid(f"Chromosome {contig} has no genetic distances: all its centimorgans are the same.")
    if length >= _LONG and span < _LEAST_RATE * length / 1e6:
        raise invalid(f"Chromosome {contig} has {span:.3g} cM over {length / 1e6:.0f} Mb: are these Morgans?")
    return GeneticMap(rows[:, 0].copy(), rows[:, 1].copy())


def _joined(contig: str, pieces: list[tuple[GeneticMap, str]]) -> tuple[GeneticMap, str]:
    """Pieces of a chromosome one behind the other."""
    if len(pieces) == 1:
        return pieces[0]
    pieces = sorted(pieces, key=lambda piece: float(piece[0].pos[0]))
    pos, centimorgans = pieces[0][0].pos, pieces[0][0].centimorgans
    for piece, name in pieces[1:]:
        if piece.pos[0] <= pos[-1]:
            raise TesseraError(Code.map_invalid, f"'{name}' maps a part of chromosome {contig} once more.", field="map")
        start = GeneticMap(pos, centimorgans).cm(piece.pos[:1])[0]
        pos = np.concatenate([pos, piece.pos])
        centimorgans = np.concatenate([centimorgans, piece.centimorgans - piece.centimorgans[0] + start])
    return GeneticMap(pos, centimorgans), ", ".join(dict.fromkeys(name for _, name in pieces))
