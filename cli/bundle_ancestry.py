"""`tessera bundle ancestry`: a bundle gets a map of its training populations."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer

from cli.bundle_tables import show_manifest
from cli.plain import out
from errors import Code, TesseraError


def ancestry(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder.", exists=True, file_okay=False)],
    target: Annotated[Path, typer.Option("--out", help="Folder of the new bundle: the same with the map.")],
    panel: Annotated[
        list[Path],
        typer.Option(help="Phased VCF or BCF of the training people, one a chromosome.", exists=True),
    ],
    populations: Annotated[Path, typer.Option(help="Table with a header: sample id, population...", exists=True)],
    column: Annotated[str | None, typer.Option(help="Column of the population; the second by default.")] = None,
    axes: Annotated[int, typer.Option(help="Axes of the map.", min=2, max=50)] = 10,
) -> None:
    """Add a map of the training populations, on which sample QC places the people of a job.

    The map holds frequencies, loadings and the populations' means and covariances, no genotype of anybody. The new
    bundle has an id of its own; its other files are shared with the old one where the file system allows it.
    """
    from models.dae.ancestry import AncestryOptions, add_ancestry, read_populations

    if target.exists():
        raise TesseraError(Code.setup_invalid, f"{target} exists already; remove it or name another folder.")
    labels = read_populations(populations, column)
    half = target.with_name(f".{target.name}.part")
    shutil.rmtree(half, ignore_errors=True)
    try:
        # The manifest is written anew, so it must not be the old bundle's own file.
        shutil.copytree(bundle, half, copy_function=_link)
        manifest = add_ancestry(half, panel, labels, AncestryOptions(axes=axes))
        half.rename(target)
    finally:
        shutil.rmtree(half, ignore_errors=True)
    show_manifest(manifest, out)


def _link(source: str, target: str) -> None:
    """Share a file of weights or sites; copy what may be written, and where links do not work."""
    if Path(source).suffix in (".json",) or Path(source).name == "ancestry.safetensors":
        shutil.copy2(source, target)
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
