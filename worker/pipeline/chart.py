"""The report's bar chart as inline SVG: no script, no font, readable by a screen reader and in dark mode."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from worker.pipeline.types import QualityBin

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 28, 52


def percent(fraction: float) -> str:
    """A frequency as a short percentage: 0.1%, 5%."""
    return f"{100 * fraction:g}%"


def range_label(one: QualityBin) -> str:
    """Text of one bin."""
    return f"{percent(one.maf_low)}\N{EN DASH}{percent(one.maf_high)}"


def r2_chart(bins: Sequence[QualityBin]) -> str:
    """Bars of mean R2 over the bins that hold sites; an empty string when none does."""
    shown = [one for one in bins if one.mean_r2 is not None]
    if not shown:
        return ""
    high = HEIGHT - TOP - BOTTOM
    step = (WIDTH - LEFT - RIGHT) / len(shown)
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="r2-title r2-desc">',
        '<title id="r2-title">Mean estimated R2 by minor allele frequency</title>',
        f'<desc id="r2-desc">{escape("; ".join(f"{range_label(b)}: {b.mean_r2:.2f}" for b in shown))}</desc>',
    ]
    for tick in range(0, 11, 2):
        y = TOP + high * (1 - tick / 10)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick / 10:.1f}</text>')
    for number, one in enumerate(shown):
        r2 = min(max(one.mean_r2 or 0.0, 0.0), 1.0)
        middle = LEFT + step * (number + 0.5)
        wide = min(step * 0.62, 84)
        top = TOP + high * (1 - r2)
        box = f'x="{middle - wide / 2:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{high * r2:.1f}"'
        parts.append(f'<rect class="bar" {box} rx="3"/>')
        parts.append(f'<text class="value" x="{middle:.1f}" y="{top - 6:.1f}" text-anchor="middle">{r2:.2f}</text>')
        place = f'x="{middle:.1f}" y="{HEIGHT - BOTTOM + 18}"'
        parts.append(f'<text class="tick" {place} text-anchor="middle">{range_label(one)}</text>')
    parts.append(
        f'<text class="axis" x="{LEFT + (WIDTH - LEFT - RIGHT) / 2:.0f}" y="{HEIGHT - 10}" text-anchor="middle">'
        "minor allele frequency</text></svg>"
    )
    return "".join(parts)
