"""Files to download."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from api.schemas.base import Answer


class Result(Answer):
    """One file of a job's results."""

    name: str = Field(examples=["chr20.dose.vcf.gz"])
    size: int = Field(description="bytes")
    sha256: str
    chromosome: str | None
    media_type: str
    expires_at: datetime | None
    href: str


class ResultList(Answer):
    """The results that there are so far; finished chromosomes come before the job is complete."""

    results: list[Result]
