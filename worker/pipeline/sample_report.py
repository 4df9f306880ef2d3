"""What sample QC writes down: its part of `qc.json`, and one line a sample in `qc-samples.tsv.gz`."""

from __future__ import annotations

import gzip
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from genotypes.ancestry import AncestryMap, Placement
from genotypes.kinship import Degree
from genotypes.sex import Sex
from worker.pipeline.sample_findings import believed, judged_degrees
from worker.pipeline.sample_policy import SamplePolicy
from worker.pipeline.sample_qc import SampleReview

SAMPLES: Final = "qc-samples.tsv.gz"
COLUMNS: Final = [
    "sample",
    "called",
    "call_rate",
    "kept",
    "findings",
    "het_f",
    "sex",
    "stated_sex",
    "x_f",
    "y_call_rate",
    "x_set_missing",
]
SHOWN_FINDINGS: Final = 500
SHOWN_PAIRS: Final = 200


def sample_document(review: SampleReview, policy: SamplePolicy) -> dict[str, Any]:
    """The part `sample_qc` of the QC document."""
    f = review.autosomes.inbreeding
    known = f[~np.isnan(f)]
    return {
        "read": len(review.samples),
        "kept": len(review.kept),
        "policy": asdict(policy),
        "dropped": [review.samples[row] for row in sorted({one.row for one in review.findings if one.dropped})],
        "counts": dict(Counter(one.check for one in review.findings)),
        "findings": [
            {
                "sample": review.samples[one.row],
                "check": one.check,
                "action": "dropped" if one.dropped else "flagged",
                "value": one.value,
                "limit": one.limit,
                "message": one.message,
            }
            for one in review.findings[:SHOWN_FINDINGS]
        ],
        "heterozygosity": {
            "sites": review.autosomes.sites,
            "mean_f": float(known.mean()) if len(known) else None,
            "sd_f": float(known.std(ddof=1)) if len(known) > 1 else None,
        },
        "sex": _sexes(review),
        "relatives": _relatives(review, policy),
    }


def _sexes(review: SampleReview) -> dict[str, Any] | None:
    """Counts by sex, and what was mended on X."""
    if review.sex is None:
        return None
    counts = np.bincount(review.sex.sex, minlength=3)
    return {
        **{one.name: int(counts[one]) for one in Sex},
        "haploid_on_x": None if review.x is None else int(review.x.one_copy.sum()),
        "heterozygotes_set_missing": None if review.x is None else int(review.x.set_missing.sum()),
        "recoded": None if review.x is None else int(review.x.recoded.sum()),
    }


def _relatives(review: SampleReview, policy: SamplePolicy) -> dict[str, Any]:
    """Related pairs as far as the sites allow a judgement."""
    pairs, told = review.pairs, believed(review.kinship.megabases, review.kinship.sites)
    degrees = judged_degrees(policy, pairs, told)
    rows = [k for k, degree in enumerate(degrees) if degree is not None]
    return {
        "sites": review.kinship.sites,
        "megabases": review.kinship.megabases,
        "judged": [degree.name for degree in told],
        "counts": dict(Counter(degree.name for degree in degrees if degree is not None)),
        "pairs": [
            {
                "first": review.samples[int(pairs.first[k])],
                "second": review.samples[int(pairs.second[k])],
                "degree": Degree(degrees[k] or 0).name,
                "kinship": round(float(pairs.kinship[k]), 5),
                "ibs0": round(float(pairs.ibs0[k]), 5),
                "concordance": round(float(pairs.concordance[k]), 5),
                "sites": int(pairs.sites[k]),
            }
            for k in rows[:SHOWN_PAIRS]
        ],
    }


def write_samples(path: Path, review: SampleReview, placed: tuple[AncestryMap, Placement] | None = None) -> None:
    """One line a sample of the upload, dropped ones included; 'NA' where a figure is not defined.

    Args:
        path: the file, gzipped.
        review: what sample QC found.
        placed: the bundle's map of populations and the kept samples on it, where it has one.
    """
    reasons: dict[int, list[str]] = {}
    for one in review.findings:
        reasons.setdefault(one.row, []).append(one.check)
    kept = {row: place for place, row in enumerate(review.kept.tolist())}
    axes = [] if placed is None else ["population", "probability", *(f"PC{k + 1}" for k in range(placed[0].axes))]
    rates = review.calls / max(1, review.sites)
    f = review.autosomes.inbreeding
    sex, stated = review.sex, review.stated
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=6) as file:
        file.write("\t".join([*COLUMNS, *axes]) + "\n")
        for row, sample in enumerate(review.samples):
            cells = [
                sample,
                str(int(review.calls[row])),
                f"{rates[row]:.4f}",
                "yes" if row in kept else "no",
                ",".join(dict.fromkeys(reasons.get(row, []))) or ".",
                _figure(f[row]),
                "NA" if sex is None else Sex(int(sex.sex[row])).name,
                Sex(int(stated[row])).name,
                _figure(None if sex is None else sex.f[row]),
                _figure(None if sex is None or sex.y_rate is None else sex.y_rate[row]),
                "NA" if review.x is None else str(int(review.x.set_missing[row])),
            ]
            if placed is not None:
                cells += _place(kept.get(row), *placed)
            file.write("\t".join(cells) + "\n")


def _place(row: int | None, held: AncestryMap, placed: Placement) -> list[str]:
    """Population, its probability and scores of a kept sample."""
    if row is None or placed.population[row] < 0:
        return ["NA"] * (2 + held.axes)
    population = int(placed.population[row])
    figures = (placed.probability[row, population], *placed.scores[row])
    return [held.populations[population], *(_figure(one) for one in figures)]


def _figure(value: np.float64 | None) -> str:
    return "NA" if value is None or np.isnan(value) else f"{value:.4f}"
