"""Worker names tell dead processes from living ones."""

from __future__ import annotations

import os
import subprocess
import sys

from worker.identity import here, is_dead, worker_name


def test_this_process_lives() -> None:
    name = worker_name()
    assert name.startswith(here() + ":")
    assert str(os.getpid()) in name.split(":")
    assert not is_dead(name)


def test_killed_process_is_dead_before_and_after_it_is_reaped() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = worker_name(process.pid)
    assert not is_dead(name)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(name)
    process.wait()
    assert is_dead(name)


def test_pid_used_again_is_another_process() -> None:
    assert is_dead(f"{here()}:{os.getpid()}:1")


def test_nothing_is_said_about_other_machines() -> None:
    assert not is_dead("elsewhere:0123456789ab+4026531836:1:1")
    assert not is_dead("garbage")
