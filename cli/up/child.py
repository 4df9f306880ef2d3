"""One supervised process: start, watch, restart after a pause that grows, stop in steps."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0  # a process that lived so long starts again without a grown pause
LOG_BYTES = 20 << 20  # a log that is larger is put aside when its process starts

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Program:
    """What a child runs."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    grace_s: float = 10.0  # seconds between the request to end and SIGKILL


class Child:
    """A program that is kept running."""

    def __init__(
        self,
        program: Program,
        log: Path,
        *,
        pause_s: float = FIRST_PAUSE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Describe the child; nothing is started. Its output is appended to `log`."""
        self.program = program
        self.log = log
        self.deaths = 0
        self._first_pause_s = pause_s
        self._clock = clock
        self._pause_s = pause_s
        self._started = 0.0
        self._restart_at: float | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process in a session of its own: Ctrl-C must reach only the supervisor, which stops in order."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        parent = os.getpid()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                list(self.program.argv),
                env=dict(self.program.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: _end_with(parent),
            )
        self._started = self._clock()
        self._restart_at = None

    def tick(self) -> str | None:
        """Look after the process; call it often. Gives a sentence when something happened."""
        if self._process is None or self.running:
            return None
        now = self._clock()
        if self._restart_at is None:
            self.deaths += 1
            steady = now - self._started >= STEADY_S
            self._pause_s = self._first_pause_s if steady else min(self._pause_s, LONGEST_PAUSE_S)
            self._restart_at = now + self._pause_s
            said = f"{self.program.name} ended ({_how(self._process.returncode)}); new start in {self._pause_s:g} s"
            self._pause_s *= 2
            return said
        if now >= self._restart_at:
            self.start()
            return f"{self.program.name} started again"
        return None

    def stop(self) -> None:
        """End the process: SIGTERM, and SIGKILL to its whole session when the grace has passed."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(self.program.grace_s)
            except subprocess.TimeoutExpired:
                _kill_session(process.pid)
                process.wait()
        # A process that ended by itself may have left children behind.
        _kill_session(process.pid)

    def last_lines(self, count: int = 15) -> str:
        """The end of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])


def _end_with(parent: int) -> None:
    """In the child: ask the kernel for SIGTERM when the supervisor dies, however it dies."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)


def _kill_session(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _how(status: int) -> str:
    """`exit status 1`, `SIGKILL`."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
