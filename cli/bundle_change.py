"""`tessera bundle compress`, `adapt` and `privacy`: what is done to a bundle once it is trained."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cli.bundle_tables import show_manifest, show_privacy
from cli.plain import err, out
from cli.training_bar import training_bar
from errors import Code, TesseraError
from genotypes.manifest import BundleManifest

BundlePath = Annotated[Path, typer.Argument(help="Bundle folder or .tar.", exists=True)]
PanelPath = Annotated[Path, typer.Option("--panel", help="The panel that the bundle was trained on.", exists=True)]
Contig = Annotated[str | None, typer.Option(help="Contig, when the panel holds several.")]


class Weights(Enum):
    """How weights are kept."""

    int8 = "int8"
    int4 = "int4"
    float16 = "float16"
    float32 = "float32"


def compress(
    bundle: BundlePath,
    target: Annotated[Path, typer.Option("--out", help="Folder of the smaller bundle.")],
    weights: Annotated[Weights, typer.Option(help="Precision of matrices.")] = Weights.int8,
    energy: Annotated[
        float | None,
        typer.Option(help="Keep this share of every matrix's squared singular values; no low rank without.", max=1.0),
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="Phased VCF of people whom nobody trained on: tells what it costs.", exists=True)
    ] = None,
    arrays: Annotated[
        Path | None, typer.Option(help="Folder of ARRAY/chrN.* manifests through which they are seen.", exists=True)
    ] = None,
) -> None:
    """Write a smaller copy of a bundle and print the accuracy that it loses."""
    from genotypes.arrays import read_arrays
    from genotypes.panel import read_panel
    from models.dae.bundle import Bundle
    from models.dae.compress import amend
    from models.dae.compress import compress as run
    from models.dae.score import score

    source = Bundle.open(bundle)
    _need_networks(source.manifest, "A library of haplotypes is compressed as it is made, without loss.")
    columns = (TextColumn("tiles"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as bar:
        task = bar.add_task("", total=None)
        made = run(
            source,
            target,
            weights.value,
            energy,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    before, after = (sum(file.bytes for file in m.files.values()) for m in (source.manifest, made))
    out.print(f"{before / 1e6:.2f} MB before, {after / 1e6:.2f} MB after ({after / before:.0%})")
    if truth is None:
        out.print("What it costs in accuracy was not measured: name people with --truth.")
    else:
        panel = read_panel(truth)
        views = read_arrays(arrays, panel.sites.chrom.removeprefix("chr")) if arrays else {}
        old, new = score(source, panel, views), score(Bundle.open(target), panel, views)
        show_loss(old, new)
        cost = {"people": truth.name, "before": old}
        made = amend(
            target,
            lambda m: replace(
                m, accuracy=new, training=m.training | {"compressed": m.training["compressed"] | {"accuracy": cost}}
            ),
        )
    out.print(made.id)


def _need_networks(manifest: BundleManifest, why: str) -> None:
    """Refuse what is done to weights where a bundle has none; raises `setup_invalid`."""
    if manifest.is_library:
        raise TesseraError(Code.setup_invalid, f"{manifest.id} holds haplotypes and no network. {why}", field="bundle")


def show_loss(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> None:
    """Print r2 before and after, by MAF."""
    table = Table("array", "", *(f"<={b['maf'][1]:g}" for b in old[0]["bins"]), title="Aggregate r2, by MAF")
    for a, b in zip(old, new, strict=True):
        for label, row in (("before", a), ("after", b)):
            table.add_row(row["array"], label, *("-" if x["r2"] is None else f"{x['r2']:.4f}" for x in row["bins"]))
    out.print(table)


def adapt(
    bundle: BundlePath,
    array: Annotated[Path, typer.Option(help="Manifest of the array; last column bp.", exists=True, dir_okay=False)],
    panel: PanelPath,
    target: Annotated[Path, typer.Option("--out", help="Folder of the new bundle.")],
    map: Annotated[Path | None, typer.Option(help="Genetic map; without it 1 cM/Mb.", exists=True)] = None,
    chrom: Contig = None,
    steps: Annotated[int, typer.Option(help="Training steps of each tile.", min=1)] = 500,
    rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 3e-4,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train a bundle a little more for one array. Stopped, it goes on when run again."""
    from models.dae.adapt import AdaptOptions
    from models.dae.adapt import adapt as run
    from models.dae.bundle import Bundle
    from models.dae.fit import FitOptions
    from models.dae.work import WorkFolder

    opened = Bundle.open(bundle)
    _need_networks(opened.manifest, "A library of haplotypes serves every array as it is.")
    fit = FitOptions(steps=steps, rate=rate, warmup=max(1, steps // 10))
    o = AdaptOptions(panel=panel, map=map, array=array, out=target, chrom=chrom, device=device, fit=fit)
    tiles = sum(len(opened.tiles(name)) for name in opened.chromosomes)
    with training_bar(WorkFolder(target.with_name(target.name + ".work")), tiles, steps):
        manifest = run(opened, o)
    show_manifest(manifest, out)


def privacy(
    bundle: BundlePath,
    panel: PanelPath,
    chrom: Contig = None,
    write: Annotated[bool, typer.Option(help="Write the result into the manifest; the bundle's id changes.")] = False,
) -> None:
    """Test whether a bundle can tell the people it was made of from others (membership inference).

    Weights are tested as they are; a library of haplotypes is made anew in the same way without some of the panel's
    people.
    """
    from errors import Code, TesseraError
    from models.bundles import open_bundle
    from models.dae.adapt import privacy_test, with_privacy
    from models.dae.compress import amend
    from models.haplotypes import privacy as library
    from models.haplotypes.bundle import HaplotypeBundle

    opened = open_bundle(bundle)
    if write and bundle.is_file():
        raise TesseraError(Code.setup_invalid, "An archive cannot be written to: unpack it first.")
    if isinstance(opened, HaplotypeBundle):
        found = library.privacy_test(opened, panel, chrom)
    else:
        found = privacy_test(opened, panel, chrom)
    manifest = with_privacy(opened.manifest, found)
    show_privacy(manifest, out)
    if write:
        out.print(amend(bundle, lambda old: with_privacy(old, manifest.training["privacy"])).id)
