"""A lease is renewed while work goes on, and tells when the work no longer counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from jobs.records import Renewal
from worker.lease import Lease, LeaseLost, WorkCancelled, WorkerStopping, renewal_period

PATIENCE_S = 10.0


class Script:
    """Answers renewals from a list, the last one for ever; `asked` is set at the n-th."""

    def __init__(self, *answers: Renewal | Exception, until: int) -> None:
        self.answers = answers
        self.fractions: list[float | None] = []
        self.asked = threading.Event()
        self.until = until

    def __call__(self, fraction: float | None) -> Renewal:
        answer = self.answers[min(len(self.fractions), len(self.answers) - 1)]
        self.fractions.append(fraction)
        if len(self.fractions) >= self.until:
            self.asked.set()
        if isinstance(answer, Exception):
            raise answer
        return answer


def check_for_ever(lease: Lease) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        lease.check()
        time.sleep(0.01)


def wait_until_raised(lease: Lease, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_for_ever(lease)


def test_renewed_once_a_second_or_three_times_a_lease() -> None:
    assert renewal_period(60) == 1
    assert renewal_period(3) == 1
    assert renewal_period(1.5) == 0.5


def test_renews_with_the_progress_and_outlives_its_first_term() -> None:
    script = Script(Renewal.ok, until=6)
    with Lease(script, 0.3) as lease:
        lease.progress(0.25)
        assert script.asked.wait(PATIENCE_S)
        lease.check()
    # Told once; None renews the lease alone, which costs the database less.
    assert [one for one in script.fractions if one is not None] in ([0.25], [0.0, 0.25])
    assert script.fractions[-1] is None
    assert "lease" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(("answer", "error"), [(Renewal.cancelled, WorkCancelled), (Renewal.lost, LeaseLost)])
def test_what_the_database_says_ends_the_work(answer: Renewal, error: type[Exception]) -> None:
    with Lease(Script(Renewal.ok, answer, until=2), 0.3) as lease:
        wait_until_raised(lease, error)


def test_trouble_is_forgiven_while_the_lease_lasts() -> None:
    script = Script(OSError("away"), Renewal.ok, until=4)
    with Lease(script, 1.0) as lease:
        assert script.asked.wait(PATIENCE_S)
        lease.check()


def test_lost_when_the_database_stays_away() -> None:
    with Lease(Script(OSError("away"), until=1), 0.3) as lease:
        wait_until_raised(lease, LeaseLost)


def test_stopping_worker_ends_the_work() -> None:
    stopping: list[bool] = []
    check: Callable[[], bool] = lambda: bool(stopping)  # noqa: E731
    with Lease(Script(Renewal.ok, until=1), 30, check) as lease:
        lease.check()
        stopping.append(True)
        with pytest.raises(WorkerStopping):
            lease.check()
