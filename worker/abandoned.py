"""What processes that were killed in the middle of an upload have left in storage, and no job will ever own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from jobs.repository.lifecycle import job_prefix
from jobs.storage import Storage

logger = logging.getLogger(__name__)

JOBS: Final = "jobs/"
UPLOADS: Final = "uploads"


def drop_abandoned(storage: Storage, is_job: Callable[[str], bool], before: datetime) -> int:
    """Drop unfinished objects, and finished files of uploads that never became a job.

    A folder without a job is left alone where it holds anything but uploads: it was a job of some database, perhaps
    of one that shares this storage.

    Args:
        storage: where they are.
        is_job: whether there is a job of an id, in whatever state.
        before: what was written to since is left: its upload may be under way.

    Returns:
        How many objects were dropped.
    """
    count = storage.drop_unfinished(JOBS, before)
    for name in storage.folders(JOBS):
        prefix = job_prefix(name)
        if is_job(name) or storage.folders(prefix) != [UPLOADS]:
            continue
        latest = storage.written(prefix)
        if latest is not None and latest < before:
            count += storage.delete(prefix)
            logger.info("abandoned: %s", prefix)
    return count
