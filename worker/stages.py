"""One adapter a stage: fetch what earlier rows published, call the pipeline's function, publish what it made.

Each returns the JSON-able result of the row; `worker.chain` reads nothing else to decide what follows.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genotypes.effort import FAST
from genotypes.guard import Limits
from genotypes.mending import QcOptions, parse_mend
from jobs.records import NewResult
from jobs.settings import Settings
from jobs.states import StageName
from jobs.storage import Storage, fetch, publish
from jobs.tables import JobFileRow, JobRow, ResultRow, WorkRow
from worker.bundles import BundleCache
from worker.folders import StoredFolder, result_prefix, work_prefix
from worker.lease import Lease
from worker.pipeline import assemble as assemble_stage
from worker.pipeline import deliver as deliver_stage
from worker.pipeline import harmonise as harmonise_stage
from worker.pipeline import impute as impute_stage
from worker.pipeline import ingest as ingest_stage
from worker.pipeline import plan as plan_stage
from worker.pipeline import report as report_stage
from worker.pipeline.choose import check_enough, choose
from worker.pipeline.cohort_stats import COHORT, cohort_stats
from worker.pipeline.effort import effort_notes, effort_taken, effort_words
from worker.pipeline.folder import HARMONISED
from worker.pipeline.people import PEOPLE, PeopleSums, merge_people
from worker.pipeline.qc import add_notes
from worker.pipeline.sample_policy import SamplePolicy
from worker.pipeline.sample_report import SAMPLES
from worker.pipeline.types import QC, AssembleSummary, BundleView, ChunkSpec, OutputOptions, ReportFacts, ResultFile
from worker.scratch import Scratch, publish_folder

Result = dict[str, Any]
AUTO = "auto"  # a job's bundle until its sites have been seen

NEEDS: Mapping[StageName, tuple[StageName, ...]] = {
    StageName.ingest: (),
    StageName.harmonise: (StageName.ingest,),
    StageName.plan: (StageName.harmonise,),
    StageName.impute: (StageName.harmonise,),
    StageName.assemble: (StageName.harmonise, StageName.impute),
    StageName.report: (StageName.harmonise, StageName.impute, StageName.assemble),
    StageName.deliver: (),
}
"""The stages whose finished rows a stage reads."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a worker process keeps from row to row."""

    settings: Settings
    storage: Storage
    scratch: Scratch
    bundles: BundleCache


@dataclass(frozen=True, slots=True)
class Task:
    """A claimed row with what it needs to know of its job; rows are detached from their session."""

    row: WorkRow
    job: JobRow
    files: Sequence[JobFileRow]
    earlier: Mapping[StageName, Sequence[WorkRow]]
    results: Sequence[ResultRow]

    @property
    def peels(self) -> bool:
        """Whether the job goes the way of pedigrees."""
        return self.job.engine == "peeling" or any(file.kind == "pedigree" for file in self.files)

    @property
    def work_prefix(self) -> str:
        """Where this attempt publishes intermediate files."""
        return work_prefix(self.job.id, self.row.stage, self.row.index, self.row.attempt)

    @property
    def result_prefix(self) -> str:
        """Where this attempt publishes results."""
        return result_prefix(self.job.id, self.row.stage, self.row.index, self.row.attempt)


