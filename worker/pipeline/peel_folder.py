"""What lies in the folders between the stages of a pedigree job, and what the stages hand on."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.likelihoods import Observations
from genotypes.sites import SiteTable
from models.peeling.pedigree import Pedigree, read_pedigree
from worker.pipeline.types import QualityBin

PEDIGREE = "pedigree.txt"
DOUBLED = "doubled-haploids.txt"
READ = "peel-read.json"
JOINED = "peel-joined.json"
ACCURACY = "accuracy.npy"  # (2, animals) float64: sums of (DS - mean)^2 and of the posterior variance over the loci


@dataclass(frozen=True, slots=True)
class ReadChromosome:
    """The sites of one file on one chromosome: NAME.obs and NAME.sites.npz."""

    name: str  # plain name
    contig: str  # as the file writes it
    length: int | None  # bp, as the header gives it
    store: str
    sites: int
    file: int  # number of the file
    ref_known: bool = True  # the file tells REF from ALT


@dataclass(frozen=True, slots=True)
class ReadFiles:
    """Files as they were read, not yet joined."""

    folder: Path
    files: list[str]  # names that the user knows
    samples: list[list[str]]  # of each file
    build: str | None
    parts: list[ReadChromosome]
    notes: list[dict[str, Any]]

    def write(self) -> None:
        """Write `peel-read.json`."""
        data = {key: value for key, value in asdict(self).items() if key != "folder"}
        (self.folder / READ).write_text(json.dumps(data))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        data = json.loads((folder / READ).read_text())
        parts = [ReadChromosome(**one) for one in data.pop("parts")]
        return cls(folder=folder, parts=parts, **data)


@dataclass(frozen=True, slots=True)
class JoinedChromosome:
    """One chromosome of all files together: NAME.obs of (sites, animals) and NAME.sites.npz."""

    name: str
    contig: str  # name in the result
    label: str  # name for files, such as chr20
    length: int | None
    store: str
    sites: int
    by_file: list[int]  # sites that each file has
    non_par: list[int] | None = None  # of X or Z: first and last bp at which males or females have one copy
    zw: bool = False  # it is Z, of which females have one copy
    bundle: str | None = None  # the bundle's name for it; then NAME.rows.npy holds rows of the bundle, -1 without


@dataclass(frozen=True, slots=True)
class Joined:
    """Observations of all animals of the pedigree at all sites of all files."""

    folder: Path
    build: str | None
    files: list[str]
    has_data: list[int]  # rows of the animals that are a sample of some file
    chromosomes: list[JoinedChromosome]
    single: list[int] = field(default_factory=list)  # rows of the animals with one X or Z, where there is such
    bundle: str | None = None  # id of the bundle that imputes the family

    def write(self) -> None:
        """Write `peel-joined.json`."""
        data = {key: value for key, value in asdict(self).items() if key != "folder"}
        (self.folder / JOINED).write_text(json.dumps(data))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        data = json.loads((folder / JOINED).read_text())
        chromosomes = [JoinedChromosome(**one) for one in data.pop("chromosomes")]
        return cls(folder=folder, chromosomes=chromosomes, **data)

    @property
    def pedigree(self) -> Pedigree:
        """The pedigree, from its file."""
        return members(self.folder)

    def chromosome(self, name: str) -> JoinedChromosome:
        """The chromosome of that name; KeyError when it is not there."""
        for one in self.chromosomes:
            if one.name == name:
                return one
        raise KeyError(name)


def members(folder: Path) -> Pedigree:
    """The pedigree in a folder, with the doubled haploids that were named beside it."""
    listed = folder / DOUBLED
    found = [path.stat() for path in (folder / PEDIGREE, listed) if path.exists()]
    stamps = tuple((one.st_mtime_ns, one.st_size) for one in found)
    return _members(folder, stamps)


@lru_cache(maxsize=2)
def _members(folder: Path, _stamps: tuple[tuple[int, int], ...]) -> Pedigree:
    """The pedigree as it was when its files had these stamps; every stage of a job asks for it several times."""
    listed = folder / DOUBLED
    return read_pedigree(folder / PEDIGREE, listed.read_text().split() if listed.exists() else ())


def map_name(one: JoinedChromosome) -> str:
    """Name of a chromosome in folders of genetic maps."""
    return one.name if one.non_par is None or one.zw else "X"


def store_sites(folder: Path, store: str) -> SiteTable:
    """Sites of a store."""
    return SiteTable.load(folder / f"{store}.sites.npz")


def store_observations(folder: Path, store: str, shape: tuple[int, int]) -> Observations:
    """(V, S) observation numbers of a store, mapped from disk."""
    if 0 in shape:
        return np.zeros(shape, np.uint16)
    # Copy on write: numba compiles kernels anew for arrays that are read-only.
    return np.memmap(folder / f"{store}.obs", np.uint16, "c", shape=shape)


def file_label(name: str) -> str:
    """Part of a file's name that stands for a chromosome: chr20."""
    return "chr" + re.sub(r"[^A-Za-z0-9._-]", "_", name)


