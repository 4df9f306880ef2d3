"""Watching jobs: one poller for all event streams, so that a thousand watchers share one thread and one session."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio
from anyio import to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from jobs.repository import EventRow

log = logging.getLogger("tessera.api")

POLL_SECONDS = 0.5
# The poller rests at least twice as long as it worked, however many jobs are watched.
REST_FACTOR = 2.0
# A stream that falls further behind than this many batches is ended; its client comes back with Last-Event-ID.
BACKLOG_BATCHES = 256


@dataclass(frozen=True)
class JobEvents:
    """What happened to a job since some event.

    Attributes:
        state: the job's state, read no later than the events.
        final: whether the state is final, so that no more events will come.
        events: in the order of their ids.
    """

    state: str
    final: bool
    events: Sequence[EventRow]


# From job ids and the last event id known of each to what came since; a job that is gone is left out.
Reader = Callable[[Mapping[str, int]], Mapping[str, JobEvents]]


@dataclass
class _Topic:
    """One watched job: the last event id that was passed on, and the streams it goes to."""

    position: int
    streams: list[MemoryObjectSendStream[JobEvents]] = field(default_factory=list)


class EventHub:
    """Passes new events of watched jobs from the database to any number of streams."""

    def __init__(self, read: Reader) -> None:
        """Use `read`, which blocks and is called in a thread, one call at a time."""
        self._read = read
        self._topics: dict[str, _Topic] = {}
        self._wanted = anyio.Event()
        self._closed = False
        # Of its own, so that neither downloads nor requests can hold the events up, nor the other way round.
        self._limiter = anyio.CapacityLimiter(2)

    async def run(self) -> None:
        """Poll for as long as there are watchers and wait when there are none; runs until cancelled."""
        while True:
            if not self._topics:
                self._wanted = anyio.Event()
                await self._wanted.wait()
            started = time.monotonic()
            try:
                await self._poll()
            except Exception:
                log.exception("events could not be read; trying again")
            worked = time.monotonic() - started
            await anyio.sleep(max(POLL_SECONDS, REST_FACTOR * worked))

    async def watch(self, job_id: str, after: int) -> AsyncIterator[JobEvents]:
        """Yield what happened to a job after event `after`, then what happens, until it has ended or is gone."""
        with self._subscribe(job_id, after) as incoming:
            # Read once by ourselves: the poller may be further on with this job than this watcher.
            past = await self._fetch({job_id: after})
            batch = past.get(job_id)
            while batch is not None:
                fresh = [event for event in batch.events if event.id > after]
                if fresh or batch.final:
                    yield JobEvents(batch.state, batch.final, fresh)
                if batch.final:
                    return
                after = fresh[-1].id if fresh else after
                try:
                    batch = await incoming.receive()
                except anyio.EndOfStream:
                    return

    def close(self) -> None:
        """End all streams, now and later ones, so that a server that stops need not wait for watchers."""
        self._closed = True
        for topic in self._topics.values():
            for stream in topic.streams:
                stream.close()

    async def _poll(self) -> None:
        positions = {job_id: topic.position for job_id, topic in self._topics.items()}
        news = await self._fetch(positions)
        for job_id in positions:
            topic = self._topics.get(job_id)
            if topic is None:
                continue
            batch = news.get(job_id)
            if batch is None:
                for stream in topic.streams:
                    stream.close()
            elif batch.events or batch.final:
                topic.position = batch.events[-1].id if batch.events else topic.position
                _pass_on(batch, topic.streams)

    async def _fetch(self, positions: Mapping[str, int]) -> Mapping[str, JobEvents]:
        return await to_thread.run_sync(self._read, positions, limiter=self._limiter)

    @contextmanager
    def _subscribe(self, job_id: str, after: int) -> Iterator[MemoryObjectReceiveStream[JobEvents]]:
        send, receive = anyio.create_memory_object_stream[JobEvents](BACKLOG_BATCHES)
        if self._closed:
            send.close()
        topic = self._topics.setdefault(job_id, _Topic(after))
        topic.streams.append(send)
        self._wanted.set()
        try:
            yield receive
        finally:
            topic.streams.remove(send)
            if not topic.streams:
                self._topics.pop(job_id, None)
            send.close()
            receive.close()


def _pass_on(batch: JobEvents, streams: Sequence[MemoryObjectSendStream[JobEvents]]) -> None:
    for stream in streams:
        try:
            stream.send_nowait(batch)
        except anyio.WouldBlock:
            stream.close()
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            continue
