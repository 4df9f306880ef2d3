"""Scratch keeps the inputs of the jobs at hand and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.storage import Storage, make_storage
from tests.support.worker import worker_settings
from worker.folders import StoredFolder
from worker.scratch import Scratch, publish_folder


def free() -> None:
    """A lease that is never lost."""


@pytest.fixture
def storage(tmp_path: Path) -> Storage:

    return make_storage(worker_settings(tmp_path / "data"))


@pytest.fixture
def stored(tmp_path: Path, storage: Storage) -> StoredFolder:
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "a").write_bytes(b"1")
    (folder / "b").write_bytes(b"")
    return publish_folder(storage, folder, "jobs/j/work/ingest/0/attempt-1/", ["a", "b"], free)


def test_fetched_once_and_dropped_after_two_other_jobs(tmp_path: Path, storage: Storage, stored: StoredFolder) -> None:
    scratch = Scratch(tmp_path / "scratch", "me", storage)
    folder = scratch.inputs("j1", StoredFolder.from_dict(stored.as_dict()), free)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a": b"1", "b": b""}
    storage.delete(stored.prefix)
    assert scratch.inputs("j1", stored, free) == folder, "not fetched again"
    empty = StoredFolder("jobs/j/work/ingest/1/attempt-1/", ())
    scratch.inputs("j2", empty, free)
    assert folder.exists()
    scratch.inputs("j3", empty, free)
    assert not folder.exists()
    with pytest.raises(KeyError):
        scratch.inputs("j1", stored, free)


def test_lost_lease_ends_a_fetch_between_files(tmp_path: Path, storage: Storage, stored: StoredFolder) -> None:
    def lost() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        Scratch(tmp_path / "scratch", "me", storage).inputs("j1", stored, lost)


def test_work_folder_starts_empty_and_goes_even_after_an_error(tmp_path: Path, storage: Storage) -> None:
    scratch = Scratch(tmp_path / "scratch", "me", storage)

    def use() -> None:
        with scratch.work("1") as folder:
            assert list(folder.iterdir()) == []
            (folder / "half").touch()
            raise InterruptedError

    for _ in range(2):
        with pytest.raises(InterruptedError):
            use()
    assert list((tmp_path / "scratch/me/work").iterdir()) == []
