"""Matching uploaded sites to a bundle's: contig names, allele order, strand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from itertools import repeat
from typing import Final

import numpy as np
from numpy.typing import NDArray

from genotypes.sites import SiteTable, Strings

_NUMBERED: Final = {"23": "X", "24": "Y", "25": "X", "26": "MT", "M": "MT", "XY": "X", "MTDNA": "MT"}
_X_PARTS: Final = re.compile(r"(X[_-]?)?(NON[_-]?)?PAR[12]?", re.IGNORECASE)
_REFSEQ: Final = re.compile(r"NC_0000(\d\d)(\.\d+)?")
_COMPLEMENT: Final = {"A": "T", "C": "G", "G": "C", "T": "A"}
_BASES: Final = {"A": 0, "C": 1, "G": 2, "T": 3}


def normal_contig(name: str) -> str:
    """The plain name of a human chromosome: 'chr20', 'CHR20', '020' and 'NC_000020.10' are '20', '23' is 'X'.

    Other names come back as they are, so that other species' work.
    """
    if (refseq := _REFSEQ.fullmatch(name)) is not None:
        name = str(int(refseq[1]))
    plain = name[3:] if name[:3].lower() == "chr" and len(name) > 3 else name
    short = plain.lstrip("0") if plain.isdecimal() else plain.upper()
    if _X_PARTS.fullmatch(plain) is not None:
        return "X"
    if short in _NUMBERED:
        return _NUMBERED[short]
    if short.isdecimal() or short in ("X", "Y", "MT"):
        return short
    return plain


class Action(IntEnum):
    """What became of an uploaded site."""

    exact = 0
    swapped = 1  # REF and ALT change places
    flipped = 2  # other strand
    flipped_swapped = 3
    typed_only = 4  # the bundle has no such site
    allele_mismatch = 5  # the bundle has the position with other alleles
    duplicate = 6  # an earlier uploaded site already stands for the bundle's site


MENDED: Final = (Action.swapped, Action.flipped, Action.flipped_swapped)
SWAPS: Final = (Action.swapped, Action.flipped_swapped)


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """How uploaded sites relate to a bundle.

    Attributes:
        rows: (T,) int32 row of the bundle's table, -1 where there is none.
        action: (T,) uint8 `Action`.
    """

    rows: NDArray[np.int32]
    action: NDArray[np.uint8]

    @property
    def matched(self) -> NDArray[np.bool_]:
        """(T,) which sites have a row."""
        found: NDArray[np.bool_] = self.rows >= 0
        return found

    @property
    def swap(self) -> NDArray[np.bool_]:
        """(T,) whose genotypes must have their alleles swapped."""
        return np.isin(self.action, SWAPS)

    def counts(self) -> dict[str, int]:
        """Number of sites by action name, all actions listed."""
        found = np.bincount(self.action, minlength=len(Action))
        return {action.name: int(found[action]) for action in Action}


def match(typed: SiteTable, bundle: SiteTable) -> Match:
    """Match uploaded sites to a bundle's sites by position and alleles.

    Alleles as written win over the other strand, so A/T and C/G sites are only ever exact or swapped. Only single bases
    are tried on the other strand. An uploaded site without ALT (".") matches by its one allele.

    Args:
        typed: T uploaded sites of a chromosome in any order, one ALT each.
        bundle: the bundle's sites of it, sorted by position.
    """
    rows, action = _match_bases(typed, bundle)
    first = np.searchsorted(bundle.pos, typed.pos, "left")
    end = np.searchsorted(bundle.pos, typed.pos, "right")
    for row in np.flatnonzero((end > first) & (rows < 0)).tolist():
        ref, alt = typed.ref[row], typed.alt[row]
        candidates = range(first[row], end[row])
        found = [(compare(ref, alt, bundle.ref[one], bundle.alt[one]), one) for one in candidates]
        if best := min(((verdict, one) for verdict, one in found if verdict is not None), default=None):
            action[row], rows[row] = best
        elif any(same_kind(ref, alt, bundle.ref[one], bundle.alt[one]) for one in candidates):
            action[row] = Action.allele_mismatch
    matched = np.flatnonzero(rows >= 0)
    if (np.bincount(rows[matched]) > 1).any():
        again = np.ones(len(matched), bool)
        again[np.unique(rows[matched], return_index=True)[1]] = False
        action[matched[again]] = Action.duplicate
        rows[matched[again]] = -1
    return Match(rows, action)


def _match_bases(typed: SiteTable, bundle: SiteTable) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Rows and actions of sites with two single bases each, all at once; nearly every site is one."""
    rows = np.full(len(typed), -1, np.int32)
    action = np.full(len(typed), Action.typed_only, np.uint8)
    ref, alt = base_codes(typed.ref), base_codes(typed.alt)
    near = _rows_at(bundle.pos, typed.pos)
    bundle_ref, bundle_alt = base_codes(bundle.ref[near]), base_codes(bundle.alt[near])
    both = (bundle_ref >= 0) & (bundle_alt >= 0)
    theirs = near[both]
    if len(theirs) == 0:
        return rows, action
    keys = _key(bundle.pos[theirs], bundle_ref[both], bundle_alt[both])
    order = np.argsort(keys, kind="stable")
    keys, theirs = keys[order], theirs[order]
    bases = (ref >= 0) & (alt >= 0)
    ways = ((ref, alt), (alt, ref), (3 - ref, 3 - alt), (3 - alt, 3 - ref))
    for verdict, (one, other) in zip((Action.exact, *MENDED), ways, strict=True):
        wanted = _key(typed.pos, one, other)
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        found = bases & (rows < 0) & (keys[place] == wanted)
        rows[found] = theirs[place[found]]
        action[found] = verdict
    return rows, action


