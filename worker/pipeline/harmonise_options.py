"""How an upload is to meet the bundle."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from genotypes.mending import ALL, Mend, QcOptions
from worker.pipeline.sample_policy import SamplePolicy


@dataclass(frozen=True, slots=True)
class HarmoniseOptions:
    """How to meet the bundle."""

    build: str = "auto"  # auto, GRCh37, GRCh38
    strict: bool = False  # refuse what would be mended
    mend: frozenset[Mend] = ALL  # what may be mended
    qc: QcOptions = field(default_factory=QcOptions)
    chains: Path | None = None  # folder of chain files for lifting
    references: Path | None = None  # folder of reference genomes
    population: str = "auto"  # whose allele frequencies are expected: auto, all (the whole panel) or a population
    samples: SamplePolicy = field(default_factory=SamplePolicy)