@dataclass(frozen=True, slots=True)
class Desk:
    """One task at work: its tools, its lease, and two scratch folders."""

    task: Task
    tools: Tools
    lease: Lease
    inputs: Path
    out: Path

    def folder(self, row: WorkRow) -> Path:
        """What an earlier row published, on local disk."""
        stored = StoredFolder.from_dict((row.result or {})["folder"])
        return self.tools.scratch.inputs(self.task.job.id, stored, self.lease.check)

    def one(self, stage: StageName) -> Path:
        """What the only row of an earlier stage published."""
        (row,) = self.task.earlier[stage]
        return self.folder(row)

    def some(self, row: WorkRow, *names: str) -> Path:
        """Some files of what an earlier row published, on local disk."""
        stored = StoredFolder.from_dict((row.result or {})["folder"])
        return self.tools.scratch.inputs(self.task.job.id, StoredFolder(stored.prefix, names), self.lease.check)

    def publish_work(self, *names: str) -> dict[str, Any]:
        """Publish the named files of `out` for later stages, or everything in it."""
        names = names or tuple(sorted(path.name for path in self.out.iterdir()))
        return publish_folder(self.tools.storage, self.out, self.task.work_prefix, names, self.lease.check).as_dict()

    def publish_results(self, paths: Sequence[Path], chromosome: str | None = None) -> list[dict[str, Any]]:
        """Publish files for download; arguments of `NewResult`."""
        results = []
        for path in paths:
            self.lease.check()
            key = self.task.result_prefix + path.name
            size, sha256 = publish(self.tools.storage, path, key)
            media_type = deliver_stage.MEDIA_TYPES.get(path.suffix, "application/octet-stream")
            results.append(dataclasses.asdict(NewResult(path.name, key, size, sha256, chromosome, media_type)))
        return results

    @property
    def output(self) -> OutputOptions:
        """How the job wants its output; without the job's id, so that the same input gives the same bytes."""
        job = self.task.job
        return OutputOptions(
            format="bcf" if job.format == "bcf" else "vcf.gz",
            r2_min=job.r2_min,
            command=f"tessera --bundle {job.bundle} --build {job.build} --r2-min {job.r2_min:g}"
            + effort_words(self.effort),
            threads=self.tools.settings.worker.thread_count,
        )

    @property
    def effort(self) -> str:
        """How much work the job wants put into its imputation."""
        return str((self.task.job.options or {}).get("effort", FAST))

    @property
    def meeting(self) -> harmonise_stage.HarmoniseOptions:
        """How upload and bundle are brought together: what the job says, else the settings."""
        job, settings = self.task.job, self.tools.settings
        given = job.options or {}
        samples = settings.samples.model_dump() | {"action": given.get("samples", settings.samples.action)}
        return harmonise_stage.HarmoniseOptions(
            build=job.build,
            strict=job.strict,
            mend=parse_mend(given.get("mend", "all")),
            qc=QcOptions.from_fields(given, settings.qc.model_dump()),
            chains=settings.chains,
            references=settings.references,
            population=given.get("population", "auto"),
            samples=SamplePolicy(**samples),
        )

    def facts(self, bundle: BundleView) -> ReportFacts:
        """What the report says about the job."""
        job = self.task.job
        vcfs = [file for file in self.task.files if file.kind == "vcf"]
        return ReportFacts(
            name=job.name or vcfs[0].filename,
            bundle=job.bundle if job.bundle != AUTO else bundle.manifest.id,
            bundle_sha256=bundle.digest,
            build=bundle.manifest.build,
            engine="dae" if job.engine == "auto" else job.engine,
            mode=job.mode,
            strict=job.strict,
            r2_min=job.r2_min,
            effort=effort_taken(self.effort, bundle.manifest) if job.mode == "impute" else None,
            job_id=job.id,
            files=[{"filename": file.filename, "size": file.size, "sha256": file.sha256} for file in vcfs],
        )


def run_stage(desk: Desk) -> Result:
    """Run the stage of a task; what it returns goes into the row.

    Raises:
        TesseraError: the job fails with this error.
        LeaseEnded: somebody else has the row, or nobody wants it any more.
    """
    if desk.task.peels:
        from worker.peel_stages import ADAPTERS  # it imports this module

        return ADAPTERS[desk.task.row.stage](desk)
    return _ADAPTERS[desk.task.row.stage](desk)


def ingest(desk: Desk) -> Result:
    """Uploads to stores, one a chromosome."""
    task, uploads = desk.task, desk.tools.settings.uploads
    vcfs, names = [], []
    for file in task.files:
        desk.lease.check()
        path = desk.inputs / f"{file.position}-{file.filename}"
        fetch(desk.tools.storage, file.key, path)
        vcfs.append(path)
        names.append(file.filename)
    limits = Limits(max_line_bytes=uploads.max_line_bytes, max_expanded_bytes=uploads.max_expanded_bytes)
    options = ingest_stage.IngestOptions(strict=task.job.strict, limits=limits, names=names)
    summary = ingest_stage.ingest(vcfs, desk.out, options, desk.lease.progress)
    return {"summary": summary.as_dict(), "folder": desk.publish_work()}


