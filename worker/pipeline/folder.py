"""What lies in the folders between the stages: `ingest.json`, `harmonised.json` and their stores.

Stores are numbered (`c0`, `c1`...) because contig names come from the upload and may hold any character.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from genotypes.store import Store

INGESTED = "ingest.json"
HARMONISED = "harmonised.json"
ANYWHERE = (1 << 31) - 1  # a bp past any position


@dataclass(frozen=True, slots=True)
class IngestedChromosome:
    """One chromosome of the upload."""

    name: str  # normal name; 23 to 26 stay until a bundle tells the species
    contigs: list[str]  # as the files wrote it
    store: str
    sites: int
    phased: bool  # every diploid call was written with '|'
    length: int | None  # bp, as the header gives it
    haploid: list[int]  # rows of the samples that are haploid here
    counts: dict[str, int]  # half_calls, multiallelic, symbolic... that were met while reading
    ref_known: bool = True  # False where some file does not tell REF from ALT


@dataclass(frozen=True, slots=True)
class Ingested:
    """An ingested upload."""

    folder: Path
    samples: list[str]
    build: str | None  # as the headers name it
    files: list[str]  # names that the user knows
    chromosomes: list[IngestedChromosome]
    notes: list[dict[str, Any]]
    sex: dict[str, str] = field(default_factory=dict)  # male or female, of the samples whose files tell it

    def write(self) -> None:
        """Write `ingest.json`."""
        data = {key: value for key, value in asdict(self).items() if key != "folder"}
        (self.folder / INGESTED).write_text(json.dumps(data))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        data = json.loads((folder / INGESTED).read_text())
        chromosomes = [IngestedChromosome(**one) for one in data.pop("chromosomes")]
        return cls(folder=folder, chromosomes=chromosomes, **data)

    def store(self, one: IngestedChromosome) -> Store:
        """Genotypes of one chromosome."""
        return Store.open(self.folder, one.store)


@dataclass(frozen=True, slots=True)
class PloidyRegion:
    """A stretch of a chromosome in which every sample has one ploidy; it starts where the one before ends."""

    last: int  # bp
    haploid: list[int]  # rows of the samples that are haploid here


@dataclass(frozen=True, slots=True)
class HarmonisedChromosome:
    """One chromosome that will be imputed."""

    name: str  # the bundle's name
    label: str  # name for files, such as chr20
    store: str  # prefix of the stores NAME.typed and NAME.only
    phased: bool  # imputed haplotype by haplotype: the upload is phased and the bundle reads phase
    haploid: list[int]  # rows of the samples that are haploid here; on X outside its pseudoautosomal regions
    regions: list[PloidyRegion] = field(default_factory=list)  # of X: ploidy changes along it; else none


@dataclass(frozen=True, slots=True)
class Harmonised:
    """A harmonised upload: typed sites in the bundle's orientation, and beside them those that the bundle lacks."""

    folder: Path
    samples: list[str]
    build: str
    contigs: dict[str, int | None]  # bp of every contig of the result, in the bundle's order
    chromosomes: list[HarmonisedChromosome]
    shares: dict[str, float] = field(default_factory=dict)  # of the populations expected; none: the whole panel
    haplotypes: int | None = None  # in the bundle's panel; None where its manifest does not say

    def write(self) -> None:
        """Write `harmonised.json`."""
        data = {key: value for key, value in asdict(self).items() if key != "folder"}
        (self.folder / HARMONISED).write_text(json.dumps(data))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        data = json.loads((folder / HARMONISED).read_text())
        chromosomes = [
            HarmonisedChromosome(**one | {"regions": [PloidyRegion(**part) for part in one.get("regions", [])]})
            for one in data.pop("chromosomes")
        ]
        return cls(folder=folder, chromosomes=chromosomes, **data)

    def chromosome(self, name: str) -> HarmonisedChromosome:
        """The chromosome of that bundle name; KeyError when it is not there."""
        for one in self.chromosomes:
            if one.name == name:
                return one
        raise KeyError(name)

    def contig_number(self, name: str) -> int:
        """Number of a contig in a BCF of this upload."""
        return list(self.contigs).index(name)

    def typed(self, one: HarmonisedChromosome) -> Store:
        """Typed sites; `rows` are ascending rows of the bundle's site table."""
        return Store.open(self.folder, f"{one.store}.typed")

    def only(self, one: HarmonisedChromosome) -> Store:
        """Typed sites that the bundle lacks; each goes out before row `rows[i]` of the bundle's site table."""
        return Store.open(self.folder, f"{one.store}.only")

    def ploidy(self, one: HarmonisedChromosome) -> NDArray[np.int8]:
        """(S,) int8, 1 or 2; on X outside its pseudoautosomal regions."""
        return self._ploidy(one.haploid)

    def ploidies(self, one: HarmonisedChromosome) -> list[tuple[int, NDArray[np.int8]]]:
        """Last bp and (S,) int8 ploidy of every region of the chromosome, in order."""
        if not one.regions:
            return [(ANYWHERE, self.ploidy(one))]
        return [(region.last, self._ploidy(region.haploid)) for region in one.regions]

    def _ploidy(self, haploid: list[int]) -> NDArray[np.int8]:
        ploidy = np.full(len(self.samples), 2, np.int8)
        ploidy[haploid] = 1
        return ploidy
