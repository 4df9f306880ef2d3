"""The report of a pedigree job: what came in, what Mendel says of it, what came out and how far to trust it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from models.peeling.pedigree import Pedigree
from worker.pipeline.chart import r2_chart
from worker.pipeline.peel_drawing import picture
from worker.pipeline.peel_folder import Joined, PeelSummary
from worker.pipeline.quality_bins import merge_bins
from worker.pipeline.report import environment
from worker.pipeline.types import Progress, ReportFacts, silent
from worker.pipeline.version import software

ANIMALS: Final = "animals.tsv.gz"
SHOWN: Final = 50
_SEX: Final = ("", "male", "female")


def peel_report(
    out: Path,
    facts: ReportFacts,
    qc: Mapping[str, Any],
    joined: Path | None = None,
    chromosomes: Sequence[tuple[PeelSummary, NDArray[np.float64]]] = (),
    progress: Progress = silent,
) -> list[Path]:
    """Write `report.html`, `report.json` and, once there is something peeled, `animals.tsv.gz`.

    Args:
        out: folder, made when missing.
        facts: what the job is.
        qc: the document that `peel_harmonise` made.
        joined: folder that it wrote; needed with chromosomes.
        chromosomes: each peeled one with its sums for the accuracy of animals (`peel_folder.ACCURACY`).
        progress: called with the fraction done.

    Returns:
        The paths.
    """
    progress(0.0)
    out.mkdir(parents=True, exist_ok=True)
    quality = merge_bins(one.quality for one, _ in chromosomes)
    animals: list[dict[str, Any]] = []
    made: list[Path] = []
    if chromosomes and joined is not None:
        sums = np.sum([one for _, one in chromosomes], axis=0)
        animals = _animals(Joined.open(joined), sums)
        made.append(_write_animals(out / ANIMALS, animals))
    known = [(one.sites, one.mean_r2) for one in quality if one.mean_r2 is not None]
    total = sum(sites for sites, _ in known)
    summaries = [{key: value for key, value in one.as_dict().items() if key not in ("files", "children")}
                 for one, _ in chromosomes]  # fmt: skip
    data = {
        "software": software(),
        "job": asdict(facts),
        "qc": dict(qc),
        "chromosomes": summaries,
        "quality": [one.as_dict() for one in quality],
        "mean_r2": sum(sites * r2 for sites, r2 in known) / total if total else None,
        "animals": animals,
    }
    json_path, html_path = out / "report.json", out / "report.html"
    json_path.write_text(json.dumps(data, indent=1) + "\n")
    accuracy = {one["animal"]: one["expected_accuracy"] for one in animals}
    page = data | {
        "job": facts,
        "quality": quality,
        "chart": Markup(r2_chart(quality)),
        "picture": Markup(picture(qc["pedigree"]["drawing"], accuracy)),
        "lowest": sorted((one for one in animals if one["expected_accuracy"] is not None),
                         key=lambda one: float(one["expected_accuracy"]))[:SHOWN],
        "groups": _groups(animals),
    }  # fmt: skip
    html_path.write_text(environment().get_template("peel_report.html").render(page), encoding="utf-8")
    progress(1.0)
    return [html_path, json_path, *made]


def expected_accuracy(explained: NDArray[np.float64], spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of an animal's dosages and genotypes over the loci, both centred on the loci's means, to expect.

    The posterior mean and the posterior variance add up to the variance of the genotype, so the share of the former is
    the squared correlation, as far as the probabilities are right. NaN where nothing varies.
    """
    total = explained + spread
    out: NDArray[np.float64] = np.sqrt(np.divide(explained, total, out=np.full_like(total, np.nan), where=total > 1e-9))
    return out


def _animals(joined: Joined, sums: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Every animal of the pedigree with its accuracy."""
    p: Pedigree = joined.pedigree
    known = set(joined.has_data)
    values = expected_accuracy(sums[0], sums[1]).tolist()
    return [
        {
            "animal": p.ids[row],
            "sire": p.ids[p.sire[row]] if p.sire[row] >= 0 else None,
            "dam": p.ids[p.dam[row]] if p.dam[row] >= 0 else None,
            "sex": _SEX[int(p.sex[row])],
            "data": row in known,
            "expected_accuracy": None if np.isnan(value) else round(value, 4),
        }
        for row, value in enumerate(values)
    ]


def _groups(animals: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean accuracy of animals with and without data."""
    groups = []
    for name, data in (("with data", True), ("without data", False)):
        mine = [one["expected_accuracy"] for one in animals if one["data"] is data]
        found = [value for value in mine if value is not None]
        if mine:
            mean = sum(found) / len(found) if found else None
            groups.append({"name": name, "animals": len(mine), "mean": mean, "lowest": min(found, default=None)})
    return groups


def _write_animals(path: Path, animals: Sequence[Mapping[str, Any]]) -> Path:
    with gzip.GzipFile(path, "wb", compresslevel=6, mtime=0) as file:
        file.write(("\t".join(animals[0]) + "\n").encode())
        for one in animals:
            file.write(
                ("\t".join("." if value in (None, "") else str(value) for value in one.values()) + "\n").encode()
            )
    return path
