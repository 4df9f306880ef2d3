import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from cli.up.child import Child, Program
from tests.support.waiting import alive, until


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def make(tmp_path: Path):
    made: list[Child] = []

    def make(code: str, grace_s: float = 5.0, **options: object) -> Child:
        program = Program("thing", ["/bin/sh", "-c", code], dict(os.environ), grace_s)
        child = Child(program, tmp_path / "thing.log", **options)
        made.append(child)
        return child

    yield make
    for child in made:
        child.stop()


def test_output_goes_to_the_log(make) -> None:
    child = make("echo to stdout; echo to stderr >&2")
    child.start()
    until(lambda: not child.running)
    assert child.last_lines().splitlines() == ["to stdout", "to stderr"]


def test_a_dead_process_is_started_again_after_pauses_that_grow(make) -> None:
    clock = Clock()
    child = make("exit 3", pause_s=1.0, clock=clock)
    child.start()
    said = []
    for pause in (1.0, 2.0, 4.0):
        until(lambda: not child.running)
        said.append(child.tick())
        clock.now += pause * 0.9
        assert child.tick() is None, "too early"
        clock.now += pause * 0.2
        assert child.tick() == "thing started again"
    assert said == [f"thing ended (exit status 3); new start in {pause} s" for pause in (1, 2, 4)]
    assert child.deaths == 3


def test_a_process_that_ran_for_long_starts_again_soon(make) -> None:
    clock = Clock()
    child = make("sleep 30", pause_s=1.0, clock=clock)
    child.start()
    for _ in range(3):
        clock.now += 100
        os.kill(child.pid, signal.SIGKILL)
        until(lambda: not child.running)
        assert child.tick() == "thing ended (SIGKILL); new start in 1 s"
        clock.now += 1.1
        assert child.tick() == "thing started again"


def test_a_process_that_does_not_want_to_end_is_killed_with_its_children(make, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    child = make(f"trap '' TERM; sleep 60 & echo $! > {pids}.new; mv {pids}.new {pids}; wait; sleep 60", grace_s=0.2)
    child.start()
    until(pids.exists)
    inner = int(pids.read_text())
    outer = child.pid
    child.stop()
    assert not alive(outer)
    until(lambda: not alive(inner))


def test_a_process_is_asked_first(make, tmp_path: Path) -> None:
    ready, mark = tmp_path / "ready", tmp_path / "asked"
    child = make(f"trap 'touch {mark}; exit 0' TERM; touch {ready}; while :; do sleep 0.02; done")
    child.start()
    until(ready.exists)
    child.stop()
    assert mark.exists()


def test_what_was_stopped_stays_stopped(make) -> None:
    child = make("sleep 60")
    child.start()
    child.stop()
    assert child.tick() is None
    assert not child.running


@pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel")
def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    code = f"""
        import os, time
        from pathlib import Path
        from cli.up.child import Child, Program
        child = Child(Program("thing", ["/bin/sleep", "60"], dict(os.environ)), Path({str(tmp_path / "log")!r}))
        child.start()
        print(child.pid, flush=True)
        time.sleep(60)
    """
    supervisor = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    pid = int(supervisor.stdout.readline())
    assert alive(pid)
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    until(lambda: not alive(pid))


def test_a_log_that_has_grown_large_is_put_aside(make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.up.child.LOG_BYTES", 10)
    child = make("echo new")
    child.log.write_text("old" * 10)
    child.start()
    until(lambda: not child.running)
    assert child.log.read_text() == "new\n"
    assert child.log.with_suffix(".log.1").read_text() == "old" * 10
