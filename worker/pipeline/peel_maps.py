"""Which genetic map a chromosome is peeled with: the job's, one of the server's, or a constant rate."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from errors import Code, TesseraError
from genotypes.map_files import GeneticMaps
from genotypes.maps import GeneticMap
from genotypes.sites import SiteTable
from worker.pipeline.types import Note

UNIFORM: Final = "1 cM per Mb"
GIVEN: Final = "genetic-maps.npz"  # in the stages' folders: the maps that came with the job
_ENDINGS: Final = (".map", ".txt", ".gmap")
_OUTSIDE: Final = 0.1  # share of sites outside the map from which on a note says so


def keep_maps(files: Sequence[tuple[Path, str]], out: Path) -> None:
    """Read the maps of a job into a stage's folder; nothing is written without any.

    Raises:
        TesseraError: `map_invalid`, with file and line.
    """
    if files:
        GeneticMaps.read(files).save(out / GIVEN)


def copy_maps(source: Path, out: Path) -> None:
    """Hand the maps of a job on to the next stage's folder."""
    if (source / GIVEN).exists():
        shutil.copyfile(source / GIVEN, out / GIVEN)


def given_maps(folder: Path) -> GeneticMaps | None:
    """The maps that came with the job; None without any."""
    return GeneticMaps.load(folder / GIVEN) if (folder / GIVEN).exists() else None


def choose_map(
    maps: Path | None, build: str | None, chromosome: str, given: GeneticMaps | None = None
) -> tuple[GeneticMap, str]:
    """The map of a chromosome, and where it is from.

    Args:
        maps: the server's: a folder with one folder a build, in which chr20.map (.txt, .gmap, or these with .gz) or
            20.map maps chromosome 20; or a map file; or None.
        build: genome build of the positions; None when nobody knows, and then no folder is looked into.
        chromosome: plain name.
        given: maps that came with the job, which come first.

    Raises:
        TesseraError: `setup_invalid` for a file of the server's that is no genetic map of the chromosome.
    """
    if given is not None and (found := given.find(chromosome, build)) is not None:
        return found
    if maps is not None and maps.is_file():
        return GeneticMap.read(maps, chromosome), maps.name
    if maps is not None and build and _plain(build):
        for name in (f"chr{chromosome}", chromosome):
            for ending in (end + packed for end in _ENDINGS for packed in ("", ".gz")):
                path = maps / build / f"{name}{ending}"
                if _plain(name) and path.is_file():
                    return GeneticMap.read(path, chromosome), f"{build}/{path.name}"
    return GeneticMap.uniform(), UNIFORM


def map_notes(
    maps: Path | None, build: str | None, chromosome: str, given: GeneticMaps | None, sites: SiteTable, name: str
) -> list[Note]:
    """What to say of a chromosome's map; arguments as of `choose_map`, and `name` the chromosome's in notes."""
    scale, source = choose_map(maps, build, chromosome, given)
    if source == UNIFORM:
        which = "There is no genetic map" if given is None else "The genetic map lacks the chromosome"
        return [Note("no_genetic_map", f"{which}: {UNIFORM} was assumed.", 1, name)]
    outside = int(np.sum((sites.pos < scale.pos[0]) | (sites.pos > scale.pos[-1])))
    if given is not None and outside > _OUTSIDE * len(sites):
        message = f"Sites before or behind all of the genetic map ({source}), where {UNIFORM} was assumed: same build?"
        return [Note("beyond_genetic_map", message, outside, name)]
    return []


def refuse_strangers(given: GeneticMaps | None, chromosomes: Sequence[str], build: str | None) -> None:
    """Refuse maps of which none is of a chromosome of the upload.

    Raises:
        TesseraError: `map_invalid`.
    """
    if given is None or any(given.find(name, build) for name in chromosomes):
        return
    mapped, there = ", ".join(list(given.maps)[:10]), ", ".join(chromosomes[:10])
    raise TesseraError(
        Code.map_invalid,
        f"The genetic map is of other chromosomes ({mapped}) than the genotypes ({there}).",
        action="Write the chromosomes of the map as the genotype files do.",
        field="map",
    )


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
