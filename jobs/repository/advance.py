"""How far a job is and how long it still takes, from its work rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, case, distinct, func, or_, select

from jobs.records import Progress
from jobs.repository.base import RepositoryBase, snapshot
from jobs.states import ACTIVE_STATES, STAGE_ORDER, JobState, StageName, WorkState
from jobs.tables import JobRow, WorkRow

_EVENT_STEP = 0.001  # smaller steps of progress are not worth an event

_UNDER_WAY = 0.02  # progress from which a running chunk tells how long such chunks take

# Share of a job's time that each stage takes; only rough, as imputation dwarfs the others.
_IMPUTE_WEIGHTS = {
    StageName.ingest: 0.05,
    StageName.harmonise: 0.04,
    StageName.plan: 0.01,
    StageName.impute: 0.80,
    StageName.assemble: 0.07,
    StageName.report: 0.01,
    StageName.deliver: 0.02,
}
_QC_WEIGHTS = {StageName.ingest: 0.55, StageName.harmonise: 0.40, StageName.report: 0.03, StageName.deliver: 0.02}


@dataclass(frozen=True, slots=True)
class Tally:
    """The work rows of one stage, added up."""

    rows: int = 0
    unfinished: int = 0  # pending or running
    done_rows: int = 0
    done: float = 0.0  # rows, running ones in part
    cost: float = 0.0
    cost_done: float = 0.0  # running rows in part
    cost_finished: float = 0.0  # finished rows only
    seconds: float = 0.0  # of the finished rows
    chromosomes: int = 0


def shares(tallies: Mapping[StageName, Tally]) -> dict[StageName, float]:
    """How much of each stage is done, 0-1."""
    found = dict.fromkeys(STAGE_ORDER, 0.0)
    chromosomes = tallies.get(StageName.impute, Tally()).chromosomes
    for stage, tally in tallies.items():
        if stage is StageName.impute:
            found[stage] = tally.cost_done / tally.cost if tally.cost else 0.0
        else:
            # Rows of assemble appear one by one as chromosomes get ready; their number is known before.
            expected = max(tally.rows, chromosomes) if stage is StageName.assemble else tally.rows
            found[stage] = tally.done / expected if expected else 0.0
    return found


class Advance(RepositoryBase):
    """Progress and time left."""

    def progress(self, job_id: str) -> Progress:
        """Stage, fraction, seconds left and chunk counts of a job."""
        job = self.get_job(job_id)
        return self._progress(job, self._tallies(job_id))

    def _progress(self, job: JobRow, tallies: Mapping[StageName, Tally]) -> Progress:
        impute = tallies.get(StageName.impute, Tally())
        return Progress(
            stage=job.stage,
            fraction=job.progress,
            eta_s=self._eta(job, tallies) if job.state in ACTIVE_STATES else None,
            chunks_done=impute.done_rows,
            chunks_total=impute.rows,
            chunk_seconds=impute.seconds / impute.done_rows if impute.done_rows else None,
        )

    def _refresh(self, job: JobRow) -> None:
        """Bring stage and progress of a locked job up to date with its rows; an event for each change."""
        tallies = self._tallies(job.id)
        unfinished = [stage for stage in STAGE_ORDER if tallies.get(stage, Tally()).unfinished]
        kinds = []
        if unfinished and unfinished[0] is not job.stage:
            job.stage = unfinished[0]
            kinds.append("stage")
        weights = _weights(job)
        fraction = sum(weights.get(stage, 0.0) * share for stage, share in shares(tallies).items())
        if fraction >= job.progress + _EVENT_STEP:
            job.progress = min(fraction, 1.0)
            kinds.append("progress")
        if kinds:
            eta = self._eta(job, tallies)
            for kind in kinds:
                self._event(job.id, kind, snapshot(job, eta))

    def _eta(self, job: JobRow, tallies: Mapping[StageName, Tally]) -> float | None:
        """Seconds left: the pace of chunks so far over the workers at it, and other stages by their usual share."""
        impute = tallies.get(StageName.impute, Tally())
        weights = _weights(job)
        if job.state is JobState.queued or not impute.rows:
            return None
        chunk_seconds = impute.seconds / impute.done_rows if impute.done_rows else 0.0
        cost, spent = self._running(job.id)
        cost, spent = cost + impute.cost_finished, spent + impute.seconds
        if not cost:
            return None
        impute_seconds = impute.cost * spent / cost / max(1, self._workers(job.id, chunk_seconds))
        done = shares(tallies)
        left = sum(weight * (1 - done[stage]) for stage, weight in weights.items() if stage.order >= job.stage.order)
        return round(impute_seconds * left / weights[StageName.impute], 1)

    def _running(self, job_id: str) -> tuple[float, float]:
        """Cost that running chunks have behind them, and the seconds that it took; of those that are well under way."""
        query = select(WorkRow.cost, WorkRow.progress, WorkRow.started_at).where(
            WorkRow.job_id == job_id, WorkRow.stage == StageName.impute, WorkRow.state == WorkState.running
        )
        now, cost, seconds = self.now(), 0.0, 0.0
        for whole, progress, started in self.session.execute(query):
            if progress >= _UNDER_WAY and started is not None:
                cost, seconds = cost + whole * progress, seconds + (now - started).total_seconds()
        return cost, seconds

    def _workers(self, job_id: str, chunk_seconds: float) -> int:
        """Workers that are at this job, or were a moment ago and stand between two of its rows."""
        just_now = self.now() - timedelta(seconds=chunk_seconds)
        at_it = or_(
            WorkRow.state == WorkState.running,
            and_(WorkRow.state == WorkState.done, WorkRow.finished_at >= just_now),
        )
        query = select(func.count(distinct(WorkRow.worker))).where(
            WorkRow.job_id == job_id, WorkRow.stage == StageName.impute, at_it
        )
        return self.session.execute(query).scalar_one()

    def _tallies(self, job_id: str) -> dict[StageName, Tally]:
        done = WorkRow.state == WorkState.done
        share = case((done, 1.0), (WorkRow.state == WorkState.running, WorkRow.progress), else_=0.0)
        query = (
            select(
                WorkRow.stage,
                func.count(),
                func.sum(case((WorkRow.state.in_([WorkState.pending, WorkState.running]), 1), else_=0)),
                func.sum(case((done, 1), else_=0)),
                func.sum(share),
                func.sum(WorkRow.cost),
                func.sum(share * WorkRow.cost),
                func.sum(case((done, WorkRow.cost), else_=0.0)),
                func.sum(case((done, func.coalesce(WorkRow.seconds, 0.0)), else_=0.0)),
                func.count(distinct(WorkRow.chromosome)),
            )
            .where(WorkRow.job_id == job_id)
            .group_by(WorkRow.stage)
        )
        return {row[0]: Tally(*row[1:]) for row in self.session.execute(query)}


def _weights(job: JobRow) -> dict[StageName, float]:
    return _QC_WEIGHTS if job.mode == "qc" else _IMPUTE_WEIGHTS
