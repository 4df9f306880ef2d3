"""What a killed writer leaves is found and dropped by its age, in every store, and nothing that is still written."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from jobs.storage import Storage
from jobs.storage.local import LocalStorage
from jobs.storage.s3 import S3Storage
from jobs.storage.s3_writer import PART_BYTES

_WRITER = f"""
import sys
{{made}}
writer = storage.create(sys.argv[1])
writer.write(b"x" * {PART_BYTES + 3_000_000})
print("written", flush=True)
sys.stdin.read()
"""
_LOCAL = "from pathlib import Path; from jobs.storage.local import LocalStorage; storage = LocalStorage(Path({!r}))"
_S3 = "from jobs.storage.s3 import S3Storage; storage = S3Storage({!r}, prefix='tessera/data', **{!r})"
HOUR = timedelta(hours=1)


@contextmanager
def process(storage: Storage, key: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has written a part of an object and waits; it is killed at the end."""
    if isinstance(storage, LocalStorage):
        made = _LOCAL.format(str(storage.root))
    else:
        assert isinstance(storage, S3Storage)
        account = storage._account
        how = {"endpoint": storage._endpoint, "region": account["region_name"],
               "access_key": account["aws_access_key_id"], "secret_key": account["aws_secret_access_key"]}  # fmt: skip
        made = _S3.format(storage.bucket, how)
    words = [sys.executable, "-c", _WRITER.format(made=made), key]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as found:
        try:
            assert found.stdout is not None
            assert found.stdout.readline() == b"written\n"
            yield found
        finally:
            found.kill()
            found.wait()


def put(storage: Storage, key: str) -> None:
    with storage.create(key) as writer:
        writer.write(b"x")
        writer.commit()


def in_an_hour() -> datetime:
    return datetime.now(UTC) + HOUR


def test_a_killed_process_leaves_what_is_dropped_by_age(storage: Storage) -> None:
    put(storage, "jobs/a/uploads/0-x")
    with process(storage, "jobs/a/uploads/1-y"):
        pass
    now = datetime.now(UTC)
    assert storage.drop_unfinished("jobs/", now - HOUR) == 0
    assert storage.drop_unfinished("others/", now + HOUR) == 0
    assert storage.drop_unfinished("jobs/", now + HOUR) == 1
    assert storage.drop_unfinished("jobs/", now + HOUR) == 0
    assert storage.stat("jobs/a/uploads/0-x").size == 1


def test_what_is_still_written_is_younger_than_its_begin(storage: Storage) -> None:
    with storage.create("jobs/a/x") as writer:
        writer.write(b"x" * PART_BYTES)
        first = storage.written("jobs/a/")
        assert first is not None
        while (latest := storage.written("jobs/a/")) == first:
            writer.write(b"x" * PART_BYTES)
        assert latest is not None
        assert storage.drop_unfinished("jobs/", latest) == 0
        writer.commit()
    assert storage.stat("jobs/a/x").size >= 2 * PART_BYTES


def test_the_time_of_a_folder_is_that_of_its_youngest_object(storage: Storage) -> None:
    assert storage.written("jobs/a/") is None
    start = datetime.now(UTC) - timedelta(seconds=5)
    put(storage, "jobs/a/uploads/0-x")
    written = storage.written("jobs/a/")
    assert written is not None
    assert start < written < in_an_hour()
    assert storage.written("jobs/ab/") is None
    with process(storage, "jobs/b/uploads/0-x"):
        unfinished = storage.written("jobs/b/")
    assert unfinished is not None
    assert start < unfinished < in_an_hour()


def test_folders_are_those_right_below(storage: Storage) -> None:
    assert storage.folders("jobs/") == []
    for key in ("jobs/b/uploads/0-x", "jobs/a/work/1/y", "jobs/a/x", "jobs/file", "other/c/x"):
        put(storage, key)
    assert storage.folders("jobs/") == ["a", "b"]
    assert storage.folders("jobs/a/") == ["work"]
    storage.delete("jobs/b/")
    assert storage.folders("jobs/") == ["a"]


@pytest.mark.parametrize("prefix", ["", "/", "../"])
def test_prefixes_that_could_reach_everything_are_refused(storage: Storage, prefix: str) -> None:
    for call in (storage.folders, storage.written, lambda bad: storage.drop_unfinished(bad, in_an_hour())):
        with pytest.raises(ValueError, match="not a storage key"):
            call(prefix)
