"""The report: one self-contained HTML page and the same facts as JSON."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from worker.pipeline.chart import range_label
from worker.pipeline.figures.along import density_figure
from worker.pipeline.figures.ancestry import ancestry_figure
from worker.pipeline.figures.bars import expected_figure, histogram_figure, quality_figure
from worker.pipeline.figures.clouds import frequency_figure, heterozygosity_figure
from worker.pipeline.figures.svg import NARROW
from worker.pipeline.people import TABLE, PeopleSums, people_quality, write_people
from worker.pipeline.quality_bins import merge_bins
from worker.pipeline.types import AssembleSummary, Progress, ReportFacts, silent
from worker.pipeline.variants import VariantList, read_variants
from worker.pipeline.version import software

NAMED = 3  # populations on an axis
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class ReportParts:
    """What the plots are drawn from; each may be missing."""

    cohort: Mapping[str, Any] | None = None  # see cohort_stats
    variants: Path | None = None  # the list that harmonise wrote
    people: PeopleSums | None = None  # after the run
    samples: Sequence[str] = ()  # ids, in the order of `people`


def report(
    out: Path,
    facts: ReportFacts,
    qc: Mapping[str, Any],
    chromosomes: Sequence[AssembleSummary],
    progress: Progress = silent,
    parts: ReportParts | None = None,
) -> list[Path]:
    """Write `report.html`, `report.json` and, after a run, the quality of every sample into `out`.

    Args:
        out: folder, made when missing.
        facts: what the job is.
        qc: the document that `harmonise` made.
        chromosomes: the finished chromosomes; empty for the report that ends a quality control.
        progress: called with the fraction done.
        parts: what the plots are drawn from.

    Returns:
        The paths.
    """
    progress(0.0)
    parts = parts or ReportParts()
    out.mkdir(parents=True, exist_ok=True)
    json_path, html_path, table_path = out / "report.json", out / "report.html", out / TABLE
    variants = None if parts.variants is None else read_variants(parts.variants)
    people = None if parts.people is None else people_quality(parts.people, parts.samples)
    data = _document(facts, qc, chromosomes, parts, variants, people)
    json_path.write_text(json.dumps(data, indent=1) + "\n")
    progress(0.3)
    # Names of files and samples may hold halves of surrogate pairs; a page must not break on them.
    html_path.write_text(_page(data, facts, chromosomes, variants), encoding="utf-8", errors="replace")
    made = [html_path, json_path]
    if parts.people is not None:
        write_people(table_path, parts.people, parts.samples)
        made.append(table_path)
    progress(1.0)
    return made


def _document(
    facts: ReportFacts,
    qc: Mapping[str, Any],
    chromosomes: Sequence[AssembleSummary],
    parts: ReportParts,
    variants: VariantList | None,
    people: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """What `report.json` holds; `report.schema.json` describes it."""
    quality = merge_bins(one.quality for one in chromosomes)
    hidden = merge_bins(one.hidden for one in chromosomes)
    known = [(one.typed, one.mean_er2) for one in chromosomes if one.mean_er2 is not None]
    return {
        "software": software(),
        "job": asdict(facts),
        "qc": dict(qc),
        "variants": None if variants is None else variants.as_dict(),
        "cohort": None if parts.cohort is None else dict(parts.cohort),
        "chromosomes": [one.as_dict() for one in chromosomes],
        "quality": [one.as_dict() for one in quality],
        "hidden": [one.as_dict() for one in hidden],
        "mean_r2": _mean([(one.sites, one.mean_r2) for one in quality if one.mean_r2 is not None]),
        "mean_er2": _mean(known),
        "people": people,
    }


def _page(
    data: Mapping[str, Any],
    facts: ReportFacts,
    chromosomes: Sequence[AssembleSummary],
    variants: VariantList | None,
) -> str:
    """The page from the document."""
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        environment()
        .get_template("report.html")
        .render(
            {
                **data,
                "job": facts,
                "variants": variants,
                "chromosomes": chromosomes,
                "plots": _plots(data, chromosomes),
                "script": Markup(script),
                "script_hash": f"sha256-{digest}",
            }
        )
    )


def _flagged(qc: Mapping[str, Any]) -> int | None:
    """Outliers of heterozygosity that sample QC found; None where it had no sites to judge by."""
    checked = qc.get("sample_qc") or {}
    if not checked.get("heterozygosity"):
        return None
    return int(checked.get("counts", {}).get("heterozygosity", 0))


def _plots(data: Mapping[str, Any], chromosomes: Sequence[AssembleSummary]) -> dict[str, Any]:
    """The figures by name, None where there is nothing to draw."""
    cohort, people = data["cohort"] or {}, data["people"]
    windows = {one.chromosome: one.windows for one in chromosomes}
    expected, frequency, het = (cohort.get(name) for name in ("expected", "frequency", "heterozygosity"))
    rates = cohort.get("sample_call_rate"), cohort.get("site_call_rate")
    ancestry = data["qc"].get("ancestry")
    return {
        "quality": quality_figure(merge_bins(one.quality for one in chromosomes),
                                  merge_bins(one.hidden for one in chromosomes)),
        "people": people and _people_figure(people),
        "expected": expected and expected_figure(expected),
        "frequency": frequency and frequency_figure(frequency | {"compared": _compared(data["qc"])}),
        "heterozygosity": het and heterozygosity_figure(het, _flagged(data["qc"])),
        "sample_rates": rates[0] and histogram_figure(
            "sample-rates", "Call rate of the samples", "Share of the sites used at which a sample is called.",
            "call rate", "samples", rates[0], width=NARROW),
        "site_rates": rates[1] and histogram_figure(
            "site-rates", "Call rate of the sites", "Share of the samples that are called at a site used.",
            "call rate", "sites", rates[1], width=NARROW),
        "ancestry": ancestry and ancestry_figure(ancestry),
        "along": [density_figure(one, windows.get(one["chromosome"], ())) for one in cohort.get("density", ())],
    }  # fmt: skip


def _compared(qc: Mapping[str, Any]) -> str | None:
    """Whose frequencies the upload's are drawn against; None for the whole panel's."""
    population = qc.get("population", {})
    if population.get("basis") == "mixture":
        named = [f"{one['population']} {one['share']:.0%}" for one in population["larger"]]
        return "a mixture of " + ", ".join(named[:NAMED]) + (", \N{HORIZONTAL ELLIPSIS}" if len(named) > NAMED else "")
    return str(population["choice"]) if population.get("basis") == "population" else None


def _people_figure(people: Mapping[str, Any]) -> Any:
    """How well the samples are imputed."""
    by_r2 = people["score"] == "expected_r2"
    mean = people["mean_expected_r2"] if by_r2 else people["mean_certainty"]
    what = (
        "one minus the share of a site's expected variance that is left after imputation, over all sites that were not "
        "typed"
        if by_r2
        else "mean probability of the most probable genotype over all sites that were not typed"
    )
    text = f"Mean {mean:.3f}: {what}. It is what the model expects, not a measurement."
    across = "expected R2 of a sample" if by_r2 else "mean certainty of a sample"
    return histogram_figure(
        "people", "Accuracy of the samples", text, across, "samples", people["histogram"], shares=False
    )


def _mean(pairs: Sequence[tuple[int, float]]) -> float | None:
    """Mean of values, each weighed by its sites."""
    total = sum(sites for sites, _ in pairs)
    return sum(sites * value for sites, value in pairs) / total if total else None


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    """Templates with escaping on: sample ids and file names are the user's."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["thousands"] = lambda number: f"{number:,}"
    made.filters["percent"] = lambda fraction: "\N{EN DASH}" if fraction is None else f"{100 * fraction:.1f}%"
    made.filters["score"] = lambda value: "\N{EN DASH}" if value is None else f"{value:.3f}"
    made.filters["range_label"] = range_label
    made.filters["fate_label"] = lambda name: str(name).replace("_", " ")
    return made
