"""Options that several commands share."""

from __future__ import annotations

from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.client.http import DEFAULT_SERVER
from errors import Code, TesseraError
from genotypes.effort import FAST, THOROUGH
from genotypes.mending import Mend, parse_mend


class SexSystem(StrEnum):
    """Who has one copy of a sex chromosome."""

    auto = "auto"
    xy = "XY"
    zw = "ZW"


Server = Annotated[
    str, typer.Option("--server", "-s", envvar="TESSERA_SERVER", metavar="URL", help="Address of the server.")
]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the server's JSON.")]
Mending = Annotated[
    str | None,
    typer.Option("--mend", metavar="LIST", help="What may be mended: all, none, or a list of " + ", ".join(Mend) + "."),
]
CallRate = Annotated[float | None, typer.Option(min=0, max=1, help="Lowest call rate of a site; 0: any. [0.9]")]
Hwe = Annotated[float | None, typer.Option(min=0, max=1, help="Lowest Hardy-Weinberg mid-p; 0: any. [1e-6]")]
AfDiff = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Largest difference from the frequency expected; 1: any. [0.4 or 0.3]"),
]


Population = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Whose allele frequencies to expect: auto (as the genotypes tell), all, or a population."
    ),
]


class Effort(Enum):
    """How much work to put into imputing from haplotypes."""

    fast = FAST
    thorough = THOROUGH


class SampleAction(Enum):
    """What becomes of samples that fail sample QC."""

    drop = "drop"
    flag = "flag"


EffortOption = Annotated[
    Effort, typer.Option(help="Of imputing from haplotypes: fast, or thorough, four times as slow and more accurate.")
]

Folder = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FOLDER", help="Where results go; default: a folder named JOB."),
]


def mend_option(text: str | None, command: str = "tessera impute") -> frozenset[Mend]:
    """What `--mend` allows.

    Raises:
        TesseraError: `invalid_field`.
    """
    try:
        return parse_mend(text or "all")
    except ValueError as error:
        raise TesseraError(Code.invalid_field, str(error), action=f"See '{command} --help'.", field="mend") from error


__all__ = [
    "DEFAULT_SERVER",
    "AfDiff",
    "AsJson",
    "CallRate",
    "Effort",
    "EffortOption",
    "Folder",
    "Hwe",
    "JobId",
    "Mending",
    "Population",
    "SampleAction",
    "Server",
    "mend_option",
]
