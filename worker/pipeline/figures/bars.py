"""Bars over ranges of minor allele frequency, and histograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from worker.pipeline.chart import percent, range_label
from worker.pipeline.figures.svg import DASH, WIDTH, Axis, Figure, Frame, Table, numbered, percents, picture
from worker.pipeline.types import QualityBin

R2_TICKS = [(tick / 10, f"{tick / 10:.1f}") for tick in range(0, 11, 2)]
ACROSS = "minor allele frequency"


def maf_label(low: float, high: float) -> str:
    """A range of frequencies: 0.1-0.5%."""
    return f"{percent(low)}{DASH}{percent(high)}"


def quality_figure(imputed: Sequence[QualityBin], hidden: Sequence[QualityBin]) -> Figure | None:
    """Mean R2 of imputed sites beside mean ER2 of typed ones, by frequency; None when no site has either."""
    typed = {(one.maf_low, one.maf_high): one for one in hidden}
    rows = [(one, typed.get((one.maf_low, one.maf_high))) for one in imputed]
    shown = [
        (one, other)
        for one, other in rows
        if one.mean_r2 is not None or (other is not None and other.mean_r2 is not None)
    ]
    if not shown:
        return None
    frame = _r2_frame([range_label(one) for one, _ in shown])
    both = any(other is not None and other.mean_r2 is not None for _, other in shown)
    for place, (one, other) in enumerate(shown):
        _labelled(frame, "bar", place + 0.12, place + (0.5 if both else 0.88), one.mean_r2)
        if both and other is not None:
            _labelled(frame, "bar2", place + 0.5, place + 0.88, other.mean_r2)
    described = "; ".join(
        f"{range_label(one)}: R2 {_score(one.mean_r2)}" + (f", ER2 {_score(other.mean_r2)}" if other else "")
        for one, other in shown
    )
    title = "Accuracy by minor allele frequency"
    table = Table(
        ("Frequency", "Imputed sites", "Mean R2", "Typed sites", "Mean ER2"),
        [
            (range_label(one), one.sites, _score(one.mean_r2), other.sites if other else 0,
             _score(other.mean_r2) if other else DASH)
            for one, other in rows
        ],
    )  # fmt: skip
    return Figure(
        "quality-maf",
        title,
        "R2 is the squared correlation of imputed and true genotypes that the model expects at sites that were not "
        "typed, if anybody carries the rarer allele at all. ER2 is measured: each typed genotype is hidden from the "
        "model and imputed. Frequencies are those of the bundle's training panel.",
        picture("quality-maf", title, described, [frame]),
        table,
        (("bar", "R2, imputed sites"), ("bar2", "ER2, typed sites")) if both else (),
    )


def expected_figure(expected: Mapping[str, Any]) -> Figure | None:
    """Expected r2 by frequency with its error; None when there is none."""
    shown = [one for one in expected["bins"] if one["r2"] is not None]
    if not shown:
        return None
    frame = _r2_frame([maf_label(*one["maf"]) for one in shown])
    for place, one in enumerate(shown):
        _labelled(frame, "bar", place + 0.2, place + 0.8, one["r2"], lift=one["error"] or 0.0)
        if one["error"] is not None:
            low, high = max(0.0, one["r2"] - one["error"]), min(1.0, one["r2"] + one["error"])
            middle = frame.at_x(place + 0.5)
            frame.line("whisker", middle, frame.at_y(low), middle, frame.at_y(high))
            for value in (low, high):
                frame.line("whisker", middle - 7, frame.at_y(value), middle + 7, frame.at_y(value))
    described = "; ".join(f"{maf_label(*one['maf'])}: {one['r2']:.2f}" for one in shown)
    arrays = ", ".join(f"{one['array']} ({one['weight']:.0%})" for one in expected["arrays"])
    outside = {
        "sparser": " The upload is typed more sparsely than any of these arrays: expect less.",
        "denser": " The upload is typed more densely than any of these arrays: expect more.",
        None: "",
    }[expected["outside"]]
    title = "Expected accuracy before the run"
    text = (
        f"The upload types {expected['typed_share']:.1%} of the bundle's sites on its chromosomes. The figures were "
        "measured by the bundle's makers on people outside the training panel, for the arrays that are nearest to the "
        f"upload in typed share per frequency range, weighed by nearness: {arrays}. Whiskers: how far off the same "
        "reckoning is, on average, for each of the bundle's own arrays when it is left out. People unlike the panel do "
        "worse." + outside
    )
    table = Table(
        ("Frequency", "Sites to impute", "Typed sites", "Expected r2", "Usual error"),
        [(maf_label(*o["maf"]), o["sites"], o["typed"], _score(o["r2"]), _score(o["error"])) for o in expected["bins"]],
    )
    return Figure("expected", title, text, picture("expected", title, described, [frame]), table)


def histogram_figure(
    ident: str,
    title: str,
    text: str,
    across: str,
    up: str,
    data: Mapping[str, Any],
    *,
    shares: bool = True,
    width: int = WIDTH,
) -> Figure | None:
    """Bars over equal ranges; None when nothing was counted."""
    edges, counts = data["edges"], data["counts"]
    if not sum(counts):
        return None
    most = max(counts)
    scale = percents if shares else numbered
    x = Axis(across, edges[0], edges[-1], scale(edges[0], edges[-1], 5 if width == WIDTH else 4))
    frame = Frame(
        x,
        Axis(up, 0, most * 1.05, [t for t in numbered(0, most * 1.05, 4) if t[0] == int(t[0])]),
        height=260,
        width=width,
    )
    frame.axes()
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        if count:
            frame.bar("bar", low, high, count)
    name = percent_range if shares else number_range
    rows = [(name(low, high), count) for low, high, count in zip(edges, edges[1:], counts, strict=False)]
    described = "; ".join(f"{label}: {count:,}" for label, count in rows if count)
    return Figure(ident, title, text, picture(ident, title, described, [frame]), Table((across, up), rows))


def percent_range(low: float, high: float) -> str:
    """A range of shares."""
    return f"{100 * low:.5g}{DASH}{100 * high:.5g}%"


def number_range(low: float, high: float) -> str:
    """A range of numbers."""
    return f"{low:.4g}{DASH}{high:.4g}"


def _r2_frame(labels: Sequence[str]) -> Frame:
    across = [(place + 0.5, label) for place, label in enumerate(labels)]
    frame = Frame(Axis(ACROSS, 0, len(labels), across), Axis("mean squared correlation", 0, 1, R2_TICKS))
    frame.axes()
    return frame


def _labelled(frame: Frame, kind: str, low: float, high: float, value: float | None, lift: float = 0.0) -> None:
    """A bar with its value above."""
    if value is None:
        return
    shown = min(max(value, 0.0), 1.0)
    frame.bar(kind, low, high, shown)
    y = frame.at_y(min(1.0, shown + lift)) - 5
    frame.text("value", (frame.at_x(low) + frame.at_x(high)) / 2, max(y, 12), f"{shown:.2f}", "middle")


def _score(value: float | None) -> str:
    return DASH if value is None else f"{value:.3f}"
