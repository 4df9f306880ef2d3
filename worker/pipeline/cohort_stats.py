"""What the plots of quality control show, counted from the harmonised genotypes: frequencies, call rates, density.

Everything is counted over the sites used, in the bundle's orientation. The result is small however large the upload:
clouds of more than `POINTS` points become counts on a grid.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt
from genotypes.contigs import chromosome_name, of_people
from genotypes.sites import SiteTable
from genotypes.store import Store
from worker.pipeline.expected import Typing, expected_accuracy
from worker.pipeline.folder import Harmonised
from worker.pipeline.population import expected_table
from worker.pipeline.selection import row_blocks
from worker.pipeline.types import BundleView, Progress, silent

COHORT = "cohort.json"
POINTS = 5_000
GRID = 50  # cells a side of a binned cloud
FAR = 0.2  # difference of allele frequencies that is worth a look
LISTED = 50
OUTLYING = 3.0  # standard deviations of heterozygosity
WINDOWS = 100  # a chromosome
SEX_AND_MT = frozenset({"X", "Y", "MT"})

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Counts over a (V, S) block of genotypes."""

    alt: Floats  # (V,) ALT alleles
    alleles: Floats  # (V,) alleles called
    calls: Floats  # (V,)
    sample_calls: Floats  # (S,)
    diploid: Floats  # (S,) diploid calls
    het: Floats  # (S,)


def count_store(store: Store) -> Counts:
    """Count a store block by block."""
    sites, samples = store.codes.shape
    alt, alleles, calls = np.zeros(sites), np.zeros(sites), np.zeros(sites)
    sample_calls, diploid, het = np.zeros(samples), np.zeros(samples), np.zeros(samples)
    blocks = row_blocks(sites, samples)
    for first in blocks:
        part = slice(first, first + blocks.step)
        _count_block(np.asarray(store.codes[part]), alt[part], alleles[part], calls[part], sample_calls, diploid, het)
    return Counts(alt, alleles, calls, sample_calls, diploid, het)


def _count_block(
    codes: gt.Codes, alt: Floats, alleles: Floats, calls: Floats, sample_calls: Floats, diploid: Floats, het: Floats
) -> None:
    """Add the genotypes of a (V, S) block, one code after another: comparing is faster than looking up."""
    sites, samples = codes.shape
    calls += samples
    sample_calls += sites
    diploid += sites
    alleles += 2 * samples
    for code in (gt.MISSING, gt.HET, gt.HOM_ALT, gt.PHASED_01, gt.PHASED_10, gt.HAP_REF, gt.HAP_ALT):
        here = codes == code
        by_site = np.count_nonzero(here, axis=1)
        if not by_site.any():
            continue
        one = np.array([code], np.int8)
        dosage, copies = int(gt.dosage(one)[0]), int(gt.ploidy(one)[0])
        alt += max(dosage, 0) * by_site
        alleles -= (2 - copies) * by_site
        if code == gt.HOM_ALT:
            continue
        by_sample = np.count_nonzero(here, axis=0)
        if copies == 2:
            het += by_sample
            continue
        diploid -= by_sample
        if copies == 0:
            calls -= by_site
            sample_calls -= by_sample


