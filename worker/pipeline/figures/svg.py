"""A frame with axes, and the marks that go into it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

from markupsafe import Markup

WIDTH, HEIGHT = 720, 340
NARROW = 420  # two such plots stand side by side
LEFT, RIGHT, TOP, BOTTOM = 80, 28, 16, 56
DASH = "\N{EN DASH}"
# Corners around the middle, y downwards; the style sheet cuts the legend's keys alike.
FORMS: tuple[tuple[tuple[float, float], ...], ...] = (
    ((-0.45, -1), (0.45, -1), (1, -0.45), (1, 0.45), (0.45, 1), (-0.45, 1), (-1, 0.45), (-1, -0.45)),  # nearly a disc
    ((0, -1.15), (1.1, 0.85), (-1.1, 0.85)),
    ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
    ((0, 1.15), (1.1, -0.85), (-1.1, -0.85)),
    ((-0.35, -1.2), (0.35, -1.2), (0.35, -0.35), (1.2, -0.35), (1.2, 0.35), (0.35, 0.35), (0.35, 1.2), (-0.35, 1.2),
     (-0.35, 0.35), (-1.2, 0.35), (-1.2, -0.35), (-0.35, -0.35)),
    ((-1.3, -0.7), (1.3, -0.7), (1.3, 0.7), (-1.3, 0.7)),
)  # fmt: skip

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers behind a plot."""

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""  # what the table leaves out


