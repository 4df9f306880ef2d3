"""What the exit status of `tessera` says, so that scripts can tell a dead server from a bad file."""

from __future__ import annotations

from enum import IntEnum

from errors import Code, TesseraError


class Exit(IntEnum):
    """Exit status of every command."""

    ok = 0
    failed = 1  # the command could not do its work (disk full, port taken, a service that does not start)
    usage = 2  # wrong command line
    unreachable = 3  # no server answers
    refused = 4  # the server, or the offline pipeline, refuses the input
    job_failed = 5  # the job ended as failed, cancelled or expired
    interrupted = 130  # Ctrl-C


class JobEnded(TesseraError):
    """A job that was waited for ended otherwise than complete."""


def exit_of(error: TesseraError) -> Exit:
    """The exit status for an error."""
    if isinstance(error, JobEnded):
        return Exit.job_failed
    if error.code is Code.server_unreachable:
        return Exit.unreachable
    return Exit.refused if error.status < 500 else Exit.failed
