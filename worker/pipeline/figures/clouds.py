"""Scatter plots: allele frequencies, heterozygosity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from worker.pipeline.figures.svg import Axis, Figure, Frame, Table, numbered, percents, picture


def frequency_figure(data: Mapping[str, Any]) -> Figure:
    """ALT frequencies of the upload against those expected; `data` says of whom in `compared` and `compared_text`."""
    whom = data.get("compared") or "the bundle's panel"
    tenths = numbered(0, 1, 5)
    frame = Frame(
        Axis(f"ALT allele frequency in {whom}", 0, 1, tenths),
        Axis("ALT allele frequency in the upload", 0, 1, tenths),
        height=440,
    )
    frame.axes()
    away = data["far_above"]
    frame.line("guide", frame.at_x(0), frame.at_y(0), frame.at_x(1), frame.at_y(1))
    for shift in (away, -away):
        x1, x2 = max(0.0, -shift), min(1.0, 1 - shift)
        frame.line("guide2", frame.at_x(x1), frame.at_y(x1 + shift), frame.at_x(x2), frame.at_y(x2 + shift))
    if data["points"] is not None:
        _dots(frame, data["points"], lambda x, y: abs(x - y) > away)
    else:
        frame.cells("cell", data["cells"], data["grid"], data["x_range"], data["y_range"])
    title = "Allele frequencies: upload against those expected"
    described = f"{data['sites']:,} sites; {data['far']:,} of them apart by more than {away}"
    if data["correlation"] is not None:
        described += f"; correlation {data['correlation']:.3f}"
    if (whole := data.get("far_from_panel")) is not None and data.get("compared"):
        described += f"; against the whole panel {whole:,} would be apart"
    rest = "" if data["points"] is not None else " Darker cells hold more sites."
    text = (
        f"{described}. Points on the diagonal have the same frequency in both; a cloud across the other diagonal would "
        f"mean swapped alleles. Few people, or people of another ancestry than these, scatter more.{rest}"
    )
    rows = [
        (f"{one['low']:.1f}\N{EN DASH}{one['high']:.1f}", one["sites"], f"{one['upload']:.3f}", f"{one['apart']:.3f}",
         one["far"])
        for one in data["deciles"]
    ]  # fmt: skip
    head = ("Frequency expected", "Sites", "Mean in the upload", "Mean difference", f"Differ by more than {away}")
    legend = () if data["points"] is None else (("dot", "site"), ("cross", f"differs by more than {away}"))
    return Figure("frequency", title, text, picture("frequency", title, described, [frame]), Table(head, rows), legend)


def heterozygosity_figure(data: Mapping[str, Any], flagged: int | None = None) -> Figure:
    """Heterozygosity against call rate, a point a sample.

    Args:
        data: what `cohort_stats` counted.
        flagged: samples that sample QC found to be outliers; None where it judges nobody.
    """
    (x_low, x_high), (y_low, y_high) = data["x_range"], data["y_range"]
    frame = Frame(
        Axis("call rate at the sites used", x_low, x_high, percents(x_low, x_high, 5)),
        Axis(
            f"heterozygous share of {'autosomal ' if data['autosomal'] else ''}calls",
            y_low,
            y_high,
            percents(y_low, y_high, 5),
        ),
    )
    frame.axes()
    low, high = (data["mean"] + sign * data["outlying_sd"] * data["sd"] for sign in (-1, 1))
    limits = ((low, "guide2"), (high, "guide2")) if data["sd"] > 0 else ()
    for value, kind in ((data["mean"], "guide"), *limits):
        if y_low <= value <= y_high:
            frame.line(kind, frame.at_x(x_low), frame.at_y(value), frame.at_x(x_high), frame.at_y(value))
    if data["points"] is not None:
        _dots(frame, data["points"], lambda _, y: data["sd"] > 0 and not low <= y <= high)
    else:
        frame.cells("cell", data["cells"], data["grid"], data["x_range"], data["y_range"])
    title = "Heterozygosity and call rate of the samples"
    if data["samples"] == 1:
        described = f"1 sample; heterozygosity {data['mean']:.1%}"
    else:
        described = (
            f"{data['samples']:,} samples; mean heterozygosity {data['mean']:.1%}, "
            f"standard deviation {data['sd']:.1%}; "
            f"{data['outliers']:,} farther than {data['outlying_sd']:g} standard deviations from it"
        )
    text = f"{described}. Too many heterozygotes hint at a mixed sample, too few at inbreeding or a different ancestry."
    if data["sd"] > 0:
        text += " Dashed lines: mean, and the limits of outliers."
    if flagged is not None and flagged != data["outliers"]:
        text += (
            f" Sample QC, which goes by F and so by the frequencies of the sites that each sample is called at, "
            f"found {flagged:,}."
        )
    rows = [
        (one["sample"], f"{one['heterozygosity']:.2%}", f"{one['call_rate']:.2%}", "yes" if one["outlier"] else "no")
        for one in data["extreme"]
    ]
    left = data["samples"] - len(rows)
    note = f"The {len(rows)} samples farthest from the mean of {data['samples']:,}." if left else ""
    legend = () if data["points"] is None else (("dot", "sample"), ("cross", "outlier"))
    return Figure(
        "heterozygosity",
        title,
        text,
        picture("heterozygosity", title, described, [frame]),
        Table(("Sample", "Heterozygosity", "Call rate", "Outlier"), rows, note),
        legend,
    )


def _dots(frame: Frame, points: Sequence[Sequence[float]], far: Any) -> None:
    near: list[tuple[float, float]] = []
    away: list[tuple[float, float]] = []
    for x, y in points:
        (away if far(x, y) else near).append((x, y))
    radius = 3.5 if len(points) < 200 else 2.5 if len(points) < 2000 else 1.8
    frame.dots("near", near, radius)
    frame.crosses("away", away, radius + 0.5)
