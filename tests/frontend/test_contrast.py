"""Colours of both schemes keep the contrast that WCAG 2.2 AA asks for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOKENS = Path(__file__).parents[2] / "frontend" / "static" / "css" / "tokens.css"

TEXT = [
    *[(ink, ground) for ink in ("ink", "muted", "accent", "bad") for ground in ("ground", "surface", "sunken")],
    *[(tone, f"{tone}-soft") for tone in ("good", "warn", "bad", "accent")],
    *[("ink", f"{tone}-soft") for tone in ("bad", "warn", "accent")],
    ("accent-strong", "surface"), ("accent", "bad-soft"), ("warn", "surface"),
    ("on-accent", "accent"), ("on-accent", "accent-strong"), ("on-bad", "bad"),
]  # fmt: skip
EDGES = [("control", "surface"), ("accent", "line"), ("good", "surface"), ("bad", "surface")]


def _schemes() -> dict[str, dict[str, str]]:
    light, dark = TOKENS.read_text().split("prefers-color-scheme: dark")
    found = {
        name: dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", part))
        for name, part in (("light", light), ("dark", dark))
    }
    return {"light": found["light"], "dark": found["light"] | found["dark"]}


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_is_21() -> None:
    assert _contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(scheme: str) -> None:
    colours = _schemes()[scheme]
    wanted = [(pair, 4.5) for pair in TEXT] + [(pair, 3.0) for pair in EDGES]
    low = {pair: _contrast(colours[pair[0]], colours[pair[1]]) for pair, least in wanted
           if _contrast(colours[pair[0]], colours[pair[1]]) < least}  # fmt: skip
    assert not low


REPORT = Path(__file__).parents[2] / "worker" / "pipeline" / "templates" / "report.css"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_of_the_report(scheme: str) -> None:
    """Words on paper and panels, and the colours of marks on paper."""
    light, dark = REPORT.read_text().split("prefers-color-scheme: dark")
    own = {name: dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", part.split("}")[0]))
           for name, part in (("light", light), ("dark", dark))}  # fmt: skip
    colours = own["light"] | (own["dark"] if scheme == "dark" else {})
    words = [(ink, ground) for ink in ("ink", "soft", "main", "warn") for ground in ("paper", "panel")]
    wanted = [(pair, 4.5) for pair in words] + [((f"c{mark}", "paper"), 3.0) for mark in range(7)]
    low = {pair: least for pair, least in wanted if _contrast(colours[pair[0]], colours[pair[1]]) < least}
    assert not low
