"""Samples that look exchanged, in words and for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from models.peeling.rotations import Rotation
from models.peeling.swaps import Swap
from worker.pipeline.types import Note


def swap_dict(ids: Sequence[str], swap: Swap) -> dict[str, Any]:
    """A swap by ids, with its evidence: `named` and `exchanged` hold the fits of both places."""
    return {
        "first": ids[swap.first],
        "second": ids[swap.second],
        "named": [asdict(one) for one in swap.named],
        "exchanged": [asdict(one) for one in swap.exchanged],
    }


def swap_note(swap: Mapping[str, Any]) -> Note:
    """The sentence of a report."""
    first, second = swap["first"], swap["second"]
    (a, b), (c, d) = swap["named"], swap["exchanged"]
    message = (
        f"'{first}' and '{second}' look exchanged: as they are named, {_share(a)} parents and offspring contradict "
        f"'{first}' ({a['opposing']:,} opposite homozygotes at {a['compared']:,} loci) and {_share(b)} contradict "
        f"'{second}' ({b['opposing']:,} at {b['compared']:,}); with their samples exchanged, {_share(c)} "
        f"({c['opposing']:,} at {c['compared']:,}) and {_share(d)} ({d['opposing']:,} at {d['compared']:,}). "
        "The samples were used as they are named."
    )
    return Note("probable_swap", message, 2)


def rotation_dict(ids: Sequence[str], ring: Rotation) -> dict[str, Any]:
    """A ring by ids: the sample named as one animal fits the place of the next; `named` and `moved` hold the fits."""
    return {
        "animals": [ids[animal] for animal in ring.animals],
        "named": [asdict(one) for one in ring.named],
        "moved": [asdict(one) for one in ring.moved],
    }


def rotation_note(ring: Mapping[str, Any]) -> Note:
    """The sentence of a report."""
    animals = ring["animals"]
    way = ", ".join(
        f"'{one}' that of '{other}'" for one, other in zip(animals, [*animals[1:], animals[0]], strict=True)
    )
    named, moved = (
        f"{sum(one['against'] for one in fits)} of {sum(one['relatives'] for one in fits)} "
        f"({sum(one['opposing'] for one in fits):,} opposite homozygotes at "
        f"{sum(one['compared'] for one in fits):,} loci)"
        for fits in (ring["named"], ring["moved"])
    )
    message = (
        f"The samples of {len(animals)} animals look moved on in a ring; each fits a place that is not its own: {way}. "
        f"As they are named, {named} parents and offspring contradict them; moved back, {moved}. "
        "The samples were used as they are named."
    )
    return Note("probable_rotation", message, len(animals))


def _share(fit: Mapping[str, int]) -> str:
    return f"{fit['against']} of {fit['relatives']}"
