"""`tessera status|wait|download|cancel|list`: what can be done with jobs that were submitted."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cli.bars import headline, remainder
from cli.client import Client, Job
from cli.options import DEFAULT_SERVER, AsJson, Folder, JobId, Server
from cli.plain import err, out
from cli.submit import page_of
from cli.waiting import fetch_results, wait_for


def status(job: JobId, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Show a job: state, progress, counts, error."""
    with Client(server) as client:
        found = client.job(job)
        if as_json:
            print(json.dumps(found.raw, indent=2))
            return
        for name, value in _facts(found, page_of(client, found)):
            out.print(f"{name:<10} {escape(value)}")


def wait(
    job: JobId,
    server: Server = DEFAULT_SERVER,
    download_too: Annotated[bool, typer.Option("--download", "-d", help="Then download the results.")] = False,
    folder: Folder = None,
) -> None:
    """Follow a job to its end. Exit status 5 when it did not complete."""
    with Client(server) as client:
        ended = wait_for(client, job)
        err.print(f"{ended.name}: {ended.state}")
        if download_too:
            fetch_results(client, job, folder)


def download(
    job: JobId,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="Results; default: all.")] = None,
    server: Server = DEFAULT_SERVER,
    folder: Folder = None,
) -> None:
    """Download results. What broke off goes on where it stopped; every file is checked by its sha256."""
    with Client(server) as client:
        fetch_results(client, job, folder, names or ())


def cancel(job: JobId, server: Server = DEFAULT_SERVER) -> None:
    """Cancel a job."""
    with Client(server) as client:
        ended = client.cancel(job)
    err.print(f"{ended.id}: {ended.state}")


def list_jobs(
    server: Server = DEFAULT_SERVER,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    with Client(server) as client:
        found = _newest(client, limit)
    if as_json:
        print(json.dumps([job.raw for job in found], indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("JOB", "NAME", "STATE", "PROGRESS", "CREATED"):
        table.add_column(column, no_wrap=column != "NAME")
    for job in found:
        created = (job.created_at or "")[:16].replace("T", " ")
        table.add_row(job.id, escape(job.name), job.state, f"{job.progress:.0%}", created)
    out.print(table)


def _newest(client: Client, limit: int) -> list[Job]:
    """The newest jobs, over as many pages as it takes."""
    found: list[Job] = []
    cursor: str | None = None
    while len(found) < limit:
        page, cursor = client.jobs(cursor=cursor, limit=min(limit - len(found), 100))
        found += page
        if not cursor or not page:
            break
    return found[:limit]


def _facts(job: Job, page: str) -> list[tuple[str, str]]:
    """Lines of `tessera status`."""
    error = job.error or {}
    counts = [f"{job.samples} samples" if job.samples else "", f"{job.sites} sites" if job.sites else ""]
    facts = [
        ("job", job.id),
        ("name", job.name),
        ("state", headline(job)),
        ("progress", f"{job.progress:.0%} {remainder(job)}".strip()),
        ("input", ", ".join(filter(None, counts))),
        ("error", str(error.get("message") or "")),
        ("to do", str(error.get("action") or "")),
        ("page", page),
    ]
    return [(name, value) for name, value in facts if value]
