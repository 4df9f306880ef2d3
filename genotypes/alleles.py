"""One way of writing a variant: shared bases trimmed, indels shifted to the left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

Variant: TypeAlias = tuple[int, str, str]
"""Position (bp, 1-based), REF, ALT."""

Fetch: TypeAlias = Callable[[int, int], str]
"""Reference bases from a first to a last position (bp, 1-based, both included), upper case."""

COMPLEMENT: Final = str.maketrans("ACGTN", "TGCAN")
STEP: Final = 50  # bp of reference read at once
FARTHEST: Final = 10_000  # bp: no tandem repeat that is genotyped is longer


def reverse_complement(allele: str) -> str:
    """The allele as the other strand spells it."""
    return allele.translate(COMPLEMENT)[::-1]


def trim(pos: int, ref: str, alt: str) -> Variant:
    """The variant without the bases that REF and ALT share at their ends, one base left of each (Tan et al. 2015)."""
    cut = 0
    while cut < min(len(ref), len(alt)) - 1 and ref[-1 - cut] == alt[-1 - cut]:
        cut += 1
    if cut:
        ref, alt = ref[:-cut], alt[:-cut]
    start = 0
    while start < min(len(ref), len(alt)) - 1 and ref[start] == alt[start]:
        start += 1
    return pos + start, ref[start:], alt[start:]


def left_align(pos: int, ref: str, alt: str, fetch: Fetch) -> Variant:
    """The variant at its leftmost place, as `bcftools norm` writes it (Tan, Abecasis & Kang 2015, Bioinformatics).

    Args:
        pos: bp, 1-based.
        ref: REF.
        alt: ALT.
        fetch: the reference.
    """
    first = pos
    before = ""  # reference bases in front of `pos`, read in steps
    while first - pos < FARTHEST:
        if ref and alt and ref[-1] == alt[-1]:
            ref, alt = ref[:-1], alt[:-1]
        elif ref and alt:
            break
        if not ref or not alt:
            if pos == 1:  # nothing lies before: the base behind takes its place
                behind = fetch(1 + len(ref), 1 + len(ref))
                return 1, ref + behind, alt + behind
            if not before:
                before = fetch(max(1, pos - STEP), pos - 1)
            base, before = before[-1], before[:-1]
            pos, ref, alt = pos - 1, base + ref, base + alt
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        pos, ref, alt = pos + 1, ref[1:], alt[1:]
    return pos, ref, alt
