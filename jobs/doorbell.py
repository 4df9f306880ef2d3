"""The doorbell: messages that tell workers to look into the database. They carry the queue's name and nothing else."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any, cast

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from jobs.settings import Settings

TASK = "tessera.work"
TRAIN_TASK = "tessera.train"
QUEUES = ("cpu", "gpu")
_TIMEOUT_S = 3.0
_UNREACHABLE = (OperationalError, RedisError, OSError)

log = logging.getLogger(__name__)


def ring(settings: Settings, queue: str, n: int = 1) -> int:
    """Ring `n` times for the workers of a queue; how many messages went out.

    A broker that is down is logged and forgiven: the work is in the database, and the sweeper rings again.
    """
    return _send(settings, TASK, queue, queue, n)


def ring_training(settings: Settings, queue: str, folder: str, n: int) -> int:
    """Ring `n` times for the tiles of a training's work folder; how many messages went out."""
    return _send(settings, TRAIN_TASK, folder, queue, n)


def _send(settings: Settings, task: str, argument: str, queue: str, n: int) -> int:
    sent = 0
    try:
        app = _app(settings.broker.url)
        with app.producer_pool.acquire(block=True, timeout=_TIMEOUT_S) as producer:
            for _ in range(n):
                app.send_task(task, args=[argument], queue=queue, producer=producer, retry=False, ignore_result=True)
                sent += 1
    except _UNREACHABLE as error:
        log.warning("the broker is not reachable, work in queue %s waits until it rings again: %s", queue, error)
    return sent


def backlog(settings: Settings, queue: str) -> int | None:
    """Messages that wait in a queue, or None when the broker is not reachable."""
    try:
        with _app(settings.broker.url).connection_for_read() as connection, connection.channel() as channel:
            return int(cast(Any, channel)._size(queue))
    except _UNREACHABLE as error:
        log.warning("the broker is not reachable: %s", error)
        return None


@lru_cache(maxsize=8)
def _app(url: str) -> Celery:
    """A bare Celery application that can only send."""
    app = Celery("tessera-doorbell", broker=url, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        broker_connection_timeout=_TIMEOUT_S,
        broker_transport_options={
            "socket_connect_timeout": _TIMEOUT_S,
            "socket_timeout": _TIMEOUT_S,
            "max_retries": 1,
            "interval_start": 0,  # nobody shall wait for a broker that is down
        },
    )
    return app
