"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.client.http import DEFAULT_SERVER

Server = Annotated[
    str, typer.Option("--server", "-s", envvar="TESSERA_SERVER", metavar="URL", help="Address of the server.")
]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the server's JSON.")]
Folder = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FOLDER", help="Where results go; default: a folder named JOB."),
]

__all__ = ["DEFAULT_SERVER", "AsJson", "Folder", "JobId", "Server"]
