"""Objects in an S3 bucket, Amazon's or any that speaks its protocol."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import boto3
from botocore.client import Config
from botocore.exceptions import BotoCoreError, ClientError

from jobs.storage.keys import check_key, check_prefix, check_range, is_key
from jobs.storage.protocol import ObjectStat
from jobs.storage.s3_writer import S3Writer, full_is_storage_full

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
_DELETE_BATCH = 1000


class S3Storage:
    """A bucket, or the part of one below `prefix`. Uploads that died half-way go with their folder in `delete`."""

    def __init__(
        self,
        bucket: str,
        *,
        prefix: str = "",
        endpoint: str | None = None,
        presign_endpoint: str | None = None,
        region: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        presign: bool = True,
    ) -> None:
        """Speak to `endpoint` (None: Amazon); sign links for `presign_endpoint`, the name by which users reach it."""
        self.bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._endpoint = endpoint
        self._presign_endpoint = presign_endpoint or endpoint
        self._presign = presign
        self._account = {
            "region_name": region or "us-east-1",
            "aws_access_key_id": access_key,
            "aws_secret_access_key": secret_key,
        }

    @cached_property
    def client(self) -> S3Client:
        """The client, made at first use so that a forked child makes its own."""
        return self._client(self._endpoint)

    @cached_property
    def _signer(self) -> S3Client:
        return self._client(self._presign_endpoint)

    def create(self, key: str) -> S3Writer:
        """Start writing an object; parts of 8 MiB go out as they fill."""
        return S3Writer(self.client, self.bucket, self._full(key))

    def open(self, key: str, start: int = 0, end: int | None = None) -> BinaryIO:
        """A stream of the bytes [start, end) of an object. `KeyError` when absent."""
        check_range(start, end)
        if start == end or (start and start >= self.stat(key).size):  # S3 has no way to ask for no bytes
            self.stat(key)
            return io.BytesIO()
        options: Any = {"Range": f"bytes={start}-{'' if end is None else end - 1}"} if start or end is not None else {}
        with _absent_is_key_error(key):
            body = self.client.get_object(Bucket=self.bucket, Key=self._full(key), **options)["Body"]
        return cast(BinaryIO, io.BufferedReader(_Body(body), 1 << 18))

    def stat(self, key: str) -> ObjectStat:
        """Size, etag and time of an object. `KeyError` when absent."""
        with _absent_is_key_error(key):
            head = self.client.head_object(Bucket=self.bucket, Key=self._full(key))
        return ObjectStat(head["ContentLength"], head["ETag"].strip('"'), head["LastModified"])

    def delete(self, prefix: str) -> int:
        """Delete everything below 'folder/', or one object; how many there were."""
        full = self._prefix + check_prefix(prefix)
        if not prefix.endswith("/"):
            with contextlib.suppress(KeyError):
                self.stat(prefix)
                self.client.delete_object(Bucket=self.bucket, Key=full)
                return 1
            return 0
        count = 0
        for keys in self._listed(full):
            answer = self.client.delete_objects(Bucket=self.bucket, Delete={"Objects": keys, "Quiet": True})
            if refused := answer.get("Errors"):
                raise OSError(f"{len(refused)} objects could not be deleted, the first: {refused[0]}")
            count += len(keys)
        self._drop_unfinished(full)
        return count

    def copy(self, source: str, target: str) -> None:
        """A second object with the same bytes; they do not pass through this process."""
        with _absent_is_key_error(source), full_is_storage_full():
            # The managed transfer goes part by part where one request may not copy so much.
            self.client.copy({"Bucket": self.bucket, "Key": self._full(source)}, self.bucket, self._full(target))

    def folders(self, prefix: str) -> list[str]:
        """Names of the folders right below 'folder/'."""
        full = self._prefix + check_prefix(prefix)
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=full, Delimiter="/")
        found = [one["Prefix"][len(full) : -1] for page in pages for one in page.get("CommonPrefixes", [])]
        return sorted(name for name in found if is_key(name))

    def written(self, prefix: str) -> datetime | None:
        """When anything below 'folder/' was last written to, parts of unfinished uploads included."""
        full = self._prefix + check_prefix(prefix)
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=full)
        times = [one["LastModified"] for page in pages for one in page.get("Contents", [])]
        return max([*times, *(self._sent(upload) for upload in self._unfinished(full))], default=None)

    def drop_unfinished(self, prefix: str, before: datetime) -> int:
        """Abort the multipart uploads below 'folder/' that no part was sent to since a time; how many there were."""
        old = [one for one in self._unfinished(self._prefix + check_prefix(prefix)) if one["Initiated"] < before]
        return sum(self._abort(upload) for upload in old if self._sent(upload) < before)

    def presign(self, key: str, filename: str, seconds: int) -> str | None:
        """A URL from which anybody can download the object as `filename` for `seconds`."""
        full = self._full(key)
        if not self._presign:
            return None
        name = "".join(
            letter if letter.isascii() and letter.isprintable() and letter not in '"\\' else "_" for letter in filename
        )
        return self._signer.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self.bucket,
                "Key": full,
                "ResponseContentDisposition": f'attachment; filename="{name}"',
            },
            ExpiresIn=seconds,
        )

    def _full(self, key: str) -> str:
        return self._prefix + check_key(key)

    def _client(self, endpoint: str | None) -> S3Client:
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path" if endpoint else "auto"},
            retries={"max_attempts": 4, "mode": "standard"},
            # Stores other than Amazon's often refuse the checksum trailers that boto3 would add.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            max_pool_connections=32,
        )
        session = boto3.session.Session()
        client = session.client("s3", endpoint_url=endpoint, config=config, **cast(Any, self._account))
        client.meta.events.register("before-sign.s3.DeleteObjects", _add_md5)
        return client

    def _listed(self, full: str) -> Iterator[list[Any]]:
        """The keys below a prefix, a batch at a time."""
        pages = self.client.get_paginator("list_objects_v2")
        options = {"PageSize": _DELETE_BATCH}
        for page in pages.paginate(Bucket=self.bucket, Prefix=full, PaginationConfig=cast(Any, options)):
            if keys := [{"Key": item["Key"]} for item in page.get("Contents", [])]:
                yield keys

    def _drop_unfinished(self, full: str) -> None:
        """Abort multipart uploads below a prefix that a killed process left."""
        for upload in self._unfinished(full):
            self._abort(upload)

    def _unfinished(self, full: str) -> list[Any]:
        """Multipart uploads below a prefix that are neither complete nor aborted; not every store lists them."""
        found: list[Any] = []
        with contextlib.suppress(ClientError):
            for page in self.client.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket, Prefix=full):
                found += page.get("Uploads", [])
        return found

    def _sent(self, upload: Any) -> datetime:
        """When the last part of a multipart upload was sent; that of its begin, where there is none."""
        times: list[datetime] = [upload["Initiated"]]
        with contextlib.suppress(ClientError):  # it has ended since it was listed
            parts = self.client.get_paginator("list_parts")
            for page in parts.paginate(Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"]):
                times += [part["LastModified"] for part in page.get("Parts", [])]
        return max(times)

    def _abort(self, upload: Any) -> int:
        """Drop the parts of a multipart upload; 0 when it had ended by itself."""
        with contextlib.suppress(ClientError):
            self.client.abort_multipart_upload(Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"])
            return 1
        return 0


class _Body(io.RawIOBase):
    """The body of an answer as a raw stream; a broken connection is an `OSError`."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._body.read(len(buffer))
        except BotoCoreError as error:
            raise OSError(f"the connection to the object store broke: {error}") from error
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._body.close()
        super().close()


def _add_md5(request: Any, **_: Any) -> None:
    """Many stores still want the MD5 of a batch deletion, which newer boto3 no longer sends."""
    digest = hashlib.md5(request.data or b"", usedforsecurity=False).digest()
    request.headers["Content-MD5"] = base64.b64encode(digest).decode()


@contextlib.contextmanager
def _absent_is_key_error(key: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _ABSENT:
            raise KeyError(key) from error
        raise