@dataclass(frozen=True, slots=True)
class Figure:
    """One plot."""

    ident: str  # of the HTML element
    title: str
    text: str  # how to read it, and what it shows
    svg: Markup
    table: Table
    legend: Sequence[tuple[str, str]] = ()  # class of the mark, name


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis."""

    label: str  # with its unit
    low: float
    high: float
    ticks: Sequence[tuple[float, str]] = ()


@dataclass(slots=True)
class Frame:
    """Axes and a growing list of marks; places are in the units of the axes."""

    x: Axis
    y: Axis
    top: int = TOP
    height: int = HEIGHT  # of the frame with its labels
    width: int = WIDTH
    parts: list[str] = field(default_factory=list)

    @property
    def right(self) -> float:
        """Pixel column where the x axis ends."""
        return self.width - RIGHT

    @property
    def bottom(self) -> float:
        """Pixel row of the x axis."""
        return self.top + self.height - TOP - BOTTOM

    def at_x(self, value: float) -> float:
        """Pixel column of a value."""
        return LEFT + (self.right - LEFT) * _share(value, self.x)

    def at_y(self, value: float) -> float:
        """Pixel row of a value."""
        return self.bottom - (self.bottom - self.top) * _share(value, self.y)

    def axes(self) -> None:
        """Grid lines, tick labels and axis labels."""
        right = self.right
        for value, text in self.y.ticks:
            y = self.at_y(value)
            self.line("grid", LEFT, y, right, y)
            self.text("tick", LEFT - 8, y + 4, text, "end")
        for value, text in self.x.ticks:
            x = self.at_x(value)
            self.line("grid", x, self.bottom, x, self.bottom + 5)
            self.text("tick", x, self.bottom + 19, text, "middle")
        self.line("base", LEFT, self.bottom, right, self.bottom)
        self.text("axis", (LEFT + right) / 2, self.bottom + 42, self.x.label, "middle")
        middle = (self.top + self.bottom) / 2
        turned = f'transform="rotate(-90 14 {middle:.1f})"'
        self.text("axis", 14, middle, self.y.label, "middle", turned)

    def line(self, kind: str, x1: float, y1: float, x2: float, y2: float) -> None:
        """A line between pixels."""
        self.parts.append(f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def text(self, kind: str, x: float, y: float, words: str, anchor: str, more: str = "") -> None:
        """Words at a pixel."""
        place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
        self.parts.append(f'<text class="{kind}" {place} {more}>{escape(words)}</text>')

    def bar(self, kind: str, low: float, high: float, value: float) -> None:
        """A bar from the x axis up, with a gap at its sides."""
        left, right, top = self.at_x(low), self.at_x(high), self.at_y(value)
        gap = min(1.0, 0.1 * (right - left))
        size = f'width="{max(0.5, right - left - 2 * gap):.1f}" height="{max(0.0, self.bottom - top):.1f}"'
        self.parts.append(f'<rect class="{kind}" x="{left + gap:.1f}" y="{top:.1f}" {size}/>')

    def dots(self, kind: str, points: Sequence[Sequence[float]], radius: float = 3.0) -> None:
        """Circles, as one path: a stroke of no length with round ends."""
        if points:
            steps = "".join(f"M{self.at_x(x):.1f} {self.at_y(y):.1f}h0" for x, y in points)
            self.parts.append(f'<path class="dots {kind}" stroke-width="{2 * radius:g}" d="{steps}"/>')

    def crosses(self, kind: str, points: Sequence[Sequence[float]], size: float = 4.0) -> None:
        """Crosses, so that form tells what colour tells."""
        if points:
            steps = "".join(
                f"M{self.at_x(x) - size:.1f} {self.at_y(y) - size:.1f}l{2 * size:g} {2 * size:g}"
                f"m0 {-2 * size:g}l{-2 * size:g} {2 * size:g}"
                for x, y in points
            )
            self.parts.append(f'<path class="crosses {kind}" d="{steps}"/>')

    def marks(self, kind: str, form: int, points: Sequence[Sequence[float]], size: float = 4.0) -> None:
        """Filled forms, so that form tells what colour tells: `form` counts through `FORMS`."""
        if points:
            step = FORMS[form % len(FORMS)]
            drawn = "".join(
                f"M{self.at_x(x) + size * step[0][0]:.1f} {self.at_y(y) + size * step[0][1]:.1f}"
                + "".join(f"l{size * (b[0] - a[0]):.1f} {size * (b[1] - a[1]):.1f}" for a, b in pairwise(step))
                + "z"
                for x, y in points
            )
            self.parts.append(f'<path class="marks {kind}" d="{drawn}"/>')

    def curve(self, kind: str, points: Sequence[tuple[float, float | None]]) -> None:
        """A line through points; None breaks it, and a point alone becomes a dot."""
        steps, pen = [], False
        known = [value is not None for _, value in points]
        alone = []
        for place, (x, y) in enumerate(points):
            if y is None:
                pen = False
                continue
            if not pen and not (place + 1 < len(points) and known[place + 1]):
                alone.append((x, y))
            steps.append(f"{'L' if pen else 'M'}{self.at_x(x):.1f} {self.at_y(y):.1f}")
            pen = True
        if steps:
            self.parts.append(f'<path class="curve {kind}" d="{"".join(steps)}"/>')
        self.dots(kind, alone, 2)

    def cells(
        self, kind: str, cells: Sequence[Sequence[int]], grid: int, x: Sequence[float], y: Sequence[float]
    ) -> None:
        """Counts on a grid, darker where more points are; the scale is logarithmic."""
        most = math.log1p(max((count for _, _, count in cells), default=1))
        wide, tall = (x[1] - x[0]) / grid, (y[1] - y[0]) / grid
        for column, row, count in cells:
            left, top = self.at_x(x[0] + column * wide), self.at_y(y[0] + (row + 1) * tall)
            right, bottom = self.at_x(x[0] + (column + 1) * wide), self.at_y(y[0] + row * tall)
            size = f'width="{right - left:.2f}" height="{bottom - top:.2f}"'
            shade = 0.15 + 0.85 * math.log1p(count) / most
            self.parts.append(f'<rect class="{kind}" x="{left:.2f}" y="{top:.2f}" {size} opacity="{shade:.2f}"/>')


def picture(ident: str, title: str, description: str, frames: Sequence[Frame]) -> Markup:
    """Frames below one another as one SVG that a screen reader knows as an image with title and description."""
    height, width = sum(frame.height for frame in frames), max(frame.width for frame in frames)
    body = "".join(part for frame in frames for part in frame.parts)
    return Markup(
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{ident}-t" '
        f'aria-describedby="{ident}-d">'
        f'<title id="{ident}-t">{escape(title)}</title><desc id="{ident}-d">{escape(description)}</desc>{body}</svg>'
    )


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers from `low` to `high`, about so many."""
    if high <= low:
        return [low]
    rough = (high - low) / about
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 12) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def numbered(low: float, high: float, about: int = 6) -> list[tuple[float, str]]:
    """Ticks with plain numbers."""
    return [(value, f"{value:,.10g}") for value in ticks(low, high, about)]


def percents(low: float, high: float, about: int = 6) -> list[tuple[float, str]]:
    """Ticks with percentages."""
    return [(value, f"{100 * value:.6g}%") for value in ticks(low, high, about)]


def _share(value: float, axis: Axis) -> float:
    return min(max((value - axis.low) / (axis.high - axis.low), 0.0), 1.0) if axis.high > axis.low else 0.5
