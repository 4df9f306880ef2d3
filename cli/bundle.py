"""`tessera bundle`: train, show and verify model bundles. Works on local files, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from genotypes.manifest import BundleManifest

if TYPE_CHECKING:
    from models.protocol import Tile

app = typer.Typer(help="Train, show and verify model bundles.", no_args_is_help=True)


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
) -> None:
    """Train a bundle from a phased panel. Stopped, it goes on from its checkpoints when run again."""
    from models.dae.fit import FitOptions
    from models.dae.train import TrainOptions, train_bundle

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
    show_manifest(manifest, Console())


@app.command()
def show(bundle: Annotated[Path, typer.Argument(help="Bundle folder or .tar.", exists=True)]) -> None:
    """Print what a bundle holds: its facts, its tiles and its accuracy."""
    from models.dae.bundle import Bundle

    opened = Bundle.open(bundle)
    console = Console()
    show_manifest(opened.manifest, console)
    table = Table("chrom", "tile", "sites", "inputs", "bins", "width", "layers", "latent", "blocks", title="Tiles")
    for chrom in opened.chromosomes:
        for tile, net in zip(opened.tiles(chrom), opened.networks(chrom), strict=True):
            sizes = (tile.end - tile.first, len(tile.inputs), net.bins, net.width, net.layers, net.latent)
            table.add_row(chrom, str(tile.index), *map(str, sizes), str(len(net.blocks)))
    console.print(table)


@app.command()
def verify(bundle: Annotated[Path, typer.Argument(help="Bundle folder or .tar.", exists=True)]) -> None:
    """Check every file of a bundle against its manifest."""
    from models.dae.bundle import Bundle

    opened = Bundle.open(bundle)
    opened.verify()
    Console().print(f"{opened.manifest.id}: {len(opened.manifest.files)} files, all as in the manifest.")


def show_manifest(manifest: BundleManifest, console: Console) -> None:
    """Print the facts and the accuracy table of a manifest."""
    size = sum(f.bytes for f in manifest.files.values()) / 1e6
    facts = Table(show_header=False, box=None)
    for key, value in (
        ("id", manifest.id),
        ("build", f"{manifest.species}, {manifest.build}"),
        ("panel", ", ".join(f"{k} {v}" for k, v in manifest.panel.items())),
        ("licence", manifest.licence),
        ("size", f"{size:.1f} MB"),
        ("made", f"{manifest.created} by {manifest.software}"),
    ):
        facts.add_row(key, value)
    console.print(facts)
    if manifest.accuracy:
        edges = [f"<={b['maf'][1]:g}" for b in manifest.accuracy[0]["bins"]]
        people = manifest.accuracy[0]["people"]
        table = Table(title=f"Aggregate r2 of {people} held-out people, by MAF")
        table.add_column("array", no_wrap=True)
        for edge in edges:
            table.add_column(edge, justify="right")
        for row in manifest.accuracy:
            cells = ["-" if b["r2"] is None else f"{b['r2']:.3f}" for b in row["bins"]]
            table.add_row(row["array"], *cells)
        console.print(table)
