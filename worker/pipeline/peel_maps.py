"""Which genetic map a chromosome is peeled with."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from errors import Code, TesseraError
from genotypes.maps import GeneticMap

UNIFORM: Final = "1 cM per Mb"
_ENDINGS: Final = (".map", ".txt", ".gmap")


def choose_map(maps: Path | None, build: str | None, chromosome: str) -> tuple[GeneticMap, str]:
    """The map of a chromosome, and where it is from.

    Args:
        maps: a map file; or a folder with one folder a build, in which chr20.map (.txt, .gmap, or these with .gz) or
            20.map maps chromosome 20; or None.
        build: genome build of the positions; None when nobody knows, and then no folder is looked into.
        chromosome: plain name.

    Raises:
        TesseraError: `setup_invalid` for a file that is no genetic map of the chromosome.
    """
    if maps is not None and maps.is_file():
        return GeneticMap.read(maps, chromosome), maps.name
    if maps is not None and build and _plain(build):
        for name in (f"chr{chromosome}", chromosome):
            for ending in (end + packed for end in _ENDINGS for packed in ("", ".gz")):
                path = maps / build / f"{name}{ending}"
                if _plain(name) and path.is_file():
                    return GeneticMap.read(path, chromosome), f"{build}/{path.name}"
    return GeneticMap.uniform(), UNIFORM


def check_maps(maps: Path | None) -> None:
    """Refuse a path of maps that does not exist.

    Raises:
        TesseraError: `setup_invalid`.
    """
    if maps is not None and not maps.exists():
        raise TesseraError(Code.setup_invalid, f"There are no genetic maps at '{maps}'.")


def _plain(name: str) -> bool:
    """Whether a name from an upload can be part of a path."""
    return "/" not in name and "\0" not in name and not name.startswith(".")
