"""What only the local folder does."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from errors import Code, TesseraError
from jobs.storage.local import LocalStorage


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_abort_leaves_no_file(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    with storage.create("a/b") as writer:
        writer.write(b"x" * 3_000_000)
        assert len(files(tmp_path)) == 1
    assert files(tmp_path) == []


def test_full_disk_is_storage_full_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with LocalStorage(tmp_path).create("a/b") as writer:
        writer.write(b"x")
        with pytest.raises(TesseraError) as caught:
            writer.commit()
    assert caught.value.code is Code.storage_full
    assert files(tmp_path) == []


def test_delete_leaves_no_empty_folders(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    for key in ("jobs/a/work/1", "jobs/b/x"):
        with storage.create(key) as writer:
            writer.commit()
    storage.delete("jobs/a/")
    storage.delete("jobs/b/x")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".incoming"]


def test_leftovers_of_the_dead_go_after_a_day(tmp_path: Path) -> None:
    incoming = tmp_path / ".incoming"
    incoming.mkdir()
    for name, age_s in (("old", 25 * 3600), ("new", 60)):
        (incoming / name).write_bytes(b"x")
        then = (incoming / name).stat().st_mtime - age_s
        os.utime(incoming / name, (then, then))
    LocalStorage(tmp_path)
    assert files(tmp_path) == [".incoming/new"]


def test_unfinished_files_cannot_be_reached_by_a_key(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    with storage.create("a") as writer:
        writer.write(b"secret")
        [part] = (tmp_path / ".incoming").iterdir()
        with pytest.raises(ValueError, match="not a storage key"):
            storage.open(f".incoming/{part.name}")
        with pytest.raises(ValueError, match="not a storage key"):
            storage.delete(".incoming/")


def test_a_folder_has_no_links_to_give_away(tmp_path: Path) -> None:
    assert LocalStorage(tmp_path).presign("a", "a.vcf.gz", 60) is None
