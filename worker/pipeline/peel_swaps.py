"""Samples that look exchanged, in words and for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

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
    named, exchanged = (
        ", ".join(
            f"{_words(fit)} at the place of '{name}'" for name, fit in zip((first, second), swap[key], strict=True)
        )
        for key in ("named", "exchanged")
    )
    message = (
        f"'{first}' and '{second}' look exchanged: as they are named, {named}; "
        f"with their genotypes exchanged, {exchanged}. The samples were used as they are named."
    )
    return Note("probable_swap", message, 2)


def _words(fit: Mapping[str, int]) -> str:
    relatives = "relative" if fit["relatives"] == 1 else "relatives"
    return (
        f"{fit['against']} of {fit['relatives']} {relatives} speak against it "
        f"({fit['opposing']:,} opposite homozygotes at {fit['compared']:,} loci)"
    )
