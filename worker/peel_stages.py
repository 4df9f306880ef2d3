"""The stages of a job with a pedigree: the same rows of work as any other job's, other functions behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.guard import Limits
from genotypes.mending import parse_mend
from jobs.states import StageName
from jobs.storage import fetch, publish
from jobs.tables import WorkRow
from models.peeling.pedigree import read_pedigree
from models.protocol import Imputer
from worker import stages
from worker.folders import StoredFolder, work_root
from worker.pipeline.effort import effort_notes, effort_taken, effort_words
from worker.pipeline.peel_assemble import peel_assemble
from worker.pipeline.peel_folder import ACCURACY, Joined, PeelOptions, PeelSummary, check_animals
from worker.pipeline.peel_harmonise import check_files, peel_harmonise
from worker.pipeline.peel_meet import NO_BUNDLE, Offer, peel_meet
from worker.pipeline.peel_read import PeelReadOptions, peel_read
from worker.pipeline.peel_report import peel_report
from worker.pipeline.qc import add_notes
from worker.pipeline.types import ChunkSpec, ReportFacts
from worker.stages import Desk, Result


def ingest(desk: Desk) -> Result:
    """Uploads to stores, one a file and chromosome."""
    uploads = desk.tools.settings.uploads
    vcfs: list[Path] = []
    names: list[str] = []
    maps: list[tuple[Path, str]] = []
    frequencies: tuple[Path, str] | None = None
    pedigree: Path | None = None
    for file in desk.task.files:
        desk.lease.check()
        path = desk.inputs / f"{file.position}-{file.filename}"
        fetch(desk.tools.storage, file.key, path)
        if file.kind == "pedigree":
            pedigree = path
        elif file.kind == "map":
            maps.append((path, file.filename))
        elif file.kind == "frequencies":
            frequencies = path, file.filename
        else:
            vcfs.append(path)
            names.append(file.filename)
    if pedigree is None:
        raise TesseraError(Code.engine_unavailable, "The peeling engine needs a pedigree, and the job has none.")
    limits = Limits(max_line_bytes=uploads.max_line_bytes, max_expanded_bytes=uploads.max_expanded_bytes)
    doubled = (desk.task.job.options or {}).get("doubled_haploids", [])
    options = PeelReadOptions(desk.task.job.strict, limits, names, doubled=doubled, maps=maps, frequencies=frequencies)
    check_animals(read_pedigree(pedigree, doubled), _options(desk))
    read = peel_read(vcfs, pedigree, desk.out, options, desk.lease.progress)
    return {"summary": {"files": len(read.files)}, "folder": desk.publish_work()}


def harmonise(desk: Desk) -> Result:
    """Files joined, the pedigree checked against the genotypes, and a first report."""
    job = desk.task.job
    maps = desk.tools.settings.peeling.maps
    given = (job.options or {}).get("non_par")
    bounds = (int(given[0]), int(given[1])) if given else None
    mend = parse_mend((job.options or {}).get("mend", "all"))
    read = desk.one(StageName.ingest)
    system = (job.options or {}).get("sex_system", "auto")
    met = peel_harmonise(read, desk.out, job.build, job.strict, maps, desk.lease.progress, bounds, mend, system)
    bundle = job.bundle
    if bundle != NO_BUNDLE:
        bundles = desk.tools.bundles
        offer = Offer(None if bundle == stages.AUTO else bundle, bundles.installed(), bundles.bundle)
        bundle = peel_meet(desk.out, offer, desk.meeting, met.qc, maps, desk.lease.progress)
    manifest = None if bundle == NO_BUNDLE else desk.tools.bundles.bundle(bundle).manifest
    add_notes(desk.out, met.qc, effort_notes(desk.effort, manifest))
    folder = desk.publish_work()
    pages = peel_report(desk.inputs, _facts(desk, bundle), met.qc)
    return {
        "bundle": bundle,
        "summary": {"samples": met.samples, "sites": met.sites, "chromosomes": met.chromosomes},
        "qc": met.qc,
        "folder": folder,
        "results": desk.publish_results([*check_files(desk.out), *pages]),
    }


def plan(desk: Desk) -> Result:
    """One chunk a chromosome."""
    joined = Joined.open(desk.one(StageName.harmonise))
    animals = len(joined.pedigree)
    chunks = [
        ChunkSpec(index, one.name, tile_first=0, tile_end=1, site_first=0, site_end=one.sites, sample_first=0,
                  sample_end=animals, sample_batches=1).as_dict()
        for index, one in enumerate(joined.chromosomes)
    ]  # fmt: skip
    worker = desk.tools.settings.worker
    return {"chunks": chunks, "queue": "cpu" if joined.bundle is None else worker.impute_queue}


def impute(desk: Desk) -> Result:
    """One chromosome peeled."""
    from models.bundles import with_effort
    from worker.pipeline.peel_checkpoint import Checkpoints
    from worker.pipeline.peel_chunk import peel_chunk  # starts numba's threads, which no other job needs

    spec = ChunkSpec.from_dict(desk.task.row.spec["chunk"])
    make_imputer = None
    if (bundle := desk.task.job.bundle) != NO_BUNDLE:
        find = partial(desk.tools.bundles.imputer, bundle)

        def make_imputer(chromosome: str) -> Imputer:
            return with_effort(find(chromosome), desk.effort)

    settings = desk.tools.settings.peeling
    checkpoints = Checkpoints(_Kept(desk), desk.inputs, settings.checkpoint_seconds, settings.checkpoint_bytes)
    summary = peel_chunk(
        desk.one(StageName.harmonise), spec.chromosome, desk.out, _options(desk), desk.lease.progress, make_imputer,
        checkpoints,
    )  # fmt: skip
    return {"summary": summary.as_dict(), "folder": desk.publish_work()}


@dataclass(frozen=True, slots=True)
class _Kept:
    """Files of a row that its next attempt finds, wherever it runs; they go when the job's work goes.

    A worker that lost its lease may write once more: an older state of the same peeling, which costs time and no byte.
    """

    desk: Desk

    def read(self, name: str, path: Path) -> bool:
        try:
            fetch(self.desk.tools.storage, self._key(name), path)
        except KeyError:
            return False
        return True

    def write(self, name: str, path: Path) -> None:
        self.desk.lease.check()
        publish(self.desk.tools.storage, path, self._key(name))

    def _key(self, name: str) -> str:
        row = self.desk.task.row
        return f"{work_root(row.job_id)}{row.stage}/{row.index}/checkpoint-{name}"


def assemble(desk: Desk) -> Result:
    """One chromosome's file, its index, and the calls that its family contradicts."""
    chromosome = desk.task.row.chromosome
    (row,) = [row for row in desk.task.earlier[StageName.impute] if row.chromosome == chromosome]
    folder, options = desk.one(StageName.harmonise), _options(desk)
    assert chromosome is not None
    label = Joined.open(folder).chromosome(chromosome).label
    path = desk.out / f"{label}.dose.{options.format}"
    made = peel_assemble(folder, [(_summary(row), desk.folder(row))], desk.out, path, options, desk.lease.progress)
    return {"results": desk.publish_results(made, chromosome)}


