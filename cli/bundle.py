"""`tessera bundle`: train, import, show and verify model bundles. Works on local files, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli.bundle_import import import_published
from cli.bundle_tables import show_manifest, show_tiles
from cli.bundle_train import train

app = typer.Typer(help="Train, import, show and verify model bundles.", no_args_is_help=True)
app.command("train")(train)
app.command("import")(import_published)


@app.command()
def show(bundle: Annotated[Path, typer.Argument(help="Bundle folder or .tar.", exists=True)]) -> None:
    """Print what a bundle holds: its facts, its tiles and its accuracy."""
    from models.dae.bundle import Bundle

    opened = Bundle.open(bundle)
    console = Console()
    show_manifest(opened.manifest, console)
    show_tiles(opened, console)


@app.command()
def verify(bundle: Annotated[Path, typer.Argument(help="Bundle folder or .tar.", exists=True)]) -> None:
    """Check every file of a bundle against its manifest."""
    from models.dae.bundle import Bundle

    opened = Bundle.open(bundle)
    opened.verify()
    Console().print(f"{opened.manifest.id}: {len(opened.manifest.files)} files, all as in the manifest.")
