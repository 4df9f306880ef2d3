"""What a training of haplotypes is told, and the files that patterns of panels and maps stand for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from glob import glob
from pathlib import Path
from typing import Any, Final

from errors import Code, TesseraError
from genotypes.maps import GeneticMap
from models.haplotypes.engine import CopyingOptions
from models.haplotypes.synthetic import Disguise
from models.population_table import Labels

_BRACES: Final = re.compile(r"\{([^{}]*)\}")
_RANGE: Final = re.compile(r"(\d+)\.\.(\d+)")
_EDGE_BYTES: Final = 1 << 16


@dataclass(frozen=True)
class GenomeOptions:
    """What `tessera bundle train` is told of a bundle of haplotypes."""

    panels: tuple[Path, ...]
    maps: tuple[Path, ...]
    out: Path
    name: str
    build: str
    chrom: str | None = None  # the only contig to take from the panels
    arrays: Path | None = None
    work: Path | None = None  # OUT.work by default; removed when the bundle is there
    labels: Labels | None = None  # populations of people; clusters where there are none
    ancestry: bool = True  # frequencies by population, and a map
    version: str = "1"
    species: str = "Homo sapiens"
    panel_name: str = ""
    licence: str = "unspecified"
    tile_sites: int = 60_000  # at most
    tile_cm: float = 12.0
    context: float = 2.5  # cM on both sides of a tile
    held_out: float = 0.05
    seed: int = 1
    model: CopyingOptions = field(default_factory=CopyingOptions)  # rates in it are where learning starts
    disguise: Disguise = field(default_factory=Disguise)

    @property
    def work_folder(self) -> Path:
        """Where what is finished waits for the rest."""
        return self.work or self.out.with_name(self.out.name + ".work")

    def fingerprint(self) -> dict[str, Any]:
        """What must be the same for a work folder to be of use."""
        facts: dict[str, Any] = {
            "panels": [_identity(one) for one in self.panels],
            "maps": [_identity(one) for one in self.maps],
        }
        for name in ("chrom", "tile_sites", "tile_cm", "context", "held_out", "seed", "build"):
            facts[name] = getattr(self, name)
        facts |= {"arrays": str(self.arrays.absolute()) if self.arrays else None, "model": asdict(self.model)}
        return facts | {"disguise": self.disguise.options()}

    def genetic_map(self, chrom: str) -> GeneticMap:
        """The map of a chromosome: of the one file, or of the first of several that has it; 1 cM/Mb without files.

        Raises:
            TesseraError: `setup_invalid` when no file has it, or one cannot be read.
        """
        if not self.maps:
            return GeneticMap.uniform()
        if len(self.maps) == 1:
            return GeneticMap.read(self.maps[0], chrom)
        for path in self.maps:
            try:
                return GeneticMap.read(path, chrom)
            except TesseraError as error:
                if "does not map" not in error.message:
                    raise
        raise TesseraError(Code.setup_invalid, f"None of the {len(self.maps)} maps maps chromosome {chrom}.")


def expand(patterns: Iterable[str], option: str) -> tuple[Path, ...]:
    """Files by name, with shell patterns and braces: `panel.chr{1..22}.bcf`, `chr{1,X}.bcf`, `*.bcf`.

    Raises:
        TesseraError: `setup_invalid` when a file is not there, nothing fits a pattern, or a file is named twice.
    """
    found: list[Path] = []
    for pattern in patterns:
        for name in _braces(pattern):
            paths = [name] if Path(name).exists() else sorted(glob(name), key=_numbers)
            if not paths:
                raise TesseraError(Code.setup_invalid, f"{option}: there is no file {name}.")
            found += map(Path, paths)
    if twice := [one for one in found if found.count(one) > 1]:
        raise TesseraError(Code.setup_invalid, f"{option} names {twice[0]} twice.")
    return tuple(found)


def _braces(pattern: str) -> list[str]:
    held = _BRACES.search(pattern)
    if held is None:
        return [pattern]
    words = held[1].split(",")
    if span := _RANGE.fullmatch(held[1]):
        words = [str(number) for number in range(int(span[1]), int(span[2]) + 1)]
    return [name for word in words for name in _braces(pattern[: held.start()] + word + pattern[held.end() :])]


def _numbers(name: str) -> list[Any]:
    """So that chr2 comes before chr10."""
    return [(int(word), "") if word.isdigit() else (-1, word) for word in re.split(r"(\d+)", name)]


def _identity(path: Path) -> list[Any]:
    """Name, size and a digest of both ends, which tell one panel from another without reading it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(_EDGE_BYTES))
        file.seek(max(0, size - _EDGE_BYTES))
        digest.update(file.read())
    return [path.name, size, digest.hexdigest()[:16]]
