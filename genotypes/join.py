"""Putting the sites of different samples' files side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genotypes.sites import SiteTable, strings


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """Sites of several tables together.

    Attributes:
        sites: (V,) sorted by position.
        rows: (G, V) int32, row in table g, -1 where the table has no such site.
        swap: (G, V) bool, REF and ALT have changed places against table g.
    """

    sites: SiteTable
    rows: NDArray[np.int32]
    swap: NDArray[np.bool_]


@dataclass(slots=True)
class _Row:
    """A site that is being put together."""

    ref: str
    alt: str
    id: str
    certain: bool  # REF is known to be REF
    rows: dict[int, tuple[int, bool]]  # table -> row there, swapped


def join_sites(tables: Sequence[SiteTable], ref_known: Sequence[bool]) -> Joined:
    """Join sites by position and alleles.

    Alleles in the other order are the same site when they are single bases or when a table does not know its REF. A
    site without ALT is one with the first site that has its letter. Records that a table repeats stay apart.

    Args:
        tables: G tables of one chromosome, each sorted by position.
        ref_known: of each table, whether REF is told from ALT.
    """
    pos = np.concatenate([table.pos for table in tables])
    group = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    row = np.concatenate([np.arange(len(table)) for table in tables])
    numbers: dict[tuple[str, str], int] = {}
    pairs = [pair for table in tables for pair in zip(table.ref, table.alt, strict=True)]
    alleles = np.array([numbers.setdefault(pair, len(numbers)) for pair in pairs], np.int64)
    order = np.lexsort((group, pos))
    starts = np.flatnonzero(np.concatenate([[True], np.diff(pos[order]) != 0])) if len(order) else np.empty(0, int)
    ends = np.append(starts[1:], len(order))
    same_group = np.concatenate([[False], (np.diff(group[order]) == 0) & (np.diff(pos[order]) == 0)])
    plain = np.ones(len(starts), bool)
    if len(starts):
        low = np.minimum.reduceat(alleles[order], starts)
        high = np.maximum.reduceat(alleles[order], starts)
        plain = (low == high) & (np.add.reduceat(same_group, starts) == 0)
    made: list[tuple[int, _Row]] = []
    for at, end, simple in zip(starts.tolist(), ends.tolist(), plain.tolist(), strict=True):
        entries = [(int(group[one]), int(row[one])) for one in order[at:end]]
        here = int(pos[order[at]])
        if simple:
            number, place = entries[0]
            table = tables[number]
            rows = {g: (r, False) for g, r in entries}
            made.append((here, _Row(table.ref[place], table.alt[place], table.id[place], True, rows)))
        else:
            made += [(here, one) for one in _join_at(tables, ref_known, entries)]
    return _as_arrays(tables, made)


def _join_at(tables: Sequence[SiteTable], ref_known: Sequence[bool], entries: Sequence[tuple[int, int]]) -> list[_Row]:
    """The sites of one position; those with two alleles and a known REF first, for the others to find theirs."""
    made: list[_Row] = []
    order = sorted(entries, key=lambda entry: (tables[entry[0]].alt[entry[1]] == ".", not ref_known[entry[0]]))
    for number, place in order:
        table, certain = tables[number], ref_known[number]
        ref, alt, ident = table.ref[place], table.alt[place], table.id[place]
        for one in made:
            if number not in one.rows and (swap := _fits(one, ref, alt, certain)) is not None:
                one.rows[number] = place, swap
                one.certain |= certain
                break
        else:
            made.append(_Row(ref, alt, ident, certain, {number: (place, False)}))
    return made


def _fits(one: _Row, ref: str, alt: str, certain: bool) -> bool | None:
    """Whether alleles have to change places to be those of a site; None when they are others."""
    if (ref, alt) == (one.ref, one.alt):
        return False
    loose = not (certain and one.certain)
    single = len(ref) == len(alt) == len(one.ref) == len(one.alt) == 1
    if alt == ".":
        if ref == one.ref:
            return False
        if one.alt == ".":
            if not loose:
                return None
            one.alt = ref  # two homozygotes of different letters make one site
            return True
        return True if ref == one.alt and (loose or single) else None
    return True if (alt, ref) == (one.ref, one.alt) and (loose or single) else None


def _as_arrays(tables: Sequence[SiteTable], made: Sequence[tuple[int, _Row]]) -> Joined:
    rows = np.full((len(tables), len(made)), -1, np.int32)
    swap = np.zeros((len(tables), len(made)), bool)
    for at, (_, one) in enumerate(made):
        for number, (place, turned) in one.rows.items():
            rows[number, at] = place
            swap[number, at] = turned
    sites = SiteTable(
        tables[0].chrom,
        np.array([here for here, _ in made], np.int32),
        strings(one.ref for _, one in made),
        strings(one.alt for _, one in made),
        strings(one.id for _, one in made),
    )
    return Joined(sites, rows, swap)
