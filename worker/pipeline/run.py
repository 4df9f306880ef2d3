"""All stages in one process, without server, queue or database: what `tessera impute` does."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from errors import Code, TesseraError
from genotypes.effort import FAST
from genotypes.guard import Limits
from genotypes.mending import ALL, Mend, QcOptions
from models.protocol import Imputer
from worker.pipeline.assemble import Chunks, assemble, join, make_pieces, people_of, summarise
from worker.pipeline.choose import check_enough
from worker.pipeline.cohort_stats import cohort_stats
from worker.pipeline.deliver import deliver, describe
from worker.pipeline.effort import effort_notes, effort_taken
from worker.pipeline.folder import Harmonised
from worker.pipeline.harmonise import VARIANTS, HarmoniseOptions, harmonise
from worker.pipeline.impute import impute_chunk
from worker.pipeline.ingest import IngestOptions, ingest
from worker.pipeline.output import StageProgress, output_format
from worker.pipeline.people import PeopleSums, merge_people
from worker.pipeline.plan import plan
from worker.pipeline.qc import add_notes
from worker.pipeline.sample_policy import SamplePolicy
from worker.pipeline.sample_report import SAMPLES
from worker.pipeline.types import (
    QC,
    AssembleSummary,
    BundleView,
    ChunkSpec,
    Format,
    HarmoniseSummary,
    Note,
    OutputOptions,
    Progress,
    ReportFacts,
    silent,
)

Chooser = Callable[[Path], tuple[BundleView, Note]]
"""Gives the bundle for an ingested upload, and the reason."""


def _unwatched(_stage: str, _fraction: float) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class OfflineOptions:
    """What a job would have as its fields, and how much to do at once."""

    name: str | None = None  # for the report; the first input's name when None
    build: str = "auto"
    strict: bool = False
    mend: frozenset[Mend] = ALL
    qc: QcOptions = field(default_factory=QcOptions)
    chains: Path | None = None  # folder of chain files for lifting
    references: Path | None = None  # folder of reference genomes
    r2_min: float = 0.0
    mode: Literal["impute", "qc"] = "impute"
    format: Format = "vcf.gz"  # of a folder's files; a file's name decides for itself
    command: str = "tessera impute"
    threads: int = 1
    tile_batch: int = 1
    sample_batch: int = 10_000
    limits: Limits | None = None
    population: str = "auto"  # whose allele frequencies are expected
    effort: str = FAST  # that `make_imputer` puts in, for the report
    samples: SamplePolicy = field(default_factory=SamplePolicy)
    report: Path | None = None  # folder for report and QC when the result is one file
    scratch: Path | None = None  # the folder of the result when None


@dataclass(frozen=True, slots=True)
class OfflineSummary:
    """What was made."""

    files: list[Path]  # results first, then indexes, reports and checksums
    samples: int
    qc: Mapping[str, Any]
    chromosomes: list[AssembleSummary]


def run_offline(
    inputs: Sequence[Path],
    bundle: BundleView | Chooser,
    make_imputer: Callable[[str], Imputer],
    out: Path,
    options: OfflineOptions | None = None,
    progress: StageProgress = _unwatched,
) -> OfflineSummary:
    """Impute local files, or only check them.

    Args:
        inputs: VCF or BCF files of the same samples.
        bundle: the model bundle, or what chooses one when the files have been read.
        make_imputer: engine of one chromosome of the bundle, by its name there.
        out: a file (.vcf.gz, .bcf) that gets all chromosomes, or a folder that gets what a job's results are; a folder
            when the files are only checked.
        options: everything else.
        progress: called often; may raise to abort.

    Raises:
        TesseraError: what is wrong with the input.
    """
    options = options or OfflineOptions()
    fmt = output_format(out)
    if fmt and options.mode == "qc":
        raise TesseraError(Code.invalid_field, f"A check writes no '{out.name}': name a folder.", field="output")
    parent = out.parent if fmt else out
    parent.mkdir(parents=True, exist_ok=True)
    output = OutputOptions(fmt or options.format, options.r2_min, options.command, options.threads)
    with TemporaryDirectory(prefix=".tessera-", dir=options.scratch or parent) as scratch:
        work = Path(scratch)

        def part(stage: str) -> Progress:
            return lambda fraction: progress(stage, fraction)

        reading = IngestOptions(options.strict, options.limits or Limits(), None)
        ingest(inputs, work / "ingest", reading, part("ingest"))
        view, met = _harmonise(work, bundle, options, part("harmonise"))
        chromosomes: list[AssembleSummary] = []
        files: list[Path] = []
        people: PeopleSums | None = None
        if options.mode == "impute":
            chunks = _impute(work, view, make_imputer, output, options, part("impute"))
            results = work / "results"
            results.mkdir()
            if fmt is None:
                chromosomes = _each(work, view, chunks, results, output, part("assemble"))
            else:
                chromosomes = _together(work, view, chunks, results / out.name, output, part("assemble"))
            people = merge_people(people_of(parts) for parts in chunks.values())
            made = [results / name for one in chromosomes for name in (one.file, one.index)]
            files = _publish(dict.fromkeys(made), parent)
        pages = options.report if fmt else parent
        if pages is not None:
            from worker.pipeline.report import ReportParts, report  # templates and figures, which most runs go without

            facts = _facts(options, view, inputs)
            parts = ReportParts(
                cohort_stats(work / "harmonise", view),
                work / "harmonise" / VARIANTS,
                people,
                Harmonised.open(work / "harmonise").samples,
            )
            extra = report(work / "report", facts, met.qc, chromosomes, part("report"), parts)
            extra += [work / "harmonise" / name for name in (QC, SAMPLES, VARIANTS)]
            pages.mkdir(parents=True, exist_ok=True)
            files += _publish(extra, pages)
            files.append(deliver([describe(path) for path in files], pages))
        progress("deliver", 1.0)
    return OfflineSummary(files, met.samples, met.qc, chromosomes)


def _harmonise(
    work: Path, bundle: BundleView | Chooser, options: OfflineOptions, progress: Progress
) -> tuple[BundleView, HarmoniseSummary]:
    """Harmonise what was ingested, with the bundle that was named or one that is chosen now."""
    notes: list[Note] = []
    if callable(bundle):
        view, note = bundle(work / "ingest")
        notes = [note]
    else:
        view = bundle
    meeting = HarmoniseOptions(
        options.build,
        options.strict,
        options.mend,
        options.qc,
        options.chains,
        options.references,
        options.population,
        options.samples,
    )
    met = harmonise(work / "ingest", view, work / "harmonise", meeting, progress)
    if notes:
        check_enough(work / "harmonise", view)
    if options.mode == "impute":
        notes = [*notes, *effort_notes(options.effort, view.manifest)]
    add_notes(work / "harmonise", met.qc, notes)
    return view, met


def _impute(
    work: Path,
    bundle: BundleView,
    make_imputer: Callable[[str], Imputer],
    output: OutputOptions,
    options: OfflineOptions,
    progress: Progress,
) -> dict[str, Chunks]:
    """Impute every chunk; the folders by chromosome. One engine is alive at a time."""
    specs = plan(work / "harmonise", bundle, options.tile_batch, options.sample_batch)
    total = sum(spec.sites * spec.samples for spec in specs)
    chunks: dict[str, list[tuple[ChunkSpec, Path]]] = {}
    imputer: Imputer | None = None
    done = 0
    for spec in specs:
        if spec.chromosome not in chunks:
            imputer = make_imputer(spec.chromosome)
        assert imputer is not None
        start, share = done / total, spec.sites * spec.samples / total

        def watched(fraction: float, start: float = start, share: float = share) -> None:
            progress(start + share * fraction)

        folder = work / f"chunk{spec.index}"
        impute_chunk(work / "harmonise", imputer, spec, folder, output, watched)
        chunks.setdefault(spec.chromosome, []).append((spec, folder))
        done += spec.sites * spec.samples
    return dict(chunks)


def _each(
    work: Path,
    bundle: BundleView,
    chunks: Mapping[str, Chunks],
    results: Path,
    output: OutputOptions,
    progress: Progress,
) -> list[AssembleSummary]:
    """One file a chromosome."""
    made = []
    for number, (name, parts) in enumerate(chunks.items()):
        made.append(assemble(work / "harmonise", bundle, name, parts, results, output))
        progress((number + 1) / len(chunks))
    return made


def _together(
    work: Path,
    bundle: BundleView,
    chunks: Mapping[str, Chunks],
    path: Path,
    output: OutputOptions,
    progress: Progress,
) -> list[AssembleSummary]:
    """All chromosomes in one file, in the bundle's order."""
    facts = Harmonised.open(work / "harmonise")
    scratch = work / "pieces"
    scratch.mkdir()
    pieces: list[tuple[str, Path]] = []
    quality = {}
    for number, (name, parts) in enumerate(chunks.items()):
        more, quality[name] = make_pieces(facts, bundle, name, parts, scratch, output, silent)
        pieces += [(name, piece) for piece in more]
        progress(0.9 * (number + 1) / len(chunks))
    phased = any(one.phased for one in facts.chromosomes)
    index = join(facts, bundle, pieces, path, scratch, output, phased=phased)
    progress(1.0)
    return [summarise(name, bundle.sites(name), parts, path.name, index.name) for name, parts in quality.items()]


def _publish(paths: Sequence[Path] | Mapping[Path, None], folder: Path) -> list[Path]:
    """Move finished files to where the user looks for them; each appears whole or not at all."""
    moved = []
    for path in paths:
        target = folder / path.name
        # Scratch may lie on another file system: copied beside the target first, a result still appears whole.
        half = target.with_name(f".{target.name}.part")
        shutil.move(path, half)
        os.replace(half, target)
        moved.append(target)
    return moved


def _facts(options: OfflineOptions, bundle: BundleView, inputs: Sequence[Path]) -> ReportFacts:
    """What the report says about the run."""
    files = [describe(path) for path in inputs]
    return ReportFacts(
        name=options.name or inputs[0].name,
        bundle=bundle.manifest.content_id(),
        bundle_sha256=bundle.digest,
        build=bundle.manifest.build,
        mode=options.mode,
        strict=options.strict,
        r2_min=options.r2_min,
        effort=effort_taken(options.effort, bundle.manifest) if options.mode == "impute" else None,
        files=[{"filename": one.name, "size": one.size, "sha256": one.sha256} for one in files],
    )
