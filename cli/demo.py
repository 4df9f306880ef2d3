"""`tessera demo`: start the service, send the shipped example through it by HTTP, show what comes out, keep serving."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.client import Client, Job
from cli.plain import err, out
from cli.submit import check_files, page_of, send
from cli.summary import show_summary
from cli.up import Service
from cli.up.guards import free_port
from cli.up_command import DataDir, Port, say, settings_for, stop_signals
from cli.waiting import fetch_results, wait_for
from errors import Code, TesseraError

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "gsa-chr20.vcf.gz"


def demo(
    example: Annotated[Path, typer.Option(metavar="FILE", help="What to impute.")] = EXAMPLE,
    once: Annotated[bool, typer.Option("--once", help="End after the summary.")] = False,
    data_dir: DataDir = None,
    port: Port = None,
) -> None:
    """Start the service and impute the shipped example through it."""
    check_files([example])
    settings = settings_for(data_dir, None, port)
    if port is None:
        # Somebody who only wants to see it run should not have to look for a port.
        settings = settings_for(data_dir, None, free_port(settings.server.host, settings.server.port))
    with stop_signals() as stopped:
        err.print("Starting...")
        with Service(settings, say, stopped.is_set) as service:
            run = _Run(service.address, example, settings.data_dir / "demo", stopped.is_set)
            run.start()
            service.watch(until=lambda: not run.is_alive())
            run.raise_error()
            if not once and not stopped.is_set():
                err.print(f"The service goes on at {service.address}; Ctrl-C stops it.")
                service.watch()
        err.print("Stopped.")


class _Run(threading.Thread):
    """The client's side of the demo, beside the supervisor in the main thread."""

    def __init__(self, address: str, example: Path, folder: Path, stopped: Callable[[], bool]) -> None:
        super().__init__(name="demo", daemon=True)
        self._address = address
        self._example = example
        self._folder = folder
        self._stopped = stopped
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            with Client(self._address) as client:
                impute_example(client, self._example, self._folder, self._stopped)
        except Exception as error:
            self._error = error

    def raise_error(self) -> None:
        """Raise in the main thread what ended the run, unless the person did."""
        if self._error is not None and not self._stopped():
            raise self._error


def impute_example(client: Client, example: Path, folder: Path, stopped: Callable[[], bool]) -> Job | None:
    """Submit, follow, download, sum up. None when stopped on the way.

    Raises:
        TesseraError: whatever the client meets; `internal` when the job leaves no report.
    """
    started = time.monotonic()
    err.print(f"curl -F vcf=@{example.name} {client.server}/jobs", markup=False)
    job = send(client, [example], {})
    job = wait_for(client, job.id, stopped=stopped)
    if not job.ended:
        return None
    seconds = time.monotonic() - started
    paths = fetch_results(client, job.id, folder / job.id)
    report = _read_report(paths)
    show_summary(report.get("quality", []), report.get("chromosomes", []), job.samples, seconds)
    out.print(f"Page: {page_of(client, job)}")
    return job


def _read_report(paths: list[Path]) -> dict[str, Any]:
    for path in paths:
        if path.name == "report.json":
            data: dict[str, Any] = json.loads(path.read_text())
            return data
    raise TesseraError(Code.internal, "The job left no report.json.")
