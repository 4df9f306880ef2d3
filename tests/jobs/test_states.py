"""States, stages, ids and moments."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jobs.clock import SystemClock
from jobs.columns import UtcDateTime
from jobs.ids import is_job_id, new_job_id
from jobs.states import ACTIVE_STATES, ENDED_STATES, TRANSITIONS, JobState, StageName, may_become
from tests.support.database import FakeClock


def test_every_state_has_its_transitions_and_only_expired_is_final() -> None:
    assert set(TRANSITIONS) == set(JobState)
    assert [state for state in JobState if not TRANSITIONS[state]] == [JobState.expired]
    assert set(JobState) == ACTIVE_STATES | ENDED_STATES | {JobState.expired}
    assert not any(may_become(state, state) for state in JobState)


def test_stages_up_to_plan_validate() -> None:
    states = [stage.job_state for stage in sorted(StageName, key=lambda stage: stage.order)]
    assert states == [JobState.validating] * 3 + [JobState.running] * 4


def test_job_ids_sort_by_time_and_never_repeat() -> None:
    clock = FakeClock()
    ids = []
    for _ in range(20):
        ids.append(new_job_id(clock))
        clock.forward(0.002)
    assert ids == sorted(ids)
    assert len({new_job_id(clock) for _ in range(1000)}) == 1000
    assert all(is_job_id(job_id) and len(job_id) == 30 for job_id in ids)


@pytest.mark.parametrize("text", ["", "job_", "job_" + "0" * 25, "job_" + "u" * 26, "x" * 30, "job_" + "0" * 25 + "/"])
def test_other_text_is_no_job_id(text: str) -> None:
    assert not is_job_id(text)


def test_moments_must_be_aware() -> None:
    column = UtcDateTime()
    assert SystemClock().now().tzinfo is UTC
    with pytest.raises(ValueError, match="aware"):
        column.process_bind_param(datetime(2026, 1, 1), None)  # type: ignore[arg-type]
