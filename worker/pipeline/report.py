"""The report: one self-contained HTML page and the same facts as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from worker.pipeline.chart import r2_chart, range_label
from worker.pipeline.quality_bins import merge_bins
from worker.pipeline.types import AssembleSummary, Progress, ReportFacts, silent
from worker.pipeline.version import software

TEMPLATES = Path(__file__).parent / "templates"


def report(
    out: Path,
    facts: ReportFacts,
    qc: Mapping[str, Any],
    chromosomes: Sequence[AssembleSummary],
    progress: Progress = silent,
) -> list[Path]:
    """Write `report.html` and `report.json` into `out`.

    Args:
        out: folder, made when missing.
        facts: what the job is.
        qc: the document that `harmonise` made.
        chromosomes: the finished chromosomes; empty for the report that ends a quality control.
        progress: called with the fraction done.

    Returns:
        The two paths.
    """
    progress(0.0)
    out.mkdir(parents=True, exist_ok=True)
    quality = merge_bins(one.quality for one in chromosomes)
    known = [(one.sites, one.mean_r2) for one in quality if one.mean_r2 is not None]
    total = sum(sites for sites, _ in known)
    mean_r2 = sum(sites * r2 for sites, r2 in known) / total if total else None
    data = {
        "software": software(),
        "job": asdict(facts),
        "qc": dict(qc),
        "chromosomes": [one.as_dict() for one in chromosomes],
        "quality": [one.as_dict() for one in quality],
        "mean_r2": mean_r2,
    }
    json_path, html_path = out / "report.json", out / "report.html"
    json_path.write_text(json.dumps(data, indent=1) + "\n")
    html_path.write_text(
        environment()
        .get_template("report.html")
        .render(
            data | {"job": facts, "chromosomes": chromosomes, "quality": quality, "chart": Markup(r2_chart(quality))}
        ),
        encoding="utf-8",
    )
    progress(1.0)
    return [html_path, json_path]


def environment() -> jinja2.Environment:
    """Templates with escaping on: sample ids and file names are the user's."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["thousands"] = lambda number: f"{number:,}"
    environment.filters["percent"] = lambda fraction: "\N{EN DASH}" if fraction is None else f"{100 * fraction:.1f}%"
    environment.filters["score"] = lambda value: "\N{EN DASH}" if value is None else f"{value:.3f}"
    environment.filters["range_label"] = range_label
    return environment
