import pytest

from cli.exits import Exit, JobEnded, exit_of
from errors import Code, TesseraError


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TesseraError(Code.server_unreachable, "x"), Exit.unreachable),
        (TesseraError(Code.not_vcf, "x"), Exit.refused),
        (TesseraError(Code.setup_invalid, "x"), Exit.failed),
        (JobEnded(Code.internal, "x"), Exit.job_failed),
        (JobEnded(Code.not_vcf, "x"), Exit.job_failed),
    ],
)
def test_exit_status_of_errors(error: TesseraError, status: Exit) -> None:
    assert exit_of(error) is status