def _rows_at(pos: NDArray[np.int32], wanted: NDArray[np.int32]) -> NDArray[np.int64]:
    """Rows of ascending (V,) positions that are among (T,) wanted ones: a bundle holds far more than an upload."""
    places = np.unique(wanted)
    first, end = np.searchsorted(pos, places, "left"), np.searchsorted(pos, places, "right")
    held = np.repeat(first, end - first)
    nth = np.arange(len(held)) - np.repeat(np.cumsum(end - first) - (end - first), end - first)
    rows: NDArray[np.int64] = held + nth
    return rows


def base_codes(alleles: Strings) -> NDArray[np.int64]:
    """(V,) 0-3 for A, C, G, T, so that the codes of a base and of its complement add up to 3; -1 for anything else."""
    return np.fromiter(map(_BASES.get, alleles.tolist(), repeat(-1)), np.int64, len(alleles))


def _key(pos: NDArray[np.int32], ref: NDArray[np.int64], alt: NDArray[np.int64]) -> NDArray[np.int64]:
    """(V,) one number for position and both bases."""
    key: NDArray[np.int64] = pos.astype(np.int64) * 16 + ref * 4 + alt
    return key


def compare(ref: str, alt: str, bundle_ref: str, bundle_alt: str) -> Action | None:
    """How alleles REF/ALT become the bundle's, or None."""
    if (ref, alt) == (bundle_ref, bundle_alt) or (alt == "." and ref == bundle_ref):
        return Action.exact
    if (ref, alt) == (bundle_alt, bundle_ref) or (alt == "." and ref == bundle_alt):
        return Action.swapped
    other_ref, other_alt = _COMPLEMENT.get(ref), _COMPLEMENT.get(alt)
    if other_ref is None or other_alt is None:
        return None
    if (other_ref, other_alt) == (bundle_ref, bundle_alt):
        return Action.flipped
    if (other_ref, other_alt) == (bundle_alt, bundle_ref):
        return Action.flipped_swapped
    return None


def same_kind(ref: str, alt: str, bundle_ref: str, bundle_alt: str) -> bool:
    """True when both are single-base sites, or neither is: an indel does not contradict an SNV at its position."""
    return (len(ref) == len(alt) == 1) == (len(bundle_ref) == len(bundle_alt) == 1)
