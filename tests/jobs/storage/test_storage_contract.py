"""What every store must do, run over all of them."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs.storage import Storage, fetch, publish

SMALL = b"##fileformat=VCFv4.3\n" * 10
BIG = hashlib.shake_256(b"seed").digest((8 << 20) + 12_345)  # a full part of S3 and some
KEY = "jobs/job_1/uploads/0-cohort one.vcf.gz"


def put(storage: Storage, key: str, data: bytes, step: int = 1 << 20) -> None:
    with storage.create(key) as writer:
        for start in range(0, len(data), step):
            assert writer.write(data[start : start + step]) == len(data[start : start + step])
        writer.commit()


def get(storage: Storage, key: str, start: int = 0, end: int | None = None) -> bytes:
    with storage.open(key, start, end) as source:
        return source.read()


def is_absent(storage: Storage, key: str) -> bool:
    try:
        storage.stat(key)
    except KeyError:
        return True
    return False


@pytest.mark.parametrize("data", [b"", SMALL, BIG], ids=["empty", "small", "big"])
def test_what_went_in_comes_out(storage: Storage, data: bytes) -> None:
    put(storage, KEY, data)
    stat = storage.stat(KEY)
    assert get(storage, KEY) == data
    assert stat.size == len(data)
    assert stat.etag
    assert '"' not in stat.etag
    assert abs(stat.modified - datetime.now(UTC)) < timedelta(minutes=5)


def test_every_kind_of_bytes_may_be_written(storage: Storage) -> None:
    with storage.create(KEY) as writer:
        assert [writer.write(part) for part in (b"ab", bytearray(b"cd"), memoryview(b"ef"))] == [2, 2, 2]
        writer.commit()
    assert get(storage, KEY) == b"abcdef"


def test_ranges_are_half_open_and_end_with_the_object(storage: Storage) -> None:
    put(storage, KEY, SMALL)
    assert len(SMALL) == 210
    for start, end in [(0, 1), (0, 0), (5, 5), (3, 17), (5, None), (209, None), (210, None), (999, None), (200, 999)]:
        assert get(storage, KEY, start, end) == SMALL[start:end], (start, end)


def test_range_of_a_big_object(storage: Storage) -> None:
    put(storage, KEY, BIG)
    edge = 8 << 20
    assert get(storage, KEY, edge - 3, edge + 3) == BIG[edge - 3 : edge + 3]
    assert get(storage, KEY, len(BIG) - 5) == BIG[-5:]


def test_a_stream_can_be_read_in_pieces(storage: Storage) -> None:
    put(storage, KEY, BIG)
    with storage.open(KEY, 7, 3_000_000) as source:
        pieces = list(iter(lambda: source.read(1 << 16), b""))
    assert b"".join(pieces) == BIG[7:3_000_000]


@pytest.mark.parametrize("bad", [(-1, None), (5, 4)])
def test_impossible_ranges_are_refused(storage: Storage, bad: tuple[int, int | None]) -> None:
    put(storage, KEY, SMALL)
    with pytest.raises(ValueError, match="not a byte range"):
        storage.open(KEY, *bad)


def test_absent_objects_are_key_errors(storage: Storage) -> None:
    put(storage, "jobs/job_1/a", SMALL)
    for key in ("jobs/job_2/a", "jobs/job_1", "jobs/job_1/a/b"):
        with pytest.raises(KeyError):
            storage.stat(key)
        for bounds in ((0, None), (0, 0), (5, 9), (5, None)):
            with pytest.raises(KeyError):
                storage.open(key, *bounds)


@pytest.mark.parametrize("data", [SMALL, BIG], ids=["small", "big"])
def test_nothing_is_seen_before_commit_and_nothing_stays_without(storage: Storage, data: bytes) -> None:
    with storage.create(KEY) as writer:
        writer.write(data)
        assert is_absent(storage, KEY)
    assert is_absent(storage, KEY)
    assert storage.delete("jobs/") == 0


def test_an_error_half_way_keeps_the_older_object(storage: Storage) -> None:
    def broken_upload() -> None:
        with storage.create(KEY) as writer:
            writer.write(BIG)
            raise RuntimeError("the client went away")

    put(storage, KEY, SMALL)
    with pytest.raises(RuntimeError):
        broken_upload()
    assert get(storage, KEY) == SMALL


def test_commit_replaces_and_changes_the_etag(storage: Storage) -> None:
    put(storage, KEY, SMALL)
    before = storage.stat(KEY).etag
    assert storage.stat(KEY).etag == before
    put(storage, KEY, SMALL[::-1])
    assert get(storage, KEY) == SMALL[::-1]
    assert storage.stat(KEY).etag != before


def test_delete_takes_a_folder_or_one_object_and_nothing_beside(storage: Storage) -> None:
    keys = ["jobs/a/1", "jobs/a/deep/er/2", "jobs/ab/3", "jobs/a.txt"]
    for key in keys:
        put(storage, key, SMALL)
    assert storage.delete("jobs/a") == 0
    assert storage.delete("jobs/a/") == 2
    assert [is_absent(storage, key) for key in keys] == [True, True, False, False]
    assert storage.delete("jobs/a/") == 0
    assert storage.delete("jobs/a.txt") == 1
    assert storage.delete("jobs/a.txt") == 0
    assert get(storage, "jobs/ab/3") == SMALL


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../x", "a/../b", "a/./b", "a//b", "a/", "a\\b", "a\n", "ä", ".incoming/../x"]
)
def test_keys_that_could_leave_the_store_are_refused(storage: Storage, key: str) -> None:
    for call in (storage.create, storage.open, storage.stat, lambda bad: storage.presign(bad, "x", 60)):
        with pytest.raises(ValueError, match="not a storage key"):
            call(key)


@pytest.mark.parametrize("prefix", ["", "/", "../", "a/../", "//"])
def test_prefixes_that_could_take_everything_are_refused(storage: Storage, prefix: str) -> None:
    put(storage, "a", SMALL)
    with pytest.raises(ValueError, match="not a storage key"):
        storage.delete(prefix)
    assert get(storage, "a") == SMALL


def test_writers_on_threads_do_not_mix(storage: Storage) -> None:
    def work(n: int) -> bool:
        data = bytes([n]) * 100_000
        put(storage, f"jobs/{n}/x", data, 1000)
        put(storage, "jobs/shared", data, 1000)
        return get(storage, f"jobs/{n}/x") == data

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))
    shared = get(storage, "jobs/shared")
    assert len(shared) == 100_000
    assert len(set(shared)) == 1


def test_files_go_in_and_come_out(storage: Storage, tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "new" / "out"
    source.write_bytes(BIG)
    assert publish(storage, source, KEY) == (len(BIG), hashlib.sha256(BIG).hexdigest())
    assert fetch(storage, KEY, target) == len(BIG)
    assert target.read_bytes() == BIG
    assert [path.name for path in target.parent.iterdir()] == ["out"]
    with pytest.raises(KeyError):
        fetch(storage, "jobs/absent", tmp_path / "absent")
    assert not (tmp_path / "absent").exists()


def test_a_copy_outlives_its_source(storage: Storage) -> None:
    put(storage, KEY, SMALL)
    storage.copy(KEY, "jobs/job_2/uploads/0-x.vcf.gz")
    assert storage.delete("jobs/job_1/") == 1
    assert get(storage, "jobs/job_2/uploads/0-x.vcf.gz") == SMALL
    assert is_absent(storage, KEY)


def test_a_copy_stays_when_its_source_is_replaced(storage: Storage) -> None:
    put(storage, KEY, SMALL)
    storage.copy(KEY, "jobs/job_2/x")
    put(storage, KEY, b"new")
    assert get(storage, "jobs/job_2/x") == SMALL


def test_a_copy_of_nothing_is_a_key_error_and_leaves_nothing(storage: Storage) -> None:
    put(storage, "jobs/job_2/a/b", SMALL)
    for source in (KEY, "jobs/job_2/a"):
        with pytest.raises(KeyError):
            storage.copy(source, "jobs/job_2/x")
        assert is_absent(storage, "jobs/job_2/x")
