"""A chromosome from end to end: how densely it is typed, and after the run how well it is imputed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from worker.pipeline.figures.bars import R2_TICKS
from worker.pipeline.figures.svg import DASH, TOP, Axis, Figure, Frame, Table, numbered, picture
from worker.pipeline.types import Window

RUN = 5  # windows of the running mean
MB = 1e6


def density_figure(density: Mapping[str, Any], windows: Sequence[Window] = ()) -> Figure:
    """Typed sites per window, and above them the running mean of R2 and of ER2 when there are `windows`."""
    name, edges, typed = density["chromosome"], density["edges"], density["typed"]
    ident = "along-" + "".join(char if char.isalnum() else "-" for char in name)
    low, high = edges[0] / MB, edges[-1] / MB
    across = Axis(f"position on chromosome {name} (Mb)", low, high, numbered(low, high, 8))
    frames = []
    if windows:
        above = Frame(Axis("", low, high, across.ticks), Axis("mean R2", 0, 1, R2_TICKS), height=240)
        above.axes()
        middles = [(one.first + one.end) / 2 / MB for one in windows]
        r2 = running([one.mean_r2 for one in windows], [one.imputed for one in windows])
        er2 = running([one.mean_er2 for one in windows], [one.typed for one in windows])
        above.curve("line1", list(zip(middles, r2, strict=True)))
        above.curve("line2", list(zip(middles, er2, strict=True)))
        frames.append(above)
    most = max(max(typed), 1) * 1.05
    up = Axis("typed sites", 0, most, [t for t in numbered(0, most, 3) if t[0] == int(t[0])])
    below = Frame(across, up, top=TOP + sum(frame.height for frame in frames), height=200)
    below.axes()
    for first, end, count in zip(edges, edges[1:], typed, strict=False):
        if count:
            below.bar("bar", first / MB, end / MB, count)
    frames.append(below)
    empty = sum(1 for count in typed if not count)
    width = (edges[-1] - edges[0]) / len(typed) / 1e3
    described = (
        f"{sum(typed):,} typed sites in {len(typed)} windows of {width:,.1f} kb; windows without any: {empty}; "
        f"most in one: {max(typed):,}"
    )
    text = f"{described}. Stretches without typed sites are imputed from farther away, and less well."
    if windows:
        text += f" The lines are running means over {RUN} windows."
    title = f"Chromosome {name}" + (": accuracy and typed sites" if windows else ": typed sites")
    if windows:
        head: Sequence[str] = ("Window (Mb)", "Typed", "Imputed", "Mean R2", "Mean ER2")
        rows = [
            (_span(one.first, one.end), one.typed, one.imputed, _score(one.mean_r2), _score(one.mean_er2))
            for one in windows
        ]
        legend = (("line1", "R2, imputed sites"), ("line2", "ER2, typed sites"), ("bar", "typed sites"))
        return Figure(ident, title, text, picture(ident, title, described, frames), Table(head, rows), legend)
    spans = zip(edges, edges[1:], typed, density["bundle"], strict=False)
    counted = [(_span(first, end), count, sites) for first, end, count, sites in spans]
    table = Table(("Window (Mb)", "Typed", "Sites of the bundle"), counted)
    return Figure(ident, title, text, picture(ident, title, described, frames), table)


def running(values: Sequence[float | None], weights: Sequence[int]) -> list[float | None]:
    """Means over `RUN` neighbours, each weighed by its sites; None where none of them has a value."""
    out: list[float | None] = []
    for place in range(len(values)):
        near = range(max(0, place - RUN // 2), min(len(values), place + RUN // 2 + 1))
        pairs = [(value, weights[k]) for k in near if (value := values[k]) is not None]
        total = sum(weight for _, weight in pairs)
        out.append(sum(value * weight for value, weight in pairs) / total if total else None)
    return out


def _span(first: int, end: int) -> str:
    return f"{first / MB:.3f}{DASH}{end / MB:.3f}"


def _score(value: float | None) -> str:
    return DASH if value is None else f"{value:.3f}"
