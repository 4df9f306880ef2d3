"""All SQL of the service. Methods work in the session they were given; only the edge of a request or task commits."""

from jobs.records import NewFile, NewJob, NewResult, NewWork, Progress, Renewal, SweepReport
from jobs.repository.repository import Repository
from jobs.tables import EventRow, JobFileRow, JobRow, ResultRow, WorkRow

__all__ = [
    "EventRow",
    "JobFileRow",
    "JobRow",
    "NewFile",
    "NewJob",
    "NewResult",
    "NewWork",
    "Progress",
    "Renewal",
    "Repository",
    "ResultRow",
    "SweepReport",
    "WorkRow",
]
