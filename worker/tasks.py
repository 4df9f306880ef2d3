"""The one task. A message says "look into the database"; it carries a queue's name and nothing of the work itself."""

from __future__ import annotations

import logging

from celery import shared_task

from jobs.doorbell import TASK
from worker.process import executor, is_stopping

logger = logging.getLogger(__name__)


@shared_task(name=TASK, ignore_result=True)
def work(queue: str) -> None:
    """Claim the next row of `queue` and work on it; do nothing when there is none.

    An error that gets here (database or broker away) leaves the row to its lease: the sweeper frees it and rings again.
    """
    if is_stopping():
        return
    try:
        executor().run_next(queue)
    except Exception:
        logger.exception("a doorbell of queue %s was not answered", queue)
