"""Logging of a worker: every line written while a row is at work names the job and the row."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from celery.exceptions import CPendingDeprecationWarning, SecurityWarning

_FORMAT = "%(asctime)s %(levelname)s %(process)d %(name)s%(work)s: %(message)s"
_QUIET = ("celery", "kombu", "botocore", "boto3", "s3transfer", "alembic")

_work: ContextVar[str] = ContextVar("work", default="")


class _WorkFilter(logging.Filter):
    """Adds the row at work to each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Set `record.work`; let every record pass."""
        record.work = _work.get()
        return True


@contextmanager
def working_on(job_id: str, work_id: int, stage: str, index: int, attempt: int) -> Iterator[None]:
    """Name the row in every log line of this thread while the block runs."""
    token = _work.set(f" [{job_id} work {work_id} {stage}/{index} attempt {attempt}]")
    try:
        yield
    finally:
        _work.reset(token)


def set_up_logging(level: str) -> None:
    """Log to standard error; Celery, its transport and the libraries only from warnings on."""
    handler = logging.StreamHandler()
    handler.addFilter(_WorkFilter())
    logging.basicConfig(level=level.upper(), format=_FORMAT, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Root is harmless as messages are JSON, never pickles; acknowledging on receipt is a choice, not an oversight.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)
