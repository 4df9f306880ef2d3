"""Progress bars: on a terminal they move, in a log file each step is one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

from cli.client import Job
from cli.plain import err
from cli.words import duration

STATES = {
    "queued": "waiting",
    "validating": "checking",
    "running": "imputing",
    "complete": "complete",
    "failed": "failed",
    "cancelled": "cancelled",
    "expired": "expired",
}


@contextmanager
def bytes_bar(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar over `total` bytes; hands out the function that moves it."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
        task = progress.add_task(title, total=max(total, 1))
        yield lambda count: progress.advance(task, count)


@contextmanager
def job_bar() -> Iterator[Callable[[Job], None]]:
    """A bar over a job's progress; hands out the function that shows a job."""
    told: set[str] = set()
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[rest]}"),
    )
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
        task = progress.add_task("waiting", total=1.0, rest="")

        def show(job: Job) -> None:
            line = headline(job)
            progress.update(task, completed=job.progress, description=line, rest=remainder(job))
            if not err.is_terminal and line not in told:
                told.add(line)
                err.print(f"{line} ({job.progress:.0%})")

        yield show


def headline(job: Job) -> str:
    """State and stage, such as `imputing: assemble`."""
    state = STATES.get(job.state, job.state)
    return f"{state}: {job.stage}" if job.stage and not job.ended else state


def remainder(job: Job) -> str:
    """What is known of the waiting time: place in the queue, or the time left."""
    if job.ended:
        return ""
    if job.state == "queued" and job.queue_position:
        return f"{job.queue_position} ahead"
    return f"{duration(job.eta_s)} left" if job.eta_s else ""
