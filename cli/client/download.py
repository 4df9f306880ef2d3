"""Download of results: resumed by Range after any interruption, and checked against the server's sha256."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from cli.client.http import Client
from cli.client.models import Result
from cli.lazy import lazily
from errors import Code, TesseraError

if TYPE_CHECKING:
    import httpx
else:
    httpx = lazily("httpx")

ATTEMPTS = 5
PAUSE_S = 1.0  # before the first new attempt; doubles


def download(
    client: Client,
    job_id: str,
    result: Result,
    folder: Path,
    *,
    on_bytes: Callable[[int], None] = lambda count: None,
    pause_s: float = PAUSE_S,
) -> Path:
    """Fetch one result into `folder`; a complete file that is already there is not fetched again.

    The bytes go to `NAME.part`, which a later call continues; it gets its name only after the checksum fits.

    Args:
        client: connection to the server.
        job_id: the job.
        result: what to fetch.
        folder: where to; made when absent.
        on_bytes: called with bytes that became available (negative when a bad part is thrown away).
        pause_s: seconds to wait before trying again.

    Raises:
        TesseraError: `server_unreachable` after several broken connections; `corrupt_file` for a checksum wrong twice.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # The server's names are plain, but a client must not let any server write outside the folder.
    target = folder / Path(result.name).name
    if target.is_file() and target.stat().st_size == result.size and _sha256(target) == result.sha256:
        on_bytes(result.size)
        return target
    part = target.with_name(target.name + ".part")
    if part.exists():
        on_bytes(part.stat().st_size)
    for last in (False, True):
        _fetch(client, job_id, result, part, on_bytes, pause_s)
        if _sha256(part) == result.sha256:
            part.replace(target)
            return target
        on_bytes(-part.stat().st_size)
        part.unlink()
        if last:
            break
    raise TesseraError(
        Code.corrupt_file,
        f"{result.name} does not have the checksum that the server names.",
        action="Download it again; if that fails too, tell the server's operator.",
    )


def _fetch(
    client: Client, job_id: str, result: Result, part: Path, on_bytes: Callable[[int], None], pause_s: float
) -> None:
    """Bring `part` to full length, over several connections if they break."""
    part.touch()
    for attempt in range(ATTEMPTS):
        have = part.stat().st_size
        if have > result.size:
            on_bytes(-have)
            part.write_bytes(b"")
            have = 0
        if have == result.size:
            return
        try:
            _continue(client, job_id, result, part, have, on_bytes)
        except TesseraError as error:
            if error.code is not Code.server_unreachable or attempt == ATTEMPTS - 1:
                raise
            time.sleep(pause_s * 2**attempt)


def _continue(
    client: Client, job_id: str, result: Result, part: Path, have: int, on_bytes: Callable[[int], None]
) -> None:
    """Append what one connection brings."""
    path = f"/jobs/{quote(job_id, safe='')}/results/{quote(result.name, safe='')}"
    # No compression on the way: byte positions must be those of the file.
    headers = {"Accept": "*/*", "Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with client.stream(path, headers=headers) as response:
        if have and response.status_code != httpx.codes.PARTIAL_CONTENT:
            on_bytes(-have)
            have = 0
        with part.open("r+b") as file:
            file.seek(have)
            file.truncate()
            # Pieces as they come: collected ones would be lost when the connection breaks.
            for piece in response.iter_raw():
                file.write(piece)
                on_bytes(len(piece))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
