"""What only the local folder does."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime, timedelta
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


def test_leftovers_of_an_unknown_key_go_too(tmp_path: Path) -> None:
    """As earlier versions wrote them."""
    storage = LocalStorage(tmp_path)
    (tmp_path / ".incoming" / "0123abcd").write_bytes(b"x")
    now = datetime.now(UTC)
    assert storage.drop_unfinished("jobs/", now - timedelta(hours=1)) == 0
    assert storage.drop_unfinished("jobs/", now + timedelta(hours=1)) == 1
    assert files(tmp_path) == []


def test_a_copy_is_as_young_as_its_name(tmp_path: Path) -> None:
    """The bytes of a copied upload are old, and its job's row is not written yet."""
    storage = LocalStorage(tmp_path)
    with storage.create("jobs/a/x") as writer:
        writer.commit()
    os.utime(tmp_path / "jobs/a/x", (0, 0))
    before = datetime.now(UTC) - timedelta(minutes=1)
    storage.copy("jobs/a/x", "jobs/b/x")
    written = storage.written("jobs/b/")
    assert written is not None
    assert written > before


def test_keys_of_any_length_can_be_written(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    key = "jobs/" + "/".join(["k" * 120] * 6)
    with storage.create(key) as writer:
        assert storage.written("jobs/" + "k" * 120 + "/") is not None
        assert storage.written("jobs/other/") is None
        writer.commit()
    assert storage.stat(key).size == 0


def test_folders_with_other_programs_names_are_not_told(tmp_path: Path) -> None:
    for name in ("good", "ä", ".hidden"):
        (tmp_path / "jobs" / name).mkdir(parents=True)
    assert LocalStorage(tmp_path).folders("jobs/") == ["good"]


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
