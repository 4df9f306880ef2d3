"""`tessera up` as a person runs it: real processes, killed and stopped."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.client import Client
from cli.up.guards import free_port
from tests.support.waiting import alive, until


class Up:
    """One `tessera up` in a process of its own; its folder has a short path, for Redis's socket lies in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port("127.0.0.1", 20000 + os.getpid() % 20000)
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith("TESSERA_")}
        # The client's variable must not confuse the service.
        env["TESSERA_SERVER"] = "http://elsewhere"
        argv = [sys.executable, "-m", "cli", "up", "--data-dir", str(self.folder), "--port", str(self.port)]
        self.process = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def wait_until_ready(self) -> str:
        assert self.process is not None
        assert self.process.stdout is not None
        said = ""
        for line in self.process.stdout:
            said += line
            if "Ctrl-C stops it" in line:
                return said
        raise AssertionError(said)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        assert self.process is not None
        self.process.send_signal(number)
        said, _ = self.process.communicate(timeout=60)
        status = self.process.returncode
        self.process = None
        return status, said

    def children(self) -> dict[str, int]:
        """Pids of the supervised processes by what they run."""
        assert self.process is not None
        pids = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        named = {}
        for pid in map(int, pids):
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            except FileNotFoundError:  # it ended in between
                continue
            name = next((name for name in ("redis-server", "-m worker", "-m api") if name in command), None)
            if name and alive(pid):
                named[name.removeprefix("-m ")] = pid
        return named


@pytest.fixture
def up() -> Iterator[Up]:
    with tempfile.TemporaryDirectory(prefix="tes-") as folder:
        running = Up(Path(folder))
        yield running
        if running.process is not None:
            running.stop(signal.SIGKILL)


@pytest.mark.slow
def test_it_starts_recovers_from_kills_stops_cleanly_and_starts_again(up: Up) -> None:
    up.start()
    said = up.wait_until_ready()
    address = f"http://127.0.0.1:{up.port}"
    assert f"Tessera serves at {address}" in said
    with Client(address) as client:
        assert client.ready()
        first = up.children()
        assert set(first) == {"redis-server", "worker", "api"}
        for pid in first.values():
            os.kill(pid, signal.SIGKILL)
        until(lambda: set(up.children()) == set(first) and not set(up.children().values()) & set(first.values()), 60)
        until(client.ready, 60)
    last = up.children()
    status, said = up.stop(signal.SIGINT)
    assert status == 0
    assert "ended (SIGKILL); new start in" in said
    assert said.rstrip().endswith("Stopped.")
    until(lambda: not any(alive(pid) for pid in last.values()))
    assert not (up.folder / "redis" / "redis.sock").exists()

    up.start()
    up.wait_until_ready()
    assert up.stop()[0] == 0


@pytest.mark.slow
def test_a_killed_supervisor_leaves_nothing_behind(up: Up) -> None:
    up.start()
    up.wait_until_ready()
    children = up.children()
    up.stop(signal.SIGKILL)
    up.start()
    up.wait_until_ready()
    until(lambda: not any(alive(pid) for pid in children.values()), 60)
    assert set(up.children()) == {"redis-server", "worker", "api"}
    assert up.stop()[0] == 0


def test_a_taken_port_is_refused_before_anything_is_started(up: Up) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        up.port = other.getsockname()[1]
        up.start()
        assert up.process is not None
        said, _ = up.process.communicate(timeout=60)
        assert up.process.returncode == 1
    assert f"Port {up.port} on 127.0.0.1 is taken by another program." in said
    assert "Traceback" not in said
    assert not (up.folder / "redis").exists()
    up.process = None
