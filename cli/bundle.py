"""`tessera bundle`: train, import, show and verify model bundles. Works on local files, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from cli.bundle_ancestry import ancestry
from cli.bundle_import import import_published
from cli.bundle_tables import show_manifest, show_tiles

if TYPE_CHECKING:
    from models.protocol import Tile

app = typer.Typer(help="Train, import, show and verify model bundles.", no_args_is_help=True)
app.command("import")(import_published)
app.command("ancestry")(ancestry)


@app.command()
def train(
    panel: Annotated[Path, typer.Option(help="Phased VCF or BCF of the training people.", exists=True)],
    out: Annotated[Path, typer.Option(help="Folder of the new bundle.")],
    build: Annotated[str, typer.Option(help="Assembly of the panel, such as GRCh37.")],
    map: Annotated[Path | None, typer.Option(help="Genetic map; without it 1 cM/Mb.", exists=True)] = None,
    arrays: Annotated[Path | None, typer.Option(help="Folder of ARRAY/chrN.* manifests.", exists=True)] = None,
    chrom: Annotated[str | None, typer.Option(help="Contig, when the panel holds several.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the bundle; the folder's by default.")] = None,
    work: Annotated[Path | None, typer.Option(help="Folder for checkpoints; OUT.work by default.")] = None,
    steps: Annotated[int, typer.Option(help="Training steps of each tile.", min=1)] = 6000,
    tile_sites: Annotated[int, typer.Option(help="Sites of a tile, about.", min=100)] = 8000,
    context: Annotated[float, typer.Option(help="cM that a tile reads on both sides.", min=0)] = 2.0,
    width: Annotated[int, typer.Option(help="Width of the trunk.", min=16)] = 1024,
    latent: Annotated[int, typer.Option(help="Latent size of a decoder block.", min=4)] = 128,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    panel_name: Annotated[str, typer.Option(help="What the panel is called in the manifest.")] = "",
    licence: Annotated[str, typer.Option(help="Licence of the bundle.")] = "unspecified",
    populations: Annotated[
        Path | None, typer.Option(help="Table of sample id and population, for a map of them.", exists=True)
    ] = None,
) -> None:
    """Train a bundle from a phased panel. Stopped, it goes on from its checkpoints when run again."""
    from models.dae.ancestry import add_ancestry, read_populations
    from models.dae.fit import FitOptions
    from models.dae.train import TrainOptions, train_bundle

    labels = read_populations(populations) if populations else None
    console = Console(stderr=True)
    columns = (TextColumn("tile {task.fields[tile]}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("loss {task.fields[loss]:.5f}"), console=console) as bar:
        rows: dict[int, TaskID] = {}

        def progress(tile: Tile, step: int, loss: float) -> None:
            if tile.index not in rows:
                rows[tile.index] = bar.add_task("", total=steps, tile=tile.index, loss=loss)
            bar.update(rows[tile.index], completed=step, loss=loss)

        manifest = train_bundle(
            TrainOptions(
                panel=panel,
                map=map,
                out=out,
                name=name or out.name,
                build=build,
                chrom=chrom,
                arrays=arrays,
                work=work,
                panel_name=panel_name,
                licence=licence,
                tile_sites=tile_sites,
                context=context,
                seed=seed,
                device=device,
                fit=FitOptions(steps=steps),
                network={"width": width, "latent": latent},
            ),
            progress,
        )
    if labels is not None:
        manifest = add_ancestry(out, [panel], labels, chrom=chrom)
    show_manifest(manifest, Console())


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
