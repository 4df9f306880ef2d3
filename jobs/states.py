"""The states of jobs and of their work rows, the stages in their order, and which changes are legal."""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    """Where a job is, as users see it."""

    queued = "queued"
    validating = "validating"
    running = "running"
    complete = "complete"
    failed = "failed"
    cancelled = "cancelled"
    expired = "expired"


class WorkState(StrEnum):
    """Where one row of work is."""

    pending = "pending"
    running = "running"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"


class StageName(StrEnum):
    """The stages of the pipeline in the order in which a job passes through them."""

    ingest = "ingest"
    harmonise = "harmonise"
    plan = "plan"
    impute = "impute"
    assemble = "assemble"
    report = "report"
    deliver = "deliver"

    @property
    def order(self) -> int:
        """Position in the pipeline, from 0."""
        return STAGE_ORDER.index(self)

    @property
    def job_state(self) -> JobState:
        """The state of a job while this stage works."""
        return JobState.validating if self.order <= StageName.plan.order else JobState.running


STAGE_ORDER: tuple[StageName, ...] = tuple(StageName)

ACTIVE_STATES = frozenset({JobState.queued, JobState.validating, JobState.running})
ENDED_STATES = frozenset({JobState.complete, JobState.failed, JobState.cancelled})
RESTARTABLE_STATES = frozenset({JobState.failed, JobState.cancelled})

TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.queued: frozenset({JobState.validating, JobState.running, JobState.failed, JobState.cancelled}),
    JobState.validating: frozenset({JobState.running, JobState.complete, JobState.failed, JobState.cancelled}),
    JobState.running: frozenset({JobState.complete, JobState.failed, JobState.cancelled}),
    JobState.complete: frozenset({JobState.expired}),
    JobState.failed: frozenset({JobState.queued, JobState.expired}),
    JobState.cancelled: frozenset({JobState.queued, JobState.expired}),
    JobState.expired: frozenset(),
}


def may_become(old: JobState, new: JobState) -> bool:
    """Whether a job in state `old` may go to state `new`."""
    return new in TRANSITIONS[old]
