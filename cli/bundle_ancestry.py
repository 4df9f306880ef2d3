"""`tessera bundle ancestry`: a bundle gets frequencies by population and a map of its training people."""

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
    populations: Annotated[
        Path | None,
        typer.Option(
            help="Table with a header: sample id, population, larger population. Without it: clusters.", exists=True
        ),
    ] = None,
    column: Annotated[str | None, typer.Option(help="Column of the population; the second by default.")] = None,
    axes: Annotated[int, typer.Option(help="Axes of the map.", min=2, max=50)] = 10,
) -> None:
    """Add allele frequencies by population, and a map on which sample QC places the people of a job.

    The map holds frequencies, loadings and the populations' means and covariances, no genotype of anybody; populations
    of fewer than 20 people are pooled. The new bundle has an id of its own; its other files are shared with the old one
    where the file system allows it.
    """
    from models.dae.ancestry import AncestryOptions
    from models.population_table import read_populations
    from models.populations import describe_people

    if target.exists():
        raise TesseraError(Code.setup_invalid, f"{target} exists already; remove it or name another folder.")
    labels = read_populations(populations, column) if populations else None
    half = target.with_name(f".{target.name}.part")
    shutil.rmtree(half, ignore_errors=True)
    try:
        # The manifest is written anew, so it must not be the old bundle's own file.
        shutil.copytree(bundle, half, copy_function=_link)
        made = describe_people(half, panel, labels, AncestryOptions(axes=axes))
        if made.unmapped:
            raise TesseraError(Code.setup_invalid, made.unmapped)
        half.rename(target)
    finally:
        shutil.rmtree(half, ignore_errors=True)
    show_manifest(made.manifest, out)


def _link(source: str, target: str) -> None:
    """Share a file of weights or sites; copy what may be written, and where links do not work."""
    if Path(source).suffix == ".json" or Path(source).name in ("ancestry.safetensors", "populations.safetensors"):
        shutil.copy2(source, target)
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