def report(desk: Desk) -> Result:
    """The final report."""
    rows = sorted(desk.task.earlier[StageName.impute], key=lambda row: row.index)
    told = [(_summary(row), _accuracy(desk, row)) for row in rows]
    joined = desk.one(StageName.harmonise)
    pages = peel_report(
        desk.out, _facts(desk, desk.task.job.bundle), desk.task.job.qc or {}, joined, told, desk.lease.progress
    )
    return {"results": desk.publish_results(pages)}


def _summary(row: WorkRow) -> PeelSummary:
    return PeelSummary.from_dict((row.result or {})["summary"])


def _accuracy(desk: Desk, row: WorkRow) -> NDArray[np.float64]:
    """The sums behind the animals' accuracy; only that file of the chunk is fetched."""
    stored = StoredFolder.from_dict((row.result or {})["folder"])
    alone = StoredFolder(stored.prefix, (ACCURACY,))
    sums: NDArray[np.float64] = np.load(desk.tools.scratch.inputs(desk.task.job.id, alone, desk.lease.check) / ACCURACY)
    return sums


def _options(desk: Desk) -> PeelOptions:
    """How the job wants its output; without the job's id, so that the same input gives the same bytes."""
    job, settings = desk.task.job, desk.tools.settings
    given = job.options or {}
    wanted = given.get("peel", [])
    return PeelOptions(
        animals=given.get("animals"),
        only_new="only_new" in wanted,
        keep_observed="correct" not in wanted,
        segregation="segregation" in wanted,
        haplotypes="haplotypes" in wanted,
        cycles=settings.peeling.cycles,
        threads=settings.worker.thread_count,
        format="bcf" if job.format == "bcf" else "vcf.gz",
        r2_min=job.r2_min,
        maps=settings.peeling.maps,
        command=" ".join([f"tessera --engine peeling --build {job.build} --r2-min {job.r2_min:g}", *wanted])
        + effort_words(desk.effort),
    )


def _facts(desk: Desk, bundle: str) -> ReportFacts:
    job, files = desk.task.job, desk.task.files
    return ReportFacts(
        name=job.name or files[0].filename,
        bundle=bundle,
        bundle_sha256="" if bundle == NO_BUNDLE else desk.tools.bundles.bundle(bundle).digest,
        effort=None if bundle == NO_BUNDLE else effort_taken(desk.effort, desk.tools.bundles.bundle(bundle).manifest),
        build=job.build,
        engine="peeling",
        mode=job.mode,
        strict=job.strict,
        r2_min=job.r2_min,
        job_id=job.id,
        files=[{"filename": file.filename, "size": file.size, "sha256": file.sha256} for file in files],
    )


ADAPTERS: Mapping[StageName, Callable[[Desk], Result]] = {
    StageName.ingest: ingest,
    StageName.harmonise: harmonise,
    StageName.plan: plan,
    StageName.impute: impute,
    StageName.assemble: assemble,
    StageName.report: report,
    StageName.deliver: stages.deliver,
}
