"""`tessera bundle show`: what a bundle holds, as tables and as plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from cli import bundle_haplotypes as haplotypes
from cli.bundle_tables import show_manifest, show_privacy
from cli.histograms import bars, histogram, short
from cli.plain import out

if TYPE_CHECKING:
    from models.dae.describe import TileFacts

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
        library = haplotypes.describe_library(opened)
        haplotypes.show_library(opened, library)
        write(opened.manifest.id, html, plots, haplotypes.COLUMNS, library.rows, library.drawn)
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
    write(opened.manifest.id, html, plots, COLUMNS, [cells(row) for row in rows], draw(rows))


def write(
    title: str,
    html: Path | None,
    plots: Path | None,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    drawn: Mapping[str, str],
) -> None:
    """Write the page and the plots that were asked for."""
    if plots:
        plots.mkdir(parents=True, exist_ok=True)
        for name, svg in drawn.items():
            (plots / f"{name}.svg").write_text(svg, encoding="utf-8")
    if html:
        html.write_text(page(title, columns, rows, drawn), encoding="utf-8")


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


def page(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], drawn: Mapping[str, str]) -> str:
    """One page that holds everything and loads nothing."""
    style = "body{font-family:sans-serif;margin:2rem;color-scheme:light dark}td,th{padding:.2rem .6rem;text-align:left}"
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    lines = ("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    many = "1 tile" if len(rows) == 1 else f"{len(rows)} tiles"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{style}</style>'
        f"<h1>{escape(title)}</h1><p>{many}</p>{''.join(drawn.values())}"
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></html>\n"
    )
