"""A claimed row's lease: renewed by a thread while the stage works, asked often whether the work still counts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType

from jobs.records import Renewal

logger = logging.getLogger(__name__)


class LeaseEnded(Exception):
    """The row is no longer this worker's: what it made is to be thrown away without a word in the database."""


class LeaseLost(LeaseEnded):
    """The lease ran out or the row went to another worker."""


class WorkCancelled(LeaseEnded):
    """The job was cancelled, deleted or failed elsewhere."""


class WorkerStopping(LeaseEnded):
    """This worker was asked to stop: the row goes back to the queue."""


def renewal_period(seconds: float) -> float:
    """Seconds between two renewals of a lease of `seconds`: one, for progress to move and cancelled work to end."""
    return min(1.0, seconds / 3)


class Lease:
    """Holds a row while a `with` block works on it.

    A thread calls `renew` about once a second. A renewal that fails (database away) is tried again until the lease
    would have run out by this machine's clock: from then on another worker may have the row, so it counts as lost.
    """

    def __init__(
        self, renew: Callable[[float | None], Renewal], seconds: float, stopping: Callable[[], bool] = lambda: False
    ) -> None:
        """Prepare a lease of `seconds` that was just claimed.

        `renew` gets the fraction done (0-1), None where that has not changed, and opens and ends a transaction of its
        own; `stopping` tells that the worker shall stop.
        """
        self._renew = renew
        self._stopping = stopping
        self._fraction = 0.0
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._stop = threading.Event()
        self._verdict = Renewal.ok
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def __enter__(self) -> Lease:
        """Start renewing."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop renewing; the row itself is left as it is."""
        self._stop.set()
        self._thread.join()

    def check(self) -> None:
        """Return at once while the row is still held.

        Raises:
            WorkCancelled: the job was cancelled.
            LeaseLost: the lease ran out or went to another worker.
            WorkerStopping: the worker shall stop.
        """
        if self._verdict is Renewal.cancelled:
            raise WorkCancelled("the job was cancelled")
        if self._verdict is Renewal.lost or time.monotonic() >= self._until:
            raise LeaseLost("the lease was lost")
        if self._stopping():
            raise WorkerStopping("the worker stops")

    def progress(self, fraction: float) -> None:
        """A stage's progress call; goes into the database with the next renewal. Raises what `check` raises."""
        self._fraction = fraction
        self.check()

    def _run(self) -> None:
        """Renew until stopped or told that the row is gone."""
        told: float | None = None
        while not self._stop.wait(renewal_period(self._seconds)):
            asked = time.monotonic()
            try:
                fraction = self._fraction
                verdict = self._renew(None if fraction == told else fraction)
            except Exception as error:  # any database trouble: the deadline decides, not the kind of error
                logger.warning("lease not renewed, trying again: %s", error)
                continue
            if verdict is not Renewal.ok:
                self._verdict = verdict
                return
            self._until, told = asked + self._seconds, fraction
