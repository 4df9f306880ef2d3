"""Distributions as SVG: no script, no font, readable by a screen reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise

import numpy as np

WIDTH, HEIGHT = 480, 260
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 34, 46
BINS = 24


def histogram(title: str, values: Sequence[float]) -> str:
    """Bars of how many values fall into each of up to 24 even bins; whole numbers of few kinds get a bar each."""
    data = np.asarray(values, np.float64)
    kinds = np.unique(data)
    if len(kinds) <= 12:
        return bars(title, {f"{kind:g}": int((data == kind).sum()) for kind in kinds})
    counts, edges = np.histogram(data, BINS)
    labels = {0: f"{short(edges[0])}", BINS // 2: short(edges[BINS // 2]), BINS - 1: short(edges[-1])}
    tips = [f"{short(a)} to {short(b)}" for a, b in pairwise(edges)]
    return _draw(title, counts.tolist(), [labels.get(k, "") for k in range(BINS)], tips)


def bars(title: str, counts: Mapping[str, int], of: str = "tiles") -> str:
    """A bar for each name, of so many tiles or whatever is counted."""
    return _draw(title, list(counts.values()), list(counts), list(counts), of)


def short(value: float) -> str:
    """`1.2 M`, `340 k`, `87`."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == ' k' else size):.3g}{unit}"
    return f"{value:.4g}"


def _draw(title: str, counts: list[int], labels: list[str], tips: list[str], of: str = "tiles") -> str:
    high, most = HEIGHT - TOP - BOTTOM, max([*counts, 1])
    step = (WIDTH - LEFT - RIGHT) / max(1, len(counts))
    told = "; ".join(f"{tip}: {count}" for tip, count in zip(tips, counts, strict=True))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img" '
        f'font-family="sans-serif" font-size="12" fill="currentColor"><title>{escape(title)}</title>'
        f"<desc>{escape(told)}</desc>",
        f'<text x="{LEFT}" y="18" font-weight="bold">{escape(title)}</text>',
    ]
    for share in (0, 0.5, 1):
        y = TOP + high * (1 - share)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#8886"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{most * share:g}</text>')
    for k, (count, label, tip) in enumerate(zip(counts, labels, tips, strict=True)):
        x, tall = LEFT + step * k, high * count / most
        box = f'x="{x + step * 0.08:.1f}" y="{TOP + high - tall:.1f}" width="{step * 0.84:.1f}" height="{tall:.1f}"'
        parts.append(f'<rect {box} fill="#2b6cb0"><title>{escape(tip)}: {count}</title></rect>')
        if label:
            place = f'x="{x + step / 2:.1f}" y="{HEIGHT - BOTTOM + 18}"'
            parts.append(f'<text {place} text-anchor="middle">{escape(label)}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{of}</text></svg>')
    return "".join(parts)