def cohort_stats(harmonised: Path, bundle: BundleView, progress: Progress = silent) -> dict[str, Any]:
    """Count, and write `cohort.json` into the harmonised folder.

    Args:
        harmonised: folder that `harmonise` wrote.
        bundle: the bundle that it was written for.
        progress: called with the fraction done; may raise to abort.

    Returns:
        The document: `frequency`, `site_call_rate`, `sample_call_rate`, `heterozygosity`, `density`, `expected`.
    """
    facts = Harmonised.open(harmonised)
    counted: list[tuple[SiteTable, Counts]] = []
    typing: list[Typing] = []
    density = []
    held = bundle.populations() if facts.shares else None
    shares = None if held is None else held.by_name(facts.shares)
    panel_af: list[Floats] = []
    for number, one in enumerate(facts.chromosomes):
        store, table = facts.typed(one), bundle.sites(one.name)
        rows = np.empty(0, np.int32) if store.rows is None else store.rows
        wanted = expected_table(table, one.name, held, shares)
        af = None if wanted.af is None else wanted.af[rows]
        if table.af is not None and len(rows):
            panel_af.append(table.af[rows].astype(np.float64))
        sites = SiteTable(one.name, store.sites.pos, store.sites.ref, store.sites.alt, store.sites.id, af)
        counted.append((sites, count_store(store)))
        typing.append(Typing(table.af, rows))
        density.append(_density(one.name, table.pos, rows))
        progress((number + 1) / len(facts.chromosomes))
    samples = len(facts.samples)
    total = sum(len(sites) for sites, _ in counted)
    sample_calls = sum((one.sample_calls for _, one in counted), np.zeros(samples))
    # A man has no heterozygotes on X: autosomes alone, where there are any, tell people apart by their own variation.
    people = of_people(bundle.manifest)
    autosomes = [one for sites, one in counted if chromosome_name(sites.chrom, people) not in SEX_AND_MT]
    told = autosomes or [one for _, one in counted]
    diploid = sum((one.diploid for one in told), np.zeros(samples))
    het = sum((one.het for one in told), np.zeros(samples))
    site_rates = np.concatenate([one.calls for _, one in counted] or [np.empty(0)]) / max(1, samples)
    sample_rates = sample_calls / max(1, total)
    document = {
        "samples": samples,
        "sites": total,
        "frequency": _frequency(counted, np.concatenate(panel_af) if panel_af else np.empty(0)),
        "site_call_rate": histogram(site_rates, 0.0, 1.0, 20, floor=True),
        "sample_call_rate": histogram(sample_rates, 0.0, 1.0, 20, floor=True),
        "heterozygosity": _heterozygosity(facts.samples, sample_rates, diploid, het, bool(autosomes)),
        "density": density,
        "expected": expected_accuracy(bundle.manifest, typing),
    }
    (harmonised / COHORT).write_text(json.dumps(document) + "\n")
    return document


def histogram(values: Floats, low: float, high: float, bins: int, *, floor: bool = False) -> dict[str, Any]:
    """Counts in equal bins; with `floor` the range begins just below the smallest value, to tell the bars apart.

    Returns:
        `edges` (bins + 1) and `counts` (bins); a value on an edge belongs to the bin above, the last bin holds `high`.
    """
    if floor and len(values):
        least = float(values.min())
        low = next((edge for edge in (0.99, 0.98, 0.95, 0.9, 0.8, 0.5) if least >= edge), low)
    counts, edges = np.histogram(values, bins, (low, high))
    return {"edges": [round(edge, 6) for edge in edges.tolist()], "counts": counts.tolist()}


def cloud(x: Floats, y: Floats, x_range: tuple[float, float], y_range: tuple[float, float]) -> dict[str, Any]:
    """A cloud of points, or where there are more than `POINTS` their counts on a grid.

    Returns:
        `x_range`, `y_range`, and either `points` [[x, y]] or `cells` [[column, row, count]] of a `grid` a side.
    """
    ranges = {"x_range": list(x_range), "y_range": list(y_range)}
    if len(x) <= POINTS:
        points = np.stack([x, y], 1).round(4).tolist() if len(x) else []
        return {**ranges, "points": points, "cells": None, "grid": GRID}
    counts, _, _ = np.histogram2d(x, y, GRID, [x_range, y_range])
    columns, rows = np.nonzero(counts)
    cells = np.stack([columns, rows, counts[columns, rows].astype(np.int64)], 1)
    return {**ranges, "points": None, "cells": cells.tolist(), "grid": GRID}


