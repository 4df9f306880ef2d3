"""A pedigree job in one process, without server, queue or database: what `tessera peel` does."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from genotypes.mending import ALL, Mend
from models.peeling.pedigree import read_pedigree
from worker.pipeline.deliver import deliver, describe
from worker.pipeline.peel_assemble import peel_assemble
from worker.pipeline.peel_chunk import peel_chunk
from worker.pipeline.peel_folder import ACCURACY, PeelOptions, PeelSummary, check_animals
from worker.pipeline.peel_harmonise import CHECK_FILES, peel_harmonise
from worker.pipeline.peel_maps import check_maps
from worker.pipeline.peel_read import PeelReadOptions, peel_read
from worker.pipeline.peel_report import peel_report
from worker.pipeline.run import StageProgress, output_format
from worker.pipeline.types import Progress, ReportFacts


@dataclass(frozen=True, slots=True)
class PeelOffline:
    """What `tessera peel` is asked for besides its files."""

    peel: PeelOptions
    build: str = "auto"
    strict: bool = False
    mend: frozenset[Mend] = ALL
    sites: Path | None = None  # of AlphaGenes text
    report: Path | None = None  # folder for the report and the checks


@dataclass(frozen=True, slots=True)
class PeelOfflineDone:
    """What was made."""

    files: list[Path]  # the result first
    qc: dict[str, Any]
    chromosomes: list[PeelSummary]


def peel_offline(
    inputs: Sequence[Path],
    pedigree: Path,
    out: Path,
    options: PeelOffline,
    progress: StageProgress = lambda _stage, _fraction: None,
) -> PeelOfflineDone:
    """Peel local files into one file of all chromosomes.

    Args:
        inputs: VCF, BCF or AlphaGenes files of the same or different animals.
        pedigree: pedigree file.
        out: .vcf.gz or .bcf; side files are named after it. Each appears whole or not at all.
        options: everything else.
        progress: called often; may raise to abort.

    Raises:
        TesseraError: what is wrong with the input.
    """
    fmt = output_format(out) or "vcf.gz"
    peel = replace(options.peel, format=fmt)
    check_maps(peel.maps)
    check_animals(read_pedigree(pedigree), peel)
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".tessera-", dir=out.parent) as scratch:
        work = Path(scratch)

        def part(stage: str) -> Progress:
            return lambda fraction: progress(stage, fraction)

        peel_read(inputs, pedigree, work / "read", PeelReadOptions(options.strict, sites=options.sites), part("read"))
        met = peel_harmonise(
            work / "read", work / "joined", options.build, options.strict, peel.maps, part("check"), options.mend
        )
        pieces: list[tuple[PeelSummary, Path]] = []
        for number, name in enumerate(met.chromosomes):
            folder = work / f"chunk{number}"
            pieces.append((peel_chunk(work / "joined", name, folder, peel, part(f"peel {name}")), folder))
        results = work / "results"
        made = peel_assemble(work / "joined", pieces, results, results / out.name, peel, part("assemble"))
        if not any(summary.corrected for summary, _ in pieces):
            made = [path for path in made if ".contradicted." not in path.name]
        files = [_publish(path, out.parent) for path in made]
        if options.report is not None:
            facts = _facts(options, out, [*inputs, pedigree])
            told = [(summary, np.load(folder / ACCURACY)) for summary, folder in pieces]
            pages = peel_report(work / "report", facts, met.qc, work / "joined", told, part("report"))
            options.report.mkdir(parents=True, exist_ok=True)
            checks = [work / "joined" / name for name in CHECK_FILES]
            files += [_publish(path, options.report) for path in (*pages, *checks)]
            files.append(deliver([describe(path) for path in files], options.report))
    return PeelOfflineDone(files, met.qc, [summary for summary, _ in pieces])


def _facts(options: PeelOffline, out: Path, inputs: Sequence[Path]) -> ReportFacts:
    files = [describe(path) for path in inputs]
    return ReportFacts(
        name=out.name,
        bundle="none",
        bundle_sha256="",
        build=options.build,
        engine="peeling",
        strict=options.strict,
        r2_min=options.peel.r2_min,
        files=[{"filename": one.name, "size": one.size, "sha256": one.sha256} for one in files],
    )


def _publish(path: Path, folder: Path) -> Path:
    """Move a finished file to where the user looks for it, in one step."""
    target = folder / path.name
    half = target.with_name(f".{target.name}.part")
    shutil.move(path, half)
    os.replace(half, target)
    return target
