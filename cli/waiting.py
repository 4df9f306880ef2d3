"""Waiting for a job and fetching its results, with progress bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from cli.bars import bytes_bar, job_bar
from cli.client import Client, Job, Result
from cli.client.download import download
from cli.client.follow import follow
from cli.exits import JobEnded
from cli.plain import out
from cli.words import size
from errors import Code, TesseraError


def wait_for(client: Client, job_id: str, *, stopped: Callable[[], bool] = lambda: False) -> Job:
    """Follow a job to its end behind a progress bar.

    Raises:
        JobEnded: the job did not complete; carries its error's sentence and advice.
    """
    with job_bar() as show:
        job = follow(client, job_id, show, stopped=stopped)
    if job.ended and job.state != "complete":
        raise ended_badly(job)
    return job


def ended_badly(job: Job) -> JobEnded:
    """The error of a job that failed, was cancelled or has expired."""
    if not job.error:
        return JobEnded(Code.state_conflict, f"The job {job.id} is {job.state}.", action="Submit the files again.")
    raw = str(job.error.get("code") or "")
    code = next((code for code in Code if code.value == raw), Code.internal)
    message = str(job.error.get("message") or "it gives no reason")
    return JobEnded(code, f"The job {job.id} {job.state}: {message}", action=job.error.get("action"))


def fetch_results(client: Client, job_id: str, folder: Path | None, names: Sequence[str] = ()) -> list[Path]:
    """Download all results, or the named ones, behind a progress bar; print each path.

    Raises:
        TesseraError: `result_not_found` when there is nothing, or not what was named.
    """
    offered = client.results(job_id)
    wanted = _choose(offered, names)
    target = folder if folder is not None else Path(job_id)
    paths = []
    with bytes_bar("Downloading", sum(result.size for result in wanted)) as moved:
        for result in wanted:
            paths.append(download(client, job_id, result, target, on_bytes=moved))
    for path, result in zip(paths, wanted, strict=True):
        out.print(f"{path}  {size(result.size)}")
    return paths


def _choose(offered: list[Result], names: Sequence[str]) -> list[Result]:
    known = {result.name: result for result in offered}
    if missing := [name for name in names if name not in known]:
        listed = ", ".join(known) or "none yet"
        raise TesseraError(
            Code.result_not_found,
            f"The job has no result {missing[0]!r}; it has: {listed}.",
            action="Wait for the job's end ('tessera wait'), or name one of these.",
        )
    if not offered:
        raise TesseraError(
            Code.result_not_found, "The job has no results yet.", action="Wait for the job's end ('tessera wait')."
        )
    return [known[name] for name in names] or offered
