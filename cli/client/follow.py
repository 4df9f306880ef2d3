"""Follow a job to its end: the job's JSON is the truth, an event only says that it is worth looking again."""

from __future__ import annotations

import time
from collections.abc import Callable

from cli.client.http import Client
from cli.client.models import Job
from errors import Code, TesseraError

PATIENCE_S = 120.0  # a server that is being restarted is waited for
SHORTEST_S = 0.2  # between two looks, since a stream that is taken up late brings many old events at once


def follow(
    client: Client,
    job_id: str,
    on_change: Callable[[Job], None],
    *,
    patience_s: float = PATIENCE_S,
    pause_s: float = 1.0,
    stopped: Callable[[], bool] = lambda: False,
) -> Job:
    """Call `on_change` with the job's state again and again until it has ended; give the last state.

    Args:
        client: connection to the server.
        job_id: the job.
        on_change: called at the start and after every event.
        patience_s: how long a silent server is borne, in seconds.
        pause_s: seconds between two attempts to reach the event stream.
        stopped: asked between events; true ends the waiting early.

    Raises:
        TesseraError: `server_unreachable` when the server stays silent for longer than `patience_s`; its refusals.
    """
    last_id: str | None = None
    silent_since: float | None = None
    looked = 0.0
    while True:
        try:
            job = client.job(job_id)
            silent_since = None
            on_change(job)
            if job.ended or stopped():
                return job
            for event in client.events(job_id, last_id):
                last_id = event.id or last_id
                if event.kind != "state" and time.monotonic() - looked < SHORTEST_S:
                    continue
                looked = time.monotonic()
                job = client.job(job_id)
                on_change(job)
                if job.ended or stopped():
                    return job
        except TesseraError as error:
            if error.code is not Code.server_unreachable:
                raise
            now = time.monotonic()
            silent_since = silent_since if silent_since is not None else now
            if stopped() or now - silent_since >= patience_s:
                raise
        time.sleep(pause_s)
