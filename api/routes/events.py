"""`GET /jobs/{id}/events`: server-sent events of a job."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.exceptions import HTTPException

from api.deps import ServicesDep
from api.openapi import problems
from api.services import FINAL_STATES
from api.watch import JobEvents

router = APIRouter(tags=["jobs"])

RETRY_MS = 2000
_EVENT_ID = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True)
class _Start:
    """A stream to open: the job, and the last event id that the client has."""

    job_id: str
    after: int


def _start(
    job_id: str,
    services: ServicesDep,
    last_event_id: Annotated[str | None, Header(description="continue after this event")] = None,
) -> _Start:
    """Settle what must be known before the stream begins, in a session of its own that ends here."""
    # An id that is not ours (an older server's, a proxy's) means: from the beginning.
    after = int(last_event_id) if last_event_id is not None and _EVENT_ID.fullmatch(last_event_id) else 0
    with services.reading() as repository:
        ended = repository.get_job(job_id).state in FINAL_STATES
        if last_event_id is not None and ended and not repository.events_after(job_id, after, 1):
            # A browser reconnects for ever unless it is told that nothing more will come.
            raise HTTPException(204)
    return _Start(job_id, after)


@router.get(
    "/jobs/{job_id}/events",
    response_class=EventSourceResponse,
    summary="Follow a job",
    responses={204: {"description": "The job has ended and the client has all its events."}, **problems(404)},
)
async def follow_job(
    start: Annotated[_Start, Depends(_start)], services: ServicesDep
) -> AsyncIterator[ServerSentEvent]:
    """Stream what has happened to a job and what happens, until its state is final.

    `event` is one of state, stage, progress, qc, result and error; `data` is JSON; `id` can be given back as
    Last-Event-ID. A comment every 15 s keeps the connection open.
    """
    services.metrics.watchers.inc()
    try:
        async for batch in services.hub.watch(start.job_id, start.after):
            for event in _messages(batch):
                yield event
    finally:
        services.metrics.watchers.dec()


def _messages(batch: JobEvents) -> list[ServerSentEvent]:
    """Events of one batch; a final state is said even when its event went to an earlier stream."""
    messages = [
        ServerSentEvent(id=str(row.id), event=row.kind, data=row.data, retry=RETRY_MS if index == 0 else None)
        for index, row in enumerate(batch.events)
    ]
    if batch.final and not any(row.kind == "state" for row in batch.events):
        messages.append(ServerSentEvent(event="state", data={"state": batch.state}))
    return messages
