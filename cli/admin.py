"""`tessera migrate` and `tessera check`: the first step of a deployment, and whether all it needs answers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from cli.plain import out
from cli.up_command import settings_for
from errors import Code, TesseraError

if TYPE_CHECKING:
    from jobs.settings import Settings
    from jobs.storage.s3 import S3Storage


def migrate() -> None:
    """Bring the database to this version, and make the storage bucket if it is not there.

    Reads the TESSERA_* variables. Running it again changes nothing.
    """
    from jobs.database import upgrade
    from jobs.storage import make_storage
    from jobs.storage.s3 import S3Storage

    settings = settings_for(None, None, None)
    _try("database", lambda: upgrade(settings.database.url))
    out.print("The database is up to date.")
    storage = make_storage(settings)
    if isinstance(storage, S3Storage):
        _try("storage", lambda: _make_bucket(storage))


def check() -> None:
    """Ask database, broker and storage whether they answer. Exit status 1 when one does not."""
    settings = settings_for(None, None, None)
    for name, ask in (("database", _ask_database), ("broker", _ask_broker), ("storage", _ask_storage)):
        _try(name, partial(ask, settings))
        out.print(f"{name}: answers")


def _try(name: str, act: Callable[[], None]) -> None:
    try:
        act()
    except TesseraError:
        raise
    except Exception as error:
        # Every driver has exceptions of its own; the first line of theirs says what is wrong.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise TesseraError(
            Code.setup_invalid,
            f"The {name} cannot be used: {reason}",
            action=f"Check TESSERA_{name.upper()}_URL and that the {name} runs.",
        ) from error


def _make_bucket(storage: S3Storage) -> None:
    if storage.bucket in {one["Name"] for one in storage.client.list_buckets()["Buckets"]}:
        out.print(f"The bucket {storage.bucket} is there.", markup=False)
        return
    storage.client.create_bucket(Bucket=storage.bucket)
    out.print(f"Made the bucket {storage.bucket}.", markup=False)


def _ask_database(settings: Settings) -> None:
    from jobs.database import make_engine

    make_engine(settings.database.url, pool_size=1).connect().close()


def _ask_broker(settings: Settings) -> None:
    from kombu import Connection

    with Connection(settings.broker.url, connect_timeout=5) as broker:
        broker.ensure_connection(max_retries=1, timeout=5)


def _ask_storage(settings: Settings) -> None:
    from jobs.storage import make_storage

    # Whether the object is there does not matter, only that the store says so.
    with suppress(KeyError):
        make_storage(settings).stat("check")
