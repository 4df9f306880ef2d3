"""Interleavings that only a database with row locks allows, played step by step on two connections."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from jobs.database import session_factory
from jobs.records import Renewal, SweepReport
from jobs.repository import Repository
from jobs.states import WorkState
from jobs.tables import JobRow
from tests.jobs.conftest import OpenRepository
from tests.support.database import FakeClock
from tests.support.jobs import LEASE_S, WORKER, add_job, claimed, done, job_at_impute

pytestmark = [pytest.mark.postgres, pytest.mark.parametrize("database_url", ["postgres"], indirect=True)]


def test_lease_renewed_while_the_sweeper_looks_is_kept(
    engine: Engine, opened: OpenRepository, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened() as repository:
        job_id = add_job(repository).id
        row = claimed(repository)
    clock.forward(LEASE_S + 1)
    with session_factory(engine).begin() as session:
        sweeper = Repository(session, clock)
        lock = sweeper._try_lock

        def renew_first(job_id: str) -> JobRow | None:
            with opened() as holder:
                assert holder.renew(row.id, row.attempt, WORKER, LEASE_S) is Renewal.ok
            return lock(job_id)

        monkeypatch.setattr(sweeper, "_try_lock", renew_first)
        assert sweeper.sweep(3) == SweepReport()
    with opened() as repository:
        assert repository.work_rows(job_id)[0].state is WorkState.running


def test_claim_lets_go_of_a_job_that_others_emptied(
    engine: Engine, opened: OpenRepository, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened() as repository:
        emptied = job_at_impute(repository, 0).id
        other = add_job(repository).id
    with session_factory(engine).begin() as session:
        claimer = Repository(session, clock)
        turns = iter([emptied, other])
        monkeypatch.setattr(claimer, "_next_job", lambda _: next(turns))
        assert claimed(claimer).job_id == other
        with opened() as beside:
            beside.session.execute(text("SET LOCAL lock_timeout = '2s'"))
            assert beside.lock_job(emptied).id == emptied


def test_decision_under_the_lock_sees_what_was_committed_while_waiting(engine: Engine, opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 2).id
        first, second = claimed(repository, "one"), claimed(repository, "two")
    with session_factory(engine).begin() as session:
        late = Repository(session)
        before = late.work_rows(job_id)  # kept, so that the session knows these rows as they were
        assert [row.state for row in before[1:]] == [WorkState.running] * 2
        with opened() as repository:
            done(repository, first)
        done(late, second)
        assert [row.state for row in late.work_rows(job_id)] == [WorkState.done] * 3
