"""`tessera bundle`: train, import, show, change and verify model bundles. Works on local files, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli.bundle_ancestry import ancestry
from cli.bundle_change import adapt, compress, privacy
from cli.bundle_import import import_published
from cli.bundle_show import show
from cli.bundle_train import train

app = typer.Typer(help="Train, import, show and verify model bundles.", no_args_is_help=True)
app.command("train")(train)
app.command("import")(import_published)
app.command("show")(show)
app.command("compress")(compress)
app.command("adapt")(adapt)
app.command("privacy")(privacy)
app.command("ancestry")(ancestry)


@app.command()
def verify(bundle: Annotated[Path, typer.Argument(help="Bundle folder or .tar.", exists=True)]) -> None:
    """Check every file of a bundle against its manifest."""
    from models.bundle_folder import BundleFolder

    opened = BundleFolder.open(bundle)
    opened.verify()
    Console().print(f"{opened.manifest.id}: {len(opened.manifest.files)} files, all as in the manifest.")
