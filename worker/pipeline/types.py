"""What the stages share: progress, options, and the small JSON-able things that they hand on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from genotypes.ancestry import AncestryMap
from genotypes.manifest import BundleManifest
from genotypes.maps import GeneticMap
from genotypes.populations import Populations
from genotypes.sites import SiteTable
from models.protocol import Tile

Progress = Callable[[float], None]
"""Called often with the fraction done (0-1) of a stage; may raise to abort it."""

Format = Literal["vcf.gz", "bcf"]

QC = "qc.json"


def silent(_fraction: float) -> None:
    """Progress that nobody watches."""


class BundleView(Protocol):
    """What the stages need of a model bundle; `models.dae.bundle.Bundle` fits."""

    @property
    def manifest(self) -> BundleManifest:
        """Id, build, species, contigs."""
        ...

    @property
    def digest(self) -> str:
        """Sha256 of the bundle's content, hexadecimal."""
        ...

    @property
    def chromosomes(self) -> list[str]:
        """Chromosome names as the bundle writes them."""
        ...

    def sites(self, chromosome: str) -> SiteTable:
        """Sites of one chromosome in position order."""
        ...

    def tiles(self, chromosome: str) -> list[Tile]:
        """Tiles of one chromosome in position order; together they hold every site once."""
        ...

    def genetic_map(self, chromosome: str) -> GeneticMap | None:
        """Recombination map of one chromosome; None where the bundle has none."""
        ...

    def ancestry(self) -> AncestryMap | None:
        """The map of the training populations; None where the bundle has none."""
        ...

    def populations(self) -> Populations | None:
        """Frequencies by population; None where the bundle has none."""
        ...


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was mended, dropped or noticed: stable code, one plain sentence, how often."""

    code: str
    message: str
    count: int = 1
    chromosome: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Note:
        """The note that `as_dict` described."""
        return cls(**data)


@dataclass(frozen=True, slots=True)
class IngestSummary:
    """What came in. The sample ids themselves lie in `ingest.json`."""

    samples: int
    sites: int
    chromosomes: list[str]  # normal names, in the order of the files
    build: str | None  # build that the headers name, if any
    notes: list[Note] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class HarmoniseSummary:
    """What stays after quality control, for the chromosomes that the bundle holds."""

    samples: int
    sites: int  # sites of the upload that match the bundle
    chromosomes: list[str]  # the bundle's names; the ones to impute
    qc: dict[str, Any]  # the whole qc document, also in `qc.json`

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ChunkSpec:
    """One row of the plan: consecutive tiles of a chromosome for consecutive samples."""

    index: int  # running number over the whole plan
    chromosome: str
    tile_first: int
    tile_end: int
    site_first: int  # row of the chromosome's site table
    site_end: int
    sample_first: int
    sample_end: int
    sample_batches: int  # how many sample batches the plan has

    @property
    def sites(self) -> int:
        """Number of bundle sites in the chunk."""
        return self.site_end - self.site_first

    @property
    def samples(self) -> int:
        """Number of samples in the chunk."""
        return self.sample_end - self.sample_first

    def as_dict(self) -> dict[str, Any]:
        """JSON form, kept in `work.spec`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ChunkSpec:
        """The chunk that `as_dict` described."""
        return cls(**data)


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How the result is written."""

    format: Format = "vcf.gz"
    r2_min: float = 0.0  # imputed-only sites with a lower estimated R2 are left out
    command: str = "tessera impute"  # goes into the header
    threads: int = 1  # of the compressor

    @property
    def kind(self) -> Literal["vcf", "bcf"]:
        """Text or BCF records."""
        return "bcf" if self.format == "bcf" else "vcf"


@dataclass(frozen=True, slots=True)
class ChunkSummary:
    """What one imputed chunk left in its folder."""

    sites: int  # bundle sites imputed
    samples: int
    files: list[str]  # names inside the chunk's folder; assemble needs them all

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class QualityBin:
    """Imputed-only sites of one range of minor allele frequency."""

    maf_low: float
    maf_high: float
    sites: int
    mean_r2: float | None  # None where there is no site with an R2

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Window:
    """One of equal stretches of a chromosome."""

    first: int  # bp
    end: int  # bp, one past the last
    typed: int  # bundle sites that were typed
    imputed: int
    mean_r2: float | None  # of imputed sites
    mean_er2: float | None  # of typed sites

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class AssembleSummary:
    """One finished chromosome."""

    chromosome: str
    file: str  # name inside the stage's folder, such as chr20.dose.vcf.gz
    index: str
    sites: int  # records written
    typed: int  # bundle sites that were typed
    imputed: int  # bundle sites that were not
    typed_only: int  # typed sites that the bundle lacks
    below_r2_min: int  # imputed sites left out
    quality: list[QualityBin]
    mean_er2: float | None  # mean squared correlation of hidden and observed genotypes at typed sites
    hidden: list[QualityBin] = field(default_factory=list)  # the same by range of frequency: typed sites and mean ER2
    windows: list[Window] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AssembleSummary:
        """The summary that `as_dict` described."""
        parts = {"quality": QualityBin, "hidden": QualityBin, "windows": Window}
        return cls(**{**data, **{name: [kind(**one) for one in data.get(name, ())] for name, kind in parts.items()}})


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """What the report says about the job besides its QC and quality."""

    name: str  # job's name, or the input's file name
    bundle: str
    bundle_sha256: str
    build: str
    engine: str = "dae"
    mode: str = "impute"
    strict: bool = False
    r2_min: float = 0.0
    effort: str | None = None  # None where the engine knows one way to impute
    job_id: str | None = None
    files: list[dict[str, Any]] = field(default_factory=list)  # {filename, size, sha256}


@dataclass(frozen=True, slots=True)
class ResultFile:
    """One downloadable file."""

    name: str
    size: int  # bytes
    sha256: str
    media_type: str
    chromosome: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ResultFile:
        """The file that `as_dict` described."""
        return cls(**data)
