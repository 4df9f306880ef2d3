"""Job ids: time-sortable and unguessable, because an id is what lets its holder read the job."""

from __future__ import annotations

import secrets

from jobs.clock import Clock

JOB_PREFIX = "job_"
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32 sorts as the numbers do
_RANDOM_BITS = 80


def new_job_id(clock: Clock) -> str:
    """A fresh id: `job_` and 26 characters, 48 bits of milliseconds then 80 random bits."""
    milliseconds = int(clock.now().timestamp() * 1000)
    number = (milliseconds << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
    return JOB_PREFIX + "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -5, -5))


def is_job_id(text: str) -> bool:
    """Whether `text` has the form of a job id."""
    body = text.removeprefix(JOB_PREFIX)
    return text.startswith(JOB_PREFIX) and len(body) == 26 and all(letter in _ALPHABET for letter in body)
