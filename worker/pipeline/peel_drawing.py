"""A pedigree as data for drawing, and as a small picture: generations as rows, families as lines between them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from html import escape
from typing import Any, Final

import numpy as np

from models.peeling.pedigree import FEMALE, MALE, Pedigree

MAX_DRAWN: Final = 300  # animals beyond which a picture would be a blur
_WIDE, _HIGH, _SIZE, _EDGE = 30, 84, 12, 26
_SEXES: Final = {MALE: "male", FEMALE: "female"}


def drawing(pedigree: Pedigree, has_data: Collection[int]) -> dict[str, Any]:
    """Generations and families of a pedigree.

    Returns:
        `generations`: animals in each; `families`: how many; and, up to `MAX_DRAWN` animals, `drawing` with `animals`
        (id, generation, sex, data) and `matings` (sire, dam, children), all by id.
    """
    generation = generations(pedigree)
    matings: dict[tuple[int, int], list[int]] = {}
    for child in range(len(pedigree)):
        key = int(pedigree.sire[child]), int(pedigree.dam[child])
        if key != (-1, -1):
            matings.setdefault(key, []).append(child)
    facts: dict[str, Any] = {"generations": np.bincount(generation).tolist(), "families": len(matings)}
    if len(pedigree) > MAX_DRAWN:
        return {**facts, "drawing": None}
    known, ids = set(has_data), pedigree.ids
    animals = [
        {"id": ids[row], "generation": int(generation[row]), "sex": _SEXES.get(int(pedigree.sex[row])),
         "data": row in known}
        for row in range(len(pedigree))
    ]  # fmt: skip
    families = [
        {"sire": ids[sire] if sire >= 0 else None, "dam": ids[dam] if dam >= 0 else None,
         "children": [ids[child] for child in children]}
        for (sire, dam), children in matings.items()
    ]  # fmt: skip
    return {**facts, "drawing": {"animals": animals, "matings": families}}


def generations(pedigree: Pedigree) -> np.ndarray[Any, np.dtype[np.int64]]:
    """(N,) 0 for founders, else one more than the later parent; a founder stands one before its first offspring."""
    out = np.zeros(len(pedigree), np.int64)
    for animal in pedigree.order.tolist():
        parents = [row for row in (int(pedigree.sire[animal]), int(pedigree.dam[animal])) if row >= 0]
        if parents:
            out[animal] = 1 + max(out[row] for row in parents)
    founders = (pedigree.sire < 0) & (pedigree.dam < 0)
    first = np.full(len(pedigree), np.iinfo(np.int64).max)
    for parents_of in (pedigree.sire, pedigree.dam):
        has = np.flatnonzero(parents_of >= 0)
        np.minimum.at(first, parents_of[has], out[has])
    moved = founders & (first < np.iinfo(np.int64).max)
    out[moved] = first[moved] - 1
    return out


def picture(data: Mapping[str, Any] | None, accuracy: Mapping[str, float | None]) -> str:
    """The drawing as SVG; an empty string without one.

    Args:
        data: `drawing` of the pedigree's facts.
        accuracy: expected accuracy of each animal by id; it shades the symbols.
    """
    if not data:
        return ""
    rows: dict[int, list[Mapping[str, Any]]] = {}
    for one in data["animals"]:
        rows.setdefault(one["generation"], []).append(one)
    place = _places(rows, data["matings"])
    wide = 2 * _EDGE + _WIDE * max(len(row) for row in rows.values())
    high = 2 * _EDGE + _HIGH * max(rows)
    title = f"{len(data['animals'])} animals in {len(rows)} generations, {len(data['matings'])} families"
    box = f'viewBox="0 0 {wide} {high}" width="{wide}"'
    parts = [f'<svg class="pedigree" {box} role="img" aria-labelledby="ped-title">',
             f'<title id="ped-title">{escape(title)}</title>']  # fmt: skip
    parts += [_lines(mating, place) for mating in data["matings"]]
    parts += [_symbol(one, *place[one["id"]], accuracy.get(one["id"])) for row in rows.values() for one in row]
    return "".join([*parts, "</svg>"])


def _places(
    rows: Mapping[int, list[Mapping[str, Any]]], matings: list[Mapping[str, Any]]
) -> dict[str, tuple[float, float]]:
    """Centre of each symbol; children stand in the order of their parents, so that lines cross little."""
    parents = {child: [p for p in (one["sire"], one["dam"]) if p] for one in matings for child in one["children"]}
    widest = max(len(row) for row in rows.values())
    place: dict[str, tuple[float, float]] = {}
    for generation in sorted(rows):
        row = rows[generation]

        def key(one: Mapping[str, Any]) -> float:
            above = [place[p][0] for p in parents.get(one["id"], []) if p in place]
            return sum(above) / len(above) if above else float(_WIDE * widest)

        ordered = sorted(row, key=key)
        step = _WIDE * widest / len(row)
        for number, one in enumerate(ordered):
            place[one["id"]] = (_EDGE + step * (number + 0.5), _EDGE + _HIGH * generation)
    return place


def _lines(mating: Mapping[str, Any], place: Mapping[str, tuple[float, float]]) -> str:
    """From the parents to a point between, and from there to every child."""
    parents = [place[one] for one in (mating["sire"], mating["dam"]) if one]
    x = sum(one[0] for one in parents) / len(parents)
    y = max(one[1] for one in parents) + _HIGH * 0.45
    ends = [*parents, *(place[child] for child in mating["children"])]
    return "".join(f'<path class="kin" d="M{x:.1f} {y:.1f}L{a:.1f} {b:.1f}"/>' for a, b in ends)


def _symbol(one: Mapping[str, Any], x: float, y: float, accuracy: float | None) -> str:
    """Square for males, circle for females, diamond else; filled where there are data, paler where less is known."""
    half = _SIZE / 2
    told = f", expected accuracy {accuracy:.2f}" if accuracy is not None else ""
    label = f"<title>{escape(one['id'])}{', genotyped' if one['data'] else ', no data'}{told}</title>"
    style = f'class="{"typed" if one["data"] else "untyped"}" fill-opacity="{max(0.08, accuracy or 0.08):.2f}"'
    if one["sex"] == "male":
        return f'<rect {style} x="{x - half:.1f}" y="{y - half:.1f}" width="{_SIZE}" height="{_SIZE}">{label}</rect>'
    if one["sex"] == "female":
        return f'<circle {style} cx="{x:.1f}" cy="{y:.1f}" r="{half + 0.5}">{label}</circle>'
    points = f"{x:.1f},{y - half:.1f} {x + half:.1f},{y:.1f} {x:.1f},{y + half:.1f} {x - half:.1f},{y:.1f}"
    return f'<polygon {style} points="{points}">{label}</polygon>'
