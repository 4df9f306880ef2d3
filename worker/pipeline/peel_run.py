"""A pedigree job in one process, without server, queue or database: what `tessera peel` does."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from genotypes.effort import FAST
from genotypes.manifest import BundleManifest
from genotypes.mending import ALL, Mend
from models.peeling.pedigree import read_pedigree
from models.protocol import Imputer
from worker.pipeline.deliver import deliver, describe
from worker.pipeline.effort import effort_notes, effort_taken
from worker.pipeline.output import StageProgress, output_format
from worker.pipeline.peel_assemble import peel_assemble
from worker.pipeline.peel_chunk import peel_chunk
from worker.pipeline.peel_folder import ACCURACY, Joined, PeelOptions, PeelSummary, check_animals
from worker.pipeline.peel_harmonise import check_files, peel_harmonise
from worker.pipeline.peel_maps import check_maps
from worker.pipeline.peel_read import PeelReadOptions, peel_read
from worker.pipeline.peel_x import SexSystem
from worker.pipeline.qc import add_notes
from worker.pipeline.types import Progress, ReportFacts

if TYPE_CHECKING:
    from worker.pipeline.peel_meet import Offer

_NO_BUNDLE: Final = "none"  # as in `peel_meet`, which is loaded only where bundles are offered


@dataclass(frozen=True, slots=True)
class PeelOffline:
    """What `tessera peel` is asked for besides its files."""

    peel: PeelOptions
    build: str = "auto"
    strict: bool = False
    mend: frozenset[Mend] = ALL
    sites: Path | None = None  # of AlphaGenes text
    report: Path | None = None  # folder for the report and the checks
    doubled: Sequence[str] = ()  # ids of doubled haploids besides those that the pedigree names
    non_par: tuple[int, int] | None = None  # first and last bp of X or Z at which one sex has one copy
    sex_system: SexSystem = "auto"  # X or Z
    offer: Offer | None = None  # bundles of which one may impute the family; None peels without
    make_imputer: Callable[[str, str], Imputer] | None = None  # by bundle id and chromosome; needed with an offer
    maps: Sequence[Path] = ()  # genetic maps of the family's chromosomes, before those of `peel.maps`
    frequencies: Path | None = None  # of metafounders
    chains: Path | None = None  # folder of chain files for lifting to the bundle's build
    effort: str = FAST  # that `make_imputer` puts in, for the report


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
    check_animals(read_pedigree(pedigree, options.doubled), peel)
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".tessera-", dir=out.parent) as scratch:
        work = Path(scratch)

        def part(stage: str) -> Progress:
            return lambda fraction: progress(stage, fraction)

        own_maps = [(path, path.name) for path in options.maps]
        table = options.frequencies
        reading = PeelReadOptions(options.strict, sites=options.sites, doubled=options.doubled, maps=own_maps,
                                  frequencies=None if table is None else (table, table.name))  # fmt: skip
        peel_read(inputs, pedigree, work / "read", reading, part("read"))
        met = peel_harmonise(work / "read", work / "joined", options.build, options.strict, peel.maps, part("check"),
                             options.non_par, options.mend, options.sex_system)  # fmt: skip
        bundle, engine = _NO_BUNDLE, options.make_imputer
        if options.offer is not None:
            from worker.pipeline.harmonise_options import HarmoniseOptions
            from worker.pipeline.peel_meet import peel_meet

            how = HarmoniseOptions(build=options.build, strict=options.strict, chains=options.chains)
            bundle = peel_meet(work / "joined", options.offer, how, met.qc, peel.maps, part("meet the bundle"))
        add_notes(work / "joined", met.qc, effort_notes(options.effort, _manifest(options, bundle)))
        make_imputer = partial(engine, bundle) if engine is not None and bundle != _NO_BUNDLE else None
        pieces: list[tuple[PeelSummary, Path]] = []
        left = [one.name for one in Joined.open(work / "joined").chromosomes]  # a bundle's build may lack some
        for number, name in enumerate(left):
            folder = work / f"chunk{number}"
            done = peel_chunk(work / "joined", name, folder, peel, part(f"peel {name}"), make_imputer)
            pieces.append((done, folder))
        results = work / "results"
        made = peel_assemble(work / "joined", pieces, results, results / out.name, peel, part("assemble"))
        if not any(summary.corrected for summary, _ in pieces):
            made = [path for path in made if ".contradicted." not in path.name]
        files = [_publish(path, out.parent) for path in made]
        if options.report is not None:
            from worker.pipeline.peel_report import peel_report  # loads what draws

            facts = _facts(options, bundle, out, [*inputs, pedigree])
            told = [(summary, np.load(folder / ACCURACY)) for summary, folder in pieces]
            pages = peel_report(work / "report", facts, met.qc, work / "joined", told, part("report"))
            options.report.mkdir(parents=True, exist_ok=True)
            checks = check_files(work / "joined")
            files += [_publish(path, options.report) for path in (*pages, *checks)]
            files.append(deliver([describe(path) for path in files], options.report))
    return PeelOfflineDone(files, met.qc, [summary for summary, _ in pieces])


def _manifest(options: PeelOffline, bundle: str) -> BundleManifest | None:
    return options.offer.open_bundle(bundle).manifest if options.offer and bundle != _NO_BUNDLE else None


def _facts(options: PeelOffline, bundle: str, out: Path, inputs: Sequence[Path]) -> ReportFacts:
    files = [describe(path) for path in inputs]
    return ReportFacts(
        name=out.name,
        bundle=bundle,
        bundle_sha256=options.offer.open_bundle(bundle).digest if options.offer and bundle != _NO_BUNDLE else "",
        build=options.build,
        engine="peeling",
        strict=options.strict,
        r2_min=options.peel.r2_min,
        effort=effort_taken(options.effort, _manifest(options, bundle)),
        files=[{"filename": one.name, "size": one.size, "sha256": one.sha256} for one in files],
    )


def _publish(path: Path, folder: Path) -> Path:
    """Move a finished file to where the user looks for it, in one step."""
    target = folder / path.name
    half = target.with_name(f".{target.name}.part")
    shutil.move(path, half)
    os.replace(half, target)
    return target
