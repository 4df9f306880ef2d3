"""A PostgreSQL server from the `pgserver` wheel, on a unix socket in a temporary folder; one for a whole test run.

The wheel's binaries are run directly, not through its Python module: as root that would add a user to the machine and
open the folders above the wheel to everybody.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
from functools import lru_cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg

from tests.support.servers import start, stop, unavailable, wait_until

_UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root
_numbers = count(1)


def why_not() -> str | None:
    """What this machine lacks for the server, in one sentence; None when it can run."""
    return None if _installed() else "PostgreSQL tests need the pgserver wheel (make setup)"


def new_database() -> str:
    """The URL of a fresh, empty database. Skips the test where there is no server."""
    folder = _server()
    name = f"test_{next(_numbers)}"
    with psycopg.connect(f"postgresql://postgres@/postgres?host={folder}", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"postgresql://postgres@/{name}?host={folder}"


def drop_database(url: str) -> None:
    """Remove a database that `new_database` made, and whoever is still connected."""
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with psycopg.connect(f"postgresql://postgres@/postgres?host={_server()}", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@lru_cache(maxsize=1)
def _server() -> Path:
    """The folder of the socket of the running server."""
    if reason := why_not():
        unavailable(reason)
    installed = _installed()
    assert installed is not None
    folder = Path(tempfile.mkdtemp(prefix="tessera-pg-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    user = _UNPRIVILEGED if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)
        if not _runs(installed, user):
            installed = Path(shutil.copytree(installed, folder / "pginstall", symlinks=True))
    data, log = folder / "data", folder / "log"
    _run([installed / "bin/initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"], user)
    options = ["listen_addresses=", "fsync=off", "max_connections=200"]
    command: list[str | Path] = [installed / "bin/postgres", "-D", data, "-k", folder]
    server = start([*command, *(word for option in options for word in ("-c", option))], log, user=user)
    atexit.register(stop, server, signal.SIGINT)  # a fast shutdown, which does not wait for clients
    wait_until(lambda: _answers(folder), server, log)
    return folder


def _installed() -> Path | None:
    """The wheel's PostgreSQL, without importing the wheel."""
    spec = find_spec("pgserver")
    places = spec.submodule_search_locations if spec else None
    return Path(places[0]) / "pginstall" if places else None


def _answers(folder: Path) -> bool:
    try:
        psycopg.connect(f"postgresql://postgres@/postgres?host={folder}").close()
    except psycopg.OperationalError:
        return False
    return True


def _runs(installed: Path, user: str) -> bool:
    """Whether the user can reach the binaries where they are."""
    try:
        _run([installed / "bin/postgres", "--version"], user)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _run(command: list[str | Path], user: str | None) -> None:
    subprocess.run(
        [str(part) for part in command],
        check=True,
        capture_output=True,
        cwd="/",
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        **({"user": user, "group": "nogroup", "extra_groups": []} if user else {}),  # type: ignore[call-overload]
    )
