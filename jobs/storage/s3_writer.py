"""Writing one S3 object: a plain PUT when small, parts of 8 MiB when not."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from errors import Code, TesseraError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART_BYTES = 8 << 20
MAX_PARTS = 10_000  # S3's own limit
_FULL = frozenset({"InsufficientStorage", "QuotaExceeded", "XMinioStorageFull", "507"})


class S3Writer:
    """An object on its way in; see `protocol.Writer`. Parts grow with the object: 5 TB fit in 10,000 of them."""

    def __init__(self, client: S3Client, bucket: str, key: str) -> None:
        """Write to `key` of `bucket`; nothing is sent yet."""
        self._client = client
        self._target: Any = {"Bucket": bucket, "Key": key}
        self._buffer = bytearray()
        self._upload: str | None = None
        self._parts: list[Any] = []
        self._committed = False

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop what was written unless it was committed."""
        if not self._committed and self._upload is not None:
            with contextlib.suppress(ClientError, BotoCoreError):  # the first error is the one to show
                self._client.abort_multipart_upload(**self._target, UploadId=self._upload)

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Add bytes at the end; their number. Sends each part that has filled."""
        view = memoryview(data).cast("B")
        taken = 0
        while taken < len(view):
            room = self._part_bytes - len(self._buffer)
            self._buffer += view[taken : taken + room]
            taken += room
            if len(self._buffer) >= self._part_bytes:
                self._send_part()
        return len(view)

    def commit(self) -> None:
        """Make the object visible."""
        with full_is_storage_full():
            if self._upload is None:
                self._client.put_object(**self._target, Body=bytes(self._buffer))
            else:
                if self._buffer:
                    self._send_part()
                self._client.complete_multipart_upload(
                    **self._target, UploadId=self._upload, MultipartUpload={"Parts": self._parts}
                )
        self._buffer.clear()
        self._committed = True

    @property
    def _part_bytes(self) -> int:
        """8 MiB for the first 1,000 parts (8 GiB), then 8 MiB more for every further 1,000."""
        return PART_BYTES * (1 + len(self._parts) // (MAX_PARTS // 10))

    def _send_part(self) -> None:
        with full_is_storage_full():
            if self._upload is None:
                self._upload = self._client.create_multipart_upload(**self._target)["UploadId"]
            number = len(self._parts) + 1
            answer = self._client.upload_part(
                **self._target, UploadId=self._upload, PartNumber=number, Body=bytes(self._buffer)
            )
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        self._buffer.clear()


@contextlib.contextmanager
def full_is_storage_full() -> Iterator[None]:
    """Turn a store's refusal for lack of room into `storage_full`."""
    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _FULL:
            raise TesseraError(Code.storage_full, "The server has no room left for the file.") from error
        raise
