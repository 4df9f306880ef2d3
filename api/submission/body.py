"""The request's body from the event loop to the receiver's thread, in pieces, never further than one piece ahead."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable

import anyio
from anyio import to_thread

from api.submission.fields import JobFields
from api.submission.receiver import UploadReceiver
from errors import TesseraError
from jobs.records import NewFile

# Large enough that the hop to a thread costs nothing, small enough that many uploads at once stay small.
PIECE_BYTES = 1 << 20
# A client that is still sending when it is refused often loses the answer; reading on for a while lets it arrive.
LINGER_SECONDS = 10.0


async def receive_body(
    stream: AsyncIterator[bytes],
    receiver: UploadReceiver,
    limiter: anyio.CapacityLimiter,
    count: Callable[[int], None],
) -> tuple[JobFields, list[NewFile]]:
    """Pass a body to the receiver and return what it holds.

    Args:
        stream: the body's pieces as the server delivers them.
        receiver: takes the bytes, in a thread.
        limiter: bounds the threads that uploads may take.
        count: called with the number of bytes of each piece, for metrics.

    Returns:
        The checked fields and the stored files.

    Raises:
        TesseraError: what the receiver refuses. Nothing is left in storage then, nor when the client goes away.
    """
    try:
        try:
            async for piece in _pieces(stream):
                count(len(piece))
                await to_thread.run_sync(receiver.feed, piece, limiter=limiter)
            return await to_thread.run_sync(receiver.finish, limiter=limiter)
        except TesseraError:
            await _linger(stream)
            raise
    except BaseException:
        # Shielded: when the server stops or the client is gone, storage must still be cleared.
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(receiver.abort, limiter=limiter)
        raise


async def _pieces(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    waiting = bytearray()
    async for chunk in stream:
        waiting += chunk
        if len(waiting) >= PIECE_BYTES:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


async def _linger(stream: AsyncIterator[bytes]) -> None:
    """Read the rest of a refused body and drop it, for a bounded time."""
    ends = time.monotonic() + LINGER_SECONDS
    with anyio.move_on_after(LINGER_SECONDS):
        async for _ in stream:
            if time.monotonic() > ends:
                break
