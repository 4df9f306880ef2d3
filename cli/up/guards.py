"""What is checked before anything is started: that the port is free, and that no other service uses the data folder."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from errors import Code, TesseraError


def refuse_taken_port(host: str, port: int) -> None:
    """Check that the API can listen there.

    Raises:
        TesseraError: `setup_invalid`, saying whether the port is taken or forbidden, or the address not this machine's.
    """
    try:
        _try_to_listen(host, port)
    except OSError as error:
        raise TesseraError(
            Code.setup_invalid,
            _sentence(host, port, error),
            action=f"Choose another port, for example --port {port + 1}, or address (--host).",
        ) from error


def free_port(host: str, first: int, tries: int = 50) -> int:
    """The first free port from `first` on."""
    for port in range(first, min(first + tries, 65536)):
        try:
            _try_to_listen(host, port)
        except OSError:
            continue
        return port
    raise TesseraError(
        Code.setup_invalid, f"No port from {first} on is free on {host}.", action="Choose another with --port."
    )


@contextmanager
def only_service_of(folder: Path) -> Iterator[None]:
    """Hold the data folder's lock; the kernel frees it however this process ends.

    Raises:
        TesseraError: `setup_invalid` when another process holds it.
    """
    with (folder / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            holder = lock.read().strip()
            raise TesseraError(
                Code.setup_invalid,
                f"Another 'tessera up' (process {holder or 'unknown'}) uses the data folder {folder}.",
                action="Stop that one first, or choose another folder with --data-dir.",
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _try_to_listen(host: str, port: int) -> None:
    family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, proto) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        # Another program that listens with SO_REUSEADDR is noticed by listen, not by bind.
        probe.listen(1)


def _sentence(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken by another program."
    if error.errno == errno.EACCES:
        return f"This user may not listen on port {port}."
    return f"This machine cannot listen on {host}: {error.strerror or error}."
