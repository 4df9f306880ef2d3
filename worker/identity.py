"""Who holds a lease: a name that tells whether its process still lives.

A name is `host:boot+pidns:pid:start`. A process id alone is used again by the kernel; with the boot id, the pid
namespace and the start time it is unique, so a lease of a dead process of this machine can be freed at once.
"""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from pathlib import Path

_PROC = Path("/proc")
_START_FIELD = 19  # after the command name in /proc/PID/stat: start time in clock ticks since boot
_STATE_FIELD = 0


@lru_cache(maxsize=1)
def here() -> str:
    """This machine and pid namespace, `host:boot+pidns`: the same for all processes that see each other's pids."""
    host = socket.gethostname().replace(":", "_") or "localhost"
    return f"{host}:{_boot_id()}+{_pid_namespace()}"


def worker_name(pid: int | None = None) -> str:
    """Name of a live process of this machine, this one unless `pid` is given.

    Raises:
        ProcessLookupError: there is no such process.
    """
    pid = os.getpid() if pid is None else pid
    start = _start_time(pid)
    if start is None:
        raise ProcessLookupError(pid)
    return f"{here()}:{pid}:{start}"


def is_dead(name: str) -> bool:
    """Whether the named process is known to be gone.

    False for every name of another machine or pid namespace: nothing is known of those here, their leases run out.
    """
    place, _, rest = name.rpartition(":")
    place, _, pid = place.rpartition(":")
    if place != here() or not pid.isdigit():
        return False
    return _start_time(int(pid)) != rest


def _start_time(pid: int) -> str | None:
    """Start time of a live process in clock ticks since boot; None when it is gone or a zombie."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name is in parentheses and may hold spaces and parentheses itself.
    fields = text.rpartition(")")[2].split()
    return None if fields[_STATE_FIELD] in "ZX" else fields[_START_FIELD]


def _boot_id() -> str:
    """The kernel's id of this boot, shortened; a restart of the machine ends every lease of it."""
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip().replace("-", "")[:12]


def _pid_namespace() -> str:
    """Inode of the pid namespace: containers of one host share the boot id but not their pids."""
    return str((_PROC / "self/ns/pid").stat().st_ino)