def _frequency(counted: Sequence[tuple[SiteTable, Counts]], panel: Floats) -> dict[str, Any] | None:
    """ALT frequencies of the upload and those expected; None where the bundle holds none; `panel`: of its people."""
    known = [(sites, one) for sites, one in counted if sites.af is not None and len(sites)]
    if not known:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        ours = np.concatenate([one.alt / one.alleles for _, one in known])
    theirs = np.concatenate([np.asarray(sites.af, np.float64) for sites, _ in known])
    apart = np.abs(ours - theirs)
    sites = [(table, row) for table, _ in known for row in range(len(table))] if len(ours) <= POINTS else None
    farthest = []
    for place in np.argsort(-apart, kind="stable")[:LISTED].tolist():
        table, row = sites[place] if sites is not None else _locate(known, place)
        farthest.append(
            {
                "chromosome": table.chrom,
                "position": int(table.pos[row]),
                "id": str(table.id[row]),
                "ref": str(table.ref[row]),
                "alt": str(table.alt[row]),
                "upload": round(float(ours[place]), 4),
                "bundle": round(float(theirs[place]), 4),
            }
        )
    varied = len(ours) > 1 and ours.std() > 0 and theirs.std() > 0
    deciles = np.clip((theirs * 10).astype(int), 0, 9)
    table_rows = []
    for decile in range(10):
        here = deciles == decile
        if here.any():
            row_facts = {"low": decile / 10, "high": (decile + 1) / 10, "sites": int(here.sum())}
            table_rows.append(
                row_facts
                | {
                    "upload": round(float(ours[here].mean()), 4),
                    "apart": round(float(apart[here].mean()), 4),
                    "far": int((apart[here] > FAR).sum()),
                }
            )
    return cloud(theirs, ours, (0.0, 1.0), (0.0, 1.0)) | {
        "sites": len(ours),
        "correlation": round(float(np.corrcoef(ours, theirs)[0, 1]), 4) if varied else None,
        "far": int((apart > FAR).sum()),
        "far_from_panel": int((np.abs(ours - panel) > FAR).sum()),
        "far_above": FAR,
        "deciles": table_rows,
        "farthest": farthest,
    }


def _locate(known: Sequence[tuple[SiteTable, Counts]], place: int) -> tuple[SiteTable, int]:
    """The table and row of a site that is counted over all tables."""
    for table, _ in known:
        if place < len(table):
            return table, place
        place -= len(table)
    raise IndexError(place)


def _heterozygosity(
    names: list[str], call_rate: Floats, diploid: Floats, het: Floats, autosomal: bool
) -> dict[str, Any] | None:
    """Share of heterozygotes among a sample's diploid calls; None without diploid calls."""
    known = diploid > 0
    if not known.any():
        return None
    share = het[known] / diploid[known]
    rate = call_rate[known]
    labels = [names[row] for row in np.flatnonzero(known).tolist()]
    mean, spread = float(share.mean()), float(share.std())
    far = np.abs(share - mean) > OUTLYING * spread if spread > 0 else np.zeros(len(share), bool)
    order = np.argsort(-np.abs(share - mean), kind="stable")[:LISTED]
    low, high = float(min(rate.min(), 0.98)), 1.0
    top = max(float(share.max()), mean + OUTLYING * spread)
    bottom = max(0.0, min(float(share.min()), mean - OUTLYING * spread))
    margin = max(0.01, 0.05 * (top - bottom))
    return cloud(rate, share, (low, high), (max(0.0, bottom - margin), min(1.0, top + margin))) | {
        "samples": int(known.sum()),
        "autosomal": autosomal,
        "mean": round(mean, 4),
        "sd": round(spread, 4),
        "outliers": int(far.sum()),
        "outlying_sd": OUTLYING,
        "extreme": [
            {
                "sample": labels[row],
                "heterozygosity": round(float(share[row]), 4),
                "call_rate": round(float(rate[row]), 4),
                "outlier": bool(far[row]),
            }
            for row in order.tolist()
        ],
    }


def _density(name: str, pos: NDArray[np.int32], rows: NDArray[np.int32]) -> dict[str, Any]:
    """Typed sites and bundle sites in equal windows of a chromosome."""
    edges = window_edges(pos)
    return {
        "chromosome": name,
        "edges": [int(edge) for edge in edges.tolist()],
        "typed": np.histogram(pos[rows], edges)[0].tolist(),
        "bundle": np.histogram(pos, edges)[0].tolist(),
    }


def window_edges(pos: NDArray[np.int32]) -> Floats:
    """(W + 1,) bp, edges of equal windows from the first to the last site of a chromosome."""
    return np.linspace(int(pos[0]), int(pos[-1]) + 1, WINDOWS + 1).round()
