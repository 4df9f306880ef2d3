"""What becomes of a site of the upload: the names of all fates, and the first verdict, which alleles alone give."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from genotypes.alleles import Fetch, Variant, left_align, trim
from genotypes.harmonise import Action, Match, compare, match
from genotypes.mending import ALL, Mend
from genotypes.sites import SiteTable
from genotypes.strand import Evidence, palindromic


class Fate(IntEnum):
    """What becomes of a site of the upload."""

    exact = 0
    swapped = 1  # REF and ALT changed places
    flipped = 2  # read on the other strand
    flipped_swapped = 3
    typed_only = 4  # kept in the result as it is
    allele_mismatch = 5  # removed from here on
    duplicate_positions = 6
    all_missing = 7
    realigned = 8  # used: the bundle writes the same variant otherwise
    realigned_swapped = 9
    merged = 10  # removed from here on; its calls went into another record of the variant
    not_mended = 11  # a mending that the job does not allow would have been needed
    ambiguous_strand = 12  # A or T, C or G: nothing tells the strand
    low_call_rate = 13
    hwe = 14
    af_difference = 15
    ref_mismatch = 16  # lifted, unknown to the bundle, and the reference genome holds another base


VERDICTS: Final = {
    Action.exact: Fate.exact,
    Action.swapped: Fate.swapped,
    Action.flipped: Fate.flipped,
    Action.flipped_swapped: Fate.flipped_swapped,
    Action.allele_mismatch: Fate.allele_mismatch,
}
USED: Final = (
    Fate.exact, Fate.swapped, Fate.flipped, Fate.flipped_swapped, Fate.realigned, Fate.realigned_swapped,
)  # fmt: skip
TURNED: Final = (Fate.swapped, Fate.flipped_swapped, Fate.realigned_swapped)  # REF and ALT of the calls change places
REMOVED: Final = tuple(one for one in Fate if one not in USED and one != Fate.typed_only)
_NEEDS: Final = {
    Fate.swapped: {Mend.swap},
    Fate.flipped: {Mend.flip},
    Fate.flipped_swapped: {Mend.swap, Mend.flip},
    Fate.realigned: {Mend.indels},
    Fate.realigned_swapped: {Mend.swap, Mend.indels},
}


@dataclass(frozen=True, slots=True, eq=False)
class Meeting:
    """How T sites of a chromosome meet the bundle's, by position and alleles alone."""

    fate: NDArray[np.uint8]  # (T,) first verdicts
    rows: NDArray[np.int32]  # (T,) row of the bundle's site table; only where the fate is one of USED
    evidence: Evidence  # strands of the matched sites whose alleles tell it
    shared: int  # sites at a position of the bundle
    within: int  # sites between the bundle's first and last
    density: float  # share of the positions between them that the bundle holds
    matched: int  # sites whose alleles are the bundle's in any way, allowed or not
    beyond: int = 0  # sites past the end of the bundle's contig


def meet(
    typed: SiteTable,
    bundle: SiteTable,
    mend: frozenset[Mend] = ALL,
    fetch: Fetch | None = None,
    length: int | None = None,
    lifted: bool = False,
) -> Meeting:
    """Compare positions and alleles.

    Args:
        typed: T sites of the upload, sorted by position.
        bundle: the chromosome's site table, sorted by position.
        mend: what may be mended; a site that would need more gets the fate `not_mended`.
        fetch: the reference genome, where one is configured: indels are shifted to the left with it.
        length: bp of the bundle's contig, where known.
        lifted: sites come from another build, so that REF need not be the reference's; with `fetch` it is checked.
    """
    fate, rows = _verdicts(typed, bundle, match(typed, bundle))
    if Mend.indels in mend:
        _realign(typed, bundle, fate, rows, fetch)
    if lifted and fetch is not None:
        for site in np.flatnonzero(fate == Fate.typed_only).tolist():
            pos, ref = int(typed.pos[site]), typed.ref[site]
            if fetch(pos, pos + len(ref) - 1) != ref:
                fate[site] = Fate.ref_mismatch
    used = np.isin(fate, USED)
    plain = used.copy()
    plain[used] = ~palindromic(bundle.take(rows[used]))
    evidence = Evidence(
        forward=int((plain & np.isin(fate, (Fate.exact, Fate.swapped))).sum()),
        reverse=int((plain & np.isin(fate, (Fate.flipped, Fate.flipped_swapped))).sum()),
    )
    for verdict, needed in _NEEDS.items():
        if not needed <= mend:
            fate[fate == verdict] = Fate.not_mended
    return Meeting(
        fate=fate,
        rows=rows,
        evidence=evidence,
        shared=int((np.searchsorted(bundle.pos, typed.pos, "right") > np.searchsorted(bundle.pos, typed.pos)).sum()),
        within=int(((typed.pos >= bundle.pos[0]) & (typed.pos <= bundle.pos[-1])).sum()),
        density=(1 + np.count_nonzero(np.diff(bundle.pos))) / (int(bundle.pos[-1]) - int(bundle.pos[0]) + 1),
        matched=int(used.sum()),
        beyond=0 if length is None else int((typed.pos > length).sum()),
    )