def harmonise(desk: Desk) -> Result:
    """Stores in the bundle's orientation, the QC document, and a first report from it."""
    job, bundles = desk.task.job, desk.tools.bundles
    ingested, notes, chosen = desk.one(StageName.ingest), [], job.bundle
    if chosen == AUTO:
        choice = choose(ingested, bundles.installed(), bundles.bundle, job.build, desk.lease.progress)
        notes, chosen = [choice.note], choice.bundle
    bundle = bundles.bundle(chosen)
    chosen_by_us = bool(notes)
    if job.mode == "impute":
        notes += effort_notes(desk.effort, bundle.manifest)
    summary = harmonise_stage.harmonise(ingested, bundle, desk.out, desk.meeting, desk.lease.progress)
    if chosen_by_us:
        check_enough(desk.out, bundle)
    add_notes(desk.out, summary.qc, notes)
    cohort = cohort_stats(desk.out, bundle, desk.lease.progress)
    folder = desk.publish_work()
    parts = report_stage.ReportParts(cohort, desk.out / harmonise_stage.VARIANTS)
    pages = report_stage.report(desk.inputs, desk.facts(bundle), summary.qc, [], desk.lease.progress, parts)
    return {
        "bundle": chosen,
        "summary": {"samples": summary.samples, "sites": summary.sites, "chromosomes": summary.chromosomes},
        "qc": summary.qc,
        "folder": folder,
        "results": desk.publish_results(
            [*(desk.out / name for name in (QC, SAMPLES, harmonise_stage.VARIANTS)), *pages]
        ),
    }


def plan(desk: Desk) -> Result:
    """The chunks to impute."""
    worker = desk.tools.settings.worker
    bundle = desk.tools.bundles.bundle(desk.task.job.bundle)
    chunks = plan_stage.plan(desk.one(StageName.harmonise), bundle, worker.tile_batch, worker.sample_batch)
    return {"chunks": [chunk.as_dict() for chunk in chunks], "queue": worker.impute_queue}


def impute(desk: Desk) -> Result:
    """One chunk through the engine."""
    from models.bundles import with_effort  # with the kernels, which no other stage needs

    spec = ChunkSpec.from_dict(desk.task.row.spec["chunk"])
    harmonised = desk.one(StageName.harmonise)
    imputer = with_effort(desk.tools.bundles.imputer(desk.task.job.bundle, spec.chromosome), desk.effort)
    summary = impute_stage.impute_chunk(harmonised, imputer, spec, desk.out, desk.output, desk.lease.progress)
    return {"summary": summary.as_dict(), "folder": desk.publish_work()}


def assemble(desk: Desk) -> Result:
    """The chunks of one chromosome to one indexed file."""
    task = desk.task
    chromosome = task.row.chromosome
    assert chromosome is not None
    rows = sorted(task.earlier[StageName.impute], key=lambda row: row.index)
    mine = [row for row in rows if row.chromosome == chromosome]
    chunks = [(ChunkSpec.from_dict(row.spec["chunk"]), desk.folder(row)) for row in mine]
    bundle = desk.tools.bundles.bundle(task.job.bundle)
    harmonised = desk.one(StageName.harmonise)
    summary = assemble_stage.assemble(
        harmonised, bundle, chromosome, chunks, desk.out, desk.output, desk.lease.progress
    )
    assemble_stage.people_of(chunks).save(desk.out / PEOPLE)
    paths = [desk.out / summary.file, desk.out / summary.index]
    return {
        "summary": summary.as_dict(),
        "folder": desk.publish_work(PEOPLE),
        "results": desk.publish_results(paths, chromosome),
    }


def report(desk: Desk) -> Result:
    """The final report."""
    rows = sorted(desk.task.earlier[StageName.assemble], key=lambda row: row.index)
    chromosomes = [AssembleSummary.from_dict((row.result or {})["summary"]) for row in rows]
    facts = desk.facts(desk.tools.bundles.bundle(desk.task.job.bundle))
    (met,) = desk.task.earlier[StageName.harmonise]
    checked = desk.some(met, COHORT, harmonise_stage.VARIANTS, HARMONISED)
    parts = report_stage.ReportParts(
        json.loads((checked / COHORT).read_text()),
        checked / harmonise_stage.VARIANTS,
        merge_people(PeopleSums.load(desk.some(row, PEOPLE) / PEOPLE) for row in rows),
        json.loads((checked / HARMONISED).read_text())["samples"],
    )
    pages = report_stage.report(desk.out, facts, desk.task.job.qc or {}, chromosomes, desk.lease.progress, parts)
    return {"results": desk.publish_results(pages)}


def deliver(desk: Desk) -> Result:
    """Checksums of all results."""
    files = [ResultFile(one.name, one.size, one.sha256, one.media_type, one.chromosome) for one in desk.task.results]
    return {"results": desk.publish_results([deliver_stage.deliver(files, desk.out)])}


_ADAPTERS: Mapping[StageName, Callable[[Desk], Result]] = {
    StageName.ingest: ingest,
    StageName.harmonise: harmonise,
    StageName.plan: plan,
    StageName.impute: impute,
    StageName.assemble: assemble,
    StageName.report: report,
    StageName.deliver: deliver,
}
