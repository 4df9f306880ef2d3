"""`tessera bundle show`: what a bundle holds, as tables and as plots."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from cli.bundle_tables import show_disguise, show_manifest, show_privacy
from cli.histograms import bars, histogram, short
from cli.plain import out

if TYPE_CHECKING:
    from models.dae.describe import TileFacts
    from models.haplotypes.bundle import HaplotypeBundle

COLUMNS = ("chrom", "tile", "first", "span kb", "sites", "inputs", "layers", "widths", "activation", "ratio", "params")


def show(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder or .tar.", exists=True)],
    html: Annotated[Path | None, typer.Option(help="Write a page with plots and the table of tiles.")] = None,
    plots: Annotated[Path | None, typer.Option(help="Folder for the plots, an SVG each.")] = None,
) -> None:
    """Print what a bundle holds: its facts, its tiles, their distributions and its accuracy."""
    from models.bundles import open_bundle
    from models.dae.describe import activations, describe, summary
    from models.haplotypes.bundle import HaplotypeBundle

    opened = open_bundle(bundle)
    show_manifest(opened.manifest, out)
    if isinstance(opened, HaplotypeBundle):
        show_library(opened)
        return
    rows = describe(opened)
    show_privacy(opened.manifest, out)
    table = Table(*COLUMNS, title="Tiles")
    for row in rows:
        table.add_row(*cells(row))
    out.print(table)
    spread = Table("", "least", "median", "mean", "most", "total", title=f"All {len(rows)} tiles")
    for one in summary(rows):
        spread.add_row(one.name, *map(short, (one.least, one.median, one.mean, one.most, one.total)))
    out.print(spread)
    out.print("activation: " + ", ".join(f"{name} {count}" for name, count in activations(rows).items()))
    drawn = draw(rows)
    if plots:
        plots.mkdir(parents=True, exist_ok=True)
        for name, svg in drawn.items():
            (plots / f"{name}.svg").write_text(svg, encoding="utf-8")
    if html:
        html.write_text(page(opened.manifest.id, rows, drawn), encoding="utf-8")


def show_library(bundle: HaplotypeBundle) -> None:
    """Print the model and the tiles of a bundle of haplotypes."""
    told = dict(bundle.manifest.architecture)
    holds = told.pop("holds", "the haplotypes of the panel's people, without names")
    out.print(f"Holds {holds}. Model: {', '.join(f'{name} {value}' for name, value in told.items())}.")
    show_disguise(bundle.manifest, out)
    if "privacy" in bundle.manifest.training or "synthetic" in bundle.manifest.training:
        show_privacy(bundle.manifest, out)
    table = Table("chrom", "tile", "sites", "reads", "haplotypes", title="Tiles")
    for chrom in bundle.chromosomes:
        for tile in bundle.tiles(chrom):
            held = str(bundle.manifest.panel["haplotypes"])
            table.add_row(chrom, str(tile.index), str(tile.end - tile.first), str(len(tile.inputs)), held)
    out.print(table)
    chromosomes = bundle.manifest.training.get("chromosomes", {})
    if chromosomes:
        out.print(accuracy_by_chromosome(chromosomes))


def accuracy_by_chromosome(chromosomes: Mapping[str, Any]) -> Table:
    """The mean over the arrays of each chromosome's r2, by MAF."""
    edges: list[dict[str, Any]] = next((array["bins"] for one in chromosomes.values() for array in one["accuracy"]), [])
    head = (f"<={one['maf'][1]:g}" for one in edges)
    table = Table("chrom", "arrays", "sites scored", *head, title="Aggregate r2 by chromosome, mean of the arrays")
    for name, one in chromosomes.items():
        columns = zip(*([row["r2"] for row in array["bins"]] for array in one["accuracy"]), strict=True)
        known = [[r2 for r2 in column if r2 is not None] for column in columns]
        cells = [f"{sum(values) / len(values):.3f}" if values else "-" for values in known]
        table.add_row(name, str(len(one["accuracy"])), f"{one['scored_sites']:,}", *cells)
    return table


def cells(row: TileFacts) -> list[str]:
    """A tile as words, in the order of the columns."""
    place = [row.chrom, str(row.tile), str(row.first), f"{row.span_kb:g}", str(row.sites), str(row.inputs)]
    net = [str(row.layers), row.widths, row.activation, f"{row.size_ratio:g}", short(row.parameters)]
    return place + net


def draw(rows: list[TileFacts]) -> dict[str, str]:
    """A plot of every number's distribution, by its name."""
    from models.dae.describe import NUMBERS, activations, values_of

    found = {field: histogram(name, values_of(rows, field).tolist()) for field, name in NUMBERS.items()}
    return found | {"activation": bars("activation", activations(rows))}


def page(title: str, rows: list[TileFacts], drawn: dict[str, str]) -> str:
    """One page that holds everything and loads nothing."""
    style = "body{font-family:sans-serif;margin:2rem;color-scheme:light dark}td,th{padding:.2rem .6rem;text-align:left}"
    head = "".join(f"<th>{escape(name)}</th>" for name in COLUMNS)
    lines = ("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells(row)) + "</tr>" for row in rows)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{style}</style>'
        f"<h1>{escape(title)}</h1><p>{len(rows)} tiles</p>{''.join(drawn.values())}"
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></html>\n"
    )