def _verdicts(typed: SiteTable, bundle: SiteTable, found: Match) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Verdicts from the alleles as they are written, and the bundle rows."""
    fate = np.full(len(typed), Fate.typed_only, np.uint8)
    for action, verdict in VERDICTS.items():
        fate[found.action == action] = verdict
    rows = found.rows.copy()
    first = np.searchsorted(bundle.pos, typed.pos, side="left")
    end = np.searchsorted(bundle.pos, typed.pos, side="right")
    for site in np.flatnonzero(found.action == Action.duplicate).tolist():
        # `match` gives a row to the first of several; which of them wins is decided with their calls in hand.
        near = range(first[site], end[site])
        choices = [(compare(typed.ref[site], typed.alt[site], bundle.ref[r], bundle.alt[r]), r) for r in near]
        action, rows[site] = min((action, row) for action, row in choices if action is not None)
        fate[site] = VERDICTS[action]
    for site in np.flatnonzero(found.action == Action.allele_mismatch).tolist():
        # The same REF with another ALT is a further allele of the site, not a mistake: it stays as typed-only.
        if any(typed.ref[site] == bundle.ref[row] for row in range(first[site], end[site])):
            fate[site] = Fate.typed_only
    return fate, rows


def _realign(
    typed: SiteTable, bundle: SiteTable, fate: NDArray[np.uint8], rows: NDArray[np.int32], fetch: Fetch | None
) -> None:
    """Match what is left by the shortest way of writing it; with a reference, by the leftmost place too."""
    left = np.flatnonzero(np.isin(fate, (Fate.typed_only, Fate.allele_mismatch)))
    longer = [site for site in left.tolist() if _is_long(typed.ref[site], typed.alt[site])]
    if not longer:
        return
    theirs = {row: trim(int(bundle.pos[row]), bundle.ref[row], bundle.alt[row]) for row in _long_rows(bundle)}
    written: dict[Variant, int] = {}
    for row, variant in theirs.items():
        written.setdefault(variant, row)
        if fetch is not None and len(variant[1]) != len(variant[2]):
            written.setdefault(left_align(*variant, fetch), row)
    for site in longer:
        variant = trim(int(typed.pos[site]), typed.ref[site], typed.alt[site])
        tries = [variant]
        if fetch is not None and len(variant[1]) != len(variant[2]):
            tries.append(left_align(*variant, fetch))
        as_it_came = int(typed.pos[site]), typed.ref[site], typed.alt[site]
        for one in tries:
            found = _in_either_order(written, one)
            if found is None and one != as_it_came:
                found = _as_the_bundle_writes(bundle, one)
            if found is not None:
                fate[site], rows[site] = found
                break


def _in_either_order(written: dict[Variant, int], variant: Variant) -> tuple[Fate, int] | None:
    """The bundle's row whose shortest or leftmost form is this variant's."""
    pos, ref, alt = variant
    if (row := written.get((pos, ref, alt))) is not None:
        return Fate.realigned, row
    row = written.get((pos, alt, ref))
    return None if row is None else (Fate.realigned_swapped, row)


def _as_the_bundle_writes(bundle: SiteTable, variant: Variant) -> tuple[Fate, int] | None:
    """The bundle's row that writes the variant just so."""
    pos, ref, alt = variant
    # In the table's own dtype: of another one, every look-up would convert the whole column.
    for row in range(*np.searchsorted(bundle.pos, np.array((pos, pos + 1), bundle.pos.dtype)).tolist()):
        if (bundle.ref[row], bundle.alt[row]) == (ref, alt):
            return Fate.realigned, row
        if (bundle.ref[row], bundle.alt[row]) == (alt, ref):
            return Fate.realigned_swapped, row
    return None


def _is_long(ref: str, alt: str) -> bool:
    """True for anything but two single bases."""
    return alt != "." and len(ref) + len(alt) > 2


def _long_rows(bundle: SiteTable) -> list[int]:
    pairs = zip(bundle.ref.tolist(), bundle.alt.tolist(), strict=True)
    return [row for row, (ref, alt) in enumerate(pairs) if _is_long(ref, alt)]
