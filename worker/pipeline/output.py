"""What every run in one process shares: the format that a file's name asks for, and who hears of progress."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from errors import Code, TesseraError
from worker.pipeline.types import Format

StageProgress = Callable[[str, float], None]
"""Called with the stage's name and the fraction done of it."""


def output_format(out: Path) -> Format | None:
    """Format that a result's file name asks for; None for a folder.

    Raises:
        TesseraError: `invalid_field` for a name that promises something else.
    """
    if out.name.endswith(".bcf"):
        return "bcf"
    if out.name.endswith((".vcf.gz", ".vcf.bgz")):
        return "vcf.gz"
    if out.suffix in (".vcf", ".gz", ".bgz") and not out.is_dir():
        message = f"The result '{out.name}' cannot be written: its name must end in .vcf.gz or .bcf, or be a folder."
        raise TesseraError(Code.invalid_field, message, action="Give another name.", field="output")
    return None
