"""A stored file as an HTTP answer: whole or in part, conditional, streamed in pieces from any storage."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO
from urllib.parse import quote

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from api.conditional import Validators, not_modified, requested_range
from errors import Code, TesseraError
from jobs.storage import Storage

PIECE_BYTES = 1 << 18
# Long enough to start a download, short enough that a leaked link is soon worthless.
PRESIGN_SECONDS = 3600


@dataclass(frozen=True)
class Download:
    """A stored file to send.

    Attributes:
        key: storage key.
        name: file name for the client.
        size: bytes.
        sha256: of the content, in hex; its entity tag.
        modified: when it was stored.
        media_type: MIME type.
        inline: shown by a browser in place of being saved.
    """

    key: str
    name: str
    size: int
    sha256: str
    modified: datetime
    media_type: str
    inline: bool = False


async def send(request: Request, storage: Storage, file: Download, *, redirect: bool = True) -> Response:
    """Answer a GET or HEAD for a stored file.

    Args:
        request: with its conditions and range.
        storage: where the file is.
        file: what to send.
        redirect: send the client to storage itself where that can sign links.

    Raises:
        TesseraError: `range_not_satisfiable`, or `result_not_found` when storage has lost the file.
    """
    validators = Validators(f'"{file.sha256}"', file.modified, file.size)
    headers = {
        "ETag": validators.etag,
        "Last-Modified": validators.last_modified,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": content_disposition(file.name, inline=file.inline),
    }
    if not_modified(request.headers, validators):
        return Response(status_code=304, headers={k: v for k, v in headers.items() if k != "Content-Disposition"})
    if request.method == "HEAD":
        # Ranges belong to GET alone (RFC 9110, 14.2), and a signed link would be good for GET only.
        return _bodiless(file, headers)
    if redirect and (url := await to_thread.run_sync(storage.presign, file.key, file.name, PRESIGN_SECONDS)):
        return RedirectResponse(url, status_code=307, headers={"Cache-Control": "no-store"})
    part = requested_range(request.headers, validators)
    start, end = part or (0, file.size)
    try:
        stream = await to_thread.run_sync(storage.open, file.key, start, end)
    except KeyError as problem:
        raise TesseraError(Code.result_not_found, f"'{file.name}' is no longer in storage.") from problem
    headers["Content-Length"] = str(end - start)
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    status = 200 if part is None else 206
    return StreamingResponse(_pieces(stream), status_code=status, headers=headers, media_type=file.media_type)


def content_disposition(name: str, *, inline: bool = False) -> str:
    """Return the header's value with an ASCII name and, where that differs, the exact one (RFC 6266)."""
    kind = "inline" if inline else "attachment"
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    exact = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'{kind}; filename="{plain}"{exact}'


def _bodiless(file: Download, headers: dict[str, str]) -> Response:
    response = Response(headers=headers, media_type=file.media_type)
    response.headers["Content-Length"] = str(file.size)
    return response


async def _pieces(stream: BinaryIO) -> AsyncIterator[bytes]:
    """Read in threads, one piece at a time, so that a slow client holds a file open but no thread."""
    try:
        while piece := await to_thread.run_sync(stream.read, PIECE_BYTES):
            yield piece
    finally:
        stream.close()
