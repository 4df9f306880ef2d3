"""`tessera up`: the whole service on this machine, until Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.plain import err, out

if TYPE_CHECKING:
    from jobs.settings import Settings

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", metavar="FOLDER", help="Where all data lie; default: ./var.")
]
Host = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Where to listen; default: 127.0.0.1.")]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port; default: 8000.")]


def up(data_dir: DataDir = None, host: Host = None, port: Port = None) -> None:
    """Run the service on this machine: database, Redis, API and one worker, until Ctrl-C.

    Settings are TESSERA_* variables; what is given here wins.
    """
    from cli.up import Service

    settings = settings_for(data_dir, host, port)
    with stop_signals() as stopped:
        err.print("Starting...")
        with Service(settings, say, stopped.is_set) as service:
            out.print(f"Tessera serves at {service.address}   (API: {service.address}/docs, logs: {service.logs})")
            err.print("Ctrl-C stops it.")
            service.watch()
            err.print("Stopping...")
        err.print("Stopped.")


def settings_for(data_dir: Path | None, host: str | None, port: int | None) -> Settings:
    """Settings from the environment, overlaid with the command line.

    Raises:
        TesseraError: `setup_invalid`, naming each variable at fault.
    """
    from jobs.settings import load_settings

    changed: dict[str, Any] = {} if data_dir is None else {"data_dir": data_dir}
    server = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    return load_settings(**changed, **({"server": server} if server else {}))


def say(sentence: str) -> None:
    """Tell the person at the terminal."""
    err.print(sentence, markup=False)


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """Hand out an event that Ctrl-C, SIGTERM and a closed terminal set; a second signal interrupts at once."""
    stopped = threading.Event()

    def note(number: int, _frame: object) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()

    old = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield stopped
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
