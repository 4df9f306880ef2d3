"""`tessera bundle import`: published tile models become a bundle."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.bundle_tables import show_manifest
from cli.plain import err, out


class Weights(Enum):
    """How weights are kept."""

    float32 = "float32"
    float16 = "float16"


def import_published(
    source: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="best_model_weights, or the folder above it.", exists=True, file_okay=False),
    ],
    target: Annotated[Path, typer.Option("--out", help="Folder of the new bundle.")],
    build: Annotated[str, typer.Option(help="Assembly of the tiles, such as GRCh37.")],
    name: Annotated[str | None, typer.Option(help="Name of the bundle; the folder's by default.")] = None,
    weights: Annotated[Weights, typer.Option(help="float32: as published; float16: half the size.")] = Weights.float32,
    panel_name: Annotated[str, typer.Option(help="What the training panel is called.")] = "unknown",
    licence: Annotated[str, typer.Option(help="Licence of the tiles.")] = "unspecified",
) -> None:
    """Turn published tile models (.pth, _param.py and .pos files) into a bundle. Nothing of theirs is executed."""
    from models.dae.published.convert import ImportOptions, import_bundle

    columns = (TextColumn("tiles"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as bar:
        task = bar.add_task("", total=None)
        manifest = import_bundle(
            ImportOptions(
                source=source,
                out=target,
                name=name or target.name,
                build=build,
                weights=weights.value,
                panel_name=panel_name,
                licence=licence,
            ),
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    show_manifest(manifest, out)
