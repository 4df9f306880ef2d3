"""What follows a finished row: the shape of the pipeline, in the transaction that finishes the row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobs.records import NewResult, NewWork
from jobs.repository import Repository
from jobs.states import StageName
from jobs.tables import JobRow, WorkRow


def advance(repository: Repository, job: JobRow, row: WorkRow, result: dict[str, Any]) -> list[NewWork]:
    """Record what a row made and add the rows that may start now; the caller holds the job's lock and commits.

    Rows are unique by job, stage and index, so adding those that are there already changes nothing.
    """
    for one in result.get("results", ()):
        repository.add_result(job.id, NewResult(**one))
    if "qc" in result:
        summary = result["summary"]
        repository.set_qc(job.id, result["qc"], samples=summary["samples"], sites=summary["sites"])
    if "bundle" in result:
        repository.set_bundle(job.id, result["bundle"])
    following = _following(repository, job, row, result)
    if following:
        repository.add_work(job.id, following)
    elif row.stage is StageName.deliver:
        repository.complete_job(job.id)
    return following


def _following(repository: Repository, job: JobRow, row: WorkRow, result: dict[str, Any]) -> list[NewWork]:
    """The rows that may start now that `row` is done."""
    match row.stage:
        case StageName.ingest:
            return [NewWork(StageName.harmonise)]
        case StageName.harmonise:
            return [NewWork(StageName.report if job.mode == "qc" else StageName.plan)]
        case StageName.plan:
            return _chunks(result["chunks"], result["queue"])
        case StageName.impute:
            waits = repository.unfinished(job.id, StageName.impute, row.chromosome)
            assembly = NewWork(StageName.assemble, index=row.spec["assembly"], chromosome=row.chromosome)
            return [] if waits else [assembly]
        case StageName.assemble:
            # An assembly is added by the transaction that finishes the last chunk of its chromosome: none is missing.
            waits = repository.unfinished(job.id, StageName.impute) + repository.unfinished(job.id, StageName.assemble)
            return [] if waits else [NewWork(StageName.report)]
        case StageName.report:
            return [NewWork(StageName.deliver)]
        case StageName.deliver:
            return []


def _chunks(chunks: Sequence[dict[str, Any]], queue: str) -> list[NewWork]:
    """One row a chunk; its cost is the number of genotypes that it writes."""
    order = list(dict.fromkeys(chunk["chromosome"] for chunk in chunks))
    return [
        NewWork(
            StageName.impute,
            index=chunk["index"],
            queue=queue,
            chromosome=chunk["chromosome"],
            spec={"chunk": chunk, "assembly": order.index(chunk["chromosome"])},
            cost=float((chunk["site_end"] - chunk["site_first"]) * (chunk["sample_end"] - chunk["sample_first"])),
        )
        for chunk in chunks
    ]
