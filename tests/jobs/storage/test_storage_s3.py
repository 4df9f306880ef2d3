"""What only S3 does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from errors import Code, TesseraError
from jobs.storage import fetch
from jobs.storage.s3 import S3Storage
from jobs.storage.s3_writer import PART_BYTES, S3Writer

pytestmark = pytest.mark.s3


def unfinished(s3: S3Storage) -> list[Any]:
    return s3.client.list_multipart_uploads(Bucket=s3.bucket).get("Uploads", [])


def keys(s3: S3Storage) -> list[str]:
    return [item["Key"] for item in s3.client.list_objects_v2(Bucket=s3.bucket).get("Contents", [])]


def test_keys_lie_below_the_prefix(s3: S3Storage) -> None:
    with s3.create("jobs/a") as writer:
        writer.commit()
    assert keys(s3) == ["tessera/data/jobs/a"]


def test_big_objects_go_in_parts_and_an_abort_leaves_none(s3: S3Storage) -> None:
    with s3.create("jobs/a") as writer:
        writer.write(b"x" * (PART_BYTES - 1))
        assert unfinished(s3) == []
        writer.write(b"yz")
        assert [upload["Key"] for upload in unfinished(s3)] == ["tessera/data/jobs/a"]
    assert unfinished(s3) == []
    assert keys(s3) == []


def test_a_part_is_all_that_is_held_in_memory(s3: S3Storage) -> None:
    with s3.create("jobs/a") as writer:
        for _ in range(3):
            writer.write(b"x" * 5_000_000)
            assert len(writer._buffer) < PART_BYTES
        writer.commit()
    assert s3.stat("jobs/a").size == 15_000_000
    assert s3.stat("jobs/a").etag.endswith("-2")


def test_delete_of_a_folder_ends_uploads_that_died_in_it(s3: S3Storage) -> None:
    dead = s3.create("jobs/a/x")
    dead.write(b"x" * PART_BYTES)
    other = s3.create("jobs/b/x")
    other.write(b"x" * PART_BYTES)
    assert s3.delete("jobs/a/") == 0
    assert [upload["Key"] for upload in unfinished(s3)] == ["tessera/data/jobs/b/x"]


def test_delete_takes_more_than_one_batch(s3: S3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.storage.s3._DELETE_BATCH", 3)
    for n in range(8):
        with s3.create(f"jobs/a/{n}") as writer:
            writer.commit()
    assert s3.delete("jobs/a/") == 8
    assert keys(s3) == []


def test_presigned_link_downloads_by_plain_http(s3: S3Storage) -> None:
    with s3.create("jobs/a") as writer:
        writer.write(b"0123456789")
        writer.commit()
    url = s3.presign("jobs/a", 'chr20 "é".vcf.gz', 60)
    assert url is not None
    answer = httpx.get(url)
    assert (answer.status_code, answer.content) == (200, b"0123456789")
    assert answer.headers["content-disposition"] == 'attachment; filename="chr20 ___.vcf.gz"'
    part = httpx.get(url, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    assert httpx.get(url.replace("jobs/a", "jobs/b")).status_code == 403


def test_links_name_the_endpoint_of_the_users(s3: S3Storage) -> None:
    outside = S3Storage(
        "b", endpoint="http://s3:9000", presign_endpoint="https://x.org", access_key="a", secret_key="b"
    )
    assert (outside.presign("k", "k", 60) or "").startswith("https://x.org/b/k?")
    assert S3Storage("b", access_key="a", secret_key="b", presign=False).presign("k", "k", 60) is None


def test_refused_part_is_storage_full(s3: S3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.storage.s3_writer._FULL", frozenset({"NoSuchBucket"}))
    writer = S3Writer(s3.client, "no-such-bucket", "k")
    writer.write(b"x")
    with pytest.raises(TesseraError) as caught:
        writer.commit()
    assert caught.value.code is Code.storage_full


def test_fetch_takes_a_broken_download_up_again(s3: S3Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytes(range(256)) * 40_000
    with s3.create("jobs/a") as writer:
        writer.write(data)
        writer.commit()
    starts = []
    whole = s3.open

    class Broken:
        """Gives two blocks, then breaks."""

        def __init__(self, source: Any) -> None:
            self.source, self.left = source, 2

        def __enter__(self) -> Broken:
            return self

        def __exit__(self, *_: object) -> None:
            self.source.close()

        def read(self, size: int) -> bytes:
            self.left -= 1
            if self.left < 0:
                raise OSError("connection reset")
            return bytes(self.source.read(size))

    def opened(key: str, start: int = 0, end: int | None = None) -> Any:
        starts.append(start)
        source = whole(key, start, end)
        return Broken(source) if len(starts) < 3 else source

    monkeypatch.setattr(s3, "open", opened)
    assert fetch(s3, "jobs/a", tmp_path / "a") == len(data)
    assert (tmp_path / "a").read_bytes() == data
    assert starts == [0, 2 << 20, 4 << 20]
