"""The short summary of an imputed job: what went in, what came out, how good it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from cli.plain import out
from cli.words import duration


def show_summary(
    quality: Sequence[Mapping[str, Any]], chromosomes: Sequence[Mapping[str, Any]], samples: int | None, seconds: float
) -> None:
    """Print counts and the mean R2 of each MAF bin.

    Args:
        quality: bins of imputed sites: `maf_low`, `maf_high`, `sites`, `mean_r2` (None where nothing is known).
        chromosomes: per chromosome `typed`, `imputed`, `typed_only`, `sites`.
        samples: number of samples, where known.
        seconds: how long it took.
    """
    total = {name: sum(int(one.get(name) or 0) for one in chromosomes) for name in ("sites", "typed", "imputed")}
    people = "" if samples is None else f"{samples:,} samples, "
    split = f"{total['typed']:,} typed, {total['imputed']:,} imputed"
    out.print(f"{people}{total['sites']:,} sites ({split}) in {duration(seconds)}")
    table = Table("MAF", box=None, pad_edge=False, title="Estimated R2 of imputed sites", title_justify="left")
    table.add_column("sites", justify="right")
    table.add_column("mean R2", justify="right")
    for one in quality:
        mean = one.get("mean_r2")
        edges = f"{100 * float(one['maf_low']):g}-{100 * float(one['maf_high']):g}%"
        table.add_row(edges, f"{int(one['sites']):,}", "-" if mean is None else f"{float(mean):.3f}")
    out.print(table)
