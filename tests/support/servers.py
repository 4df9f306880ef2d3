"""Servers that tests start: they listen on loopback only, and die with the test process whatever happens to it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

_PR_SET_PDEATHSIG = 1


def unavailable(reason: str) -> NoReturn:
    """Skip the test in one clear line; `tests/conftest.py` turns the skip into a failure in CI."""
    pytest.skip(reason)


def free_ports(count: int) -> list[int]:
    """TCP ports of loopback that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def start(
    command: Sequence[str | Path], log: Path, *, user: str | None = None, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a server that writes to a log file, as another user if named (root only)."""
    libc = ctypes.CDLL(None)
    options: dict[str, Any] = {"user": user, "group": "nogroup", "extra_groups": []} if user else {}
    with log.open("ab") as out:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=dict(os.environ) | dict(env or {}),
            cwd="/",
            start_new_session=True,
            preexec_fn=lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),
            **options,
        )


def stop(server: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM, seconds: float = 10) -> None:
    """Ask a server to stop, and kill it when it does not."""
    if server.poll() is None:
        server.send_signal(how)
        try:
            server.wait(seconds)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_until(ready: Callable[[], bool], server: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> None:
    """Return when `ready()` holds; fail with the end of the log when the server ends or takes too long."""
    deadline = time.monotonic() + seconds
    while not ready():
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{server.args!r} did not get ready:\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Whether somebody accepts connections on a port of loopback."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