@dataclass(frozen=True, slots=True)
class PeelOptions:
    """How a pedigree job is peeled and written."""

    cycles: int = 10
    population: bool = True  # founders also from each other's haplotypes
    threads: int = 1
    format: Literal["vcf.gz", "bcf"] = "vcf.gz"
    r2_min: float = 0.0
    animals: list[str] | None = None  # ids to write, in this order; all of the pedigree by default
    only_new: bool = False  # write the animals without any data alone
    keep_observed: bool = True  # an observed call stays, also where the family contradicts it
    segregation: bool = False  # write chrN.segregation.tsv.gz
    haplotypes: bool = False  # write chrN.haplotypes.tsv.gz
    maps: Path | None = None  # a folder of maps by build, for what the job's own maps lack
    command: str = "tessera peel"


@dataclass(frozen=True, slots=True)
class PeelSummary:
    """One peeled chromosome."""

    chromosome: str
    sites: int  # records written
    below_r2_min: int
    map: str  # where the map positions are from
    error: float | None  # estimated error rate of calls
    corrected: int  # observed calls that the family contradicts
    kept: bool  # such calls were kept all the same
    quality: list[QualityBin]
    files: list[str]  # pieces in the chunk's folder, the VCF's first
    children: list[str] = field(default_factory=list)  # ids of the segregation's columns, where it is written
    imputed: int = 0  # sites of the bundle that nobody was typed at
    haplotypes_asked: int = 0  # animals whose haplotypes the bundle's engine imputed
    genotypes_asked: int = 0  # animals whose genotypes it imputed, as the family leaves their phase open

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The summary that `as_dict` described."""
        return cls(**{**data, "quality": [QualityBin(**one) for one in data["quality"]]})


def check_animals(pedigree: Pedigree, options: PeelOptions) -> None:
    """Refuse ids to write that the pedigree lacks.

    Raises:
        TesseraError: `pedigree_unknown_ids`.
    """
    known = set(pedigree.ids)
    unknown = [name for name in options.animals or () if name not in known]
    if unknown:
        message = f"The pedigree has no animal '{unknown[0]}' to write."
        raise TesseraError(Code.pedigree_unknown_ids, message, field="animals", animals=unknown[:20])


def columns_of(pedigree: Pedigree, has_data: list[int], options: PeelOptions) -> NDArray[np.int64]:
    """Rows of the animals to write, in the order of the columns; ids that the pedigree lacks are left out.

    Raises:
        TesseraError: `invalid_field` when nobody is left.
    """
    rows = {name: row for row, name in enumerate(pedigree.ids)}
    names = pedigree.ids if options.animals is None else list(dict.fromkeys(options.animals))
    wanted = [rows[name] for name in names if name in rows]
    if options.only_new:
        known = set(has_data)
        wanted = [row for row in wanted if row not in known]
    if not wanted:
        message = "No animal is left to write: every one that was asked for has data."
        raise TesseraError(Code.invalid_field, message, action="Leave the choice of animals out.", field="animals")
    return np.array(wanted, np.int64)
