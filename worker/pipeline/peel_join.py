"""Join files of different samples and sites: one matrix of observations a chromosome, a column an animal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from errors import Code
from genotypes import likelihoods as gl
from genotypes.mending import ALL, Mend
from genotypes.sites import SiteTable, strings
from worker.pipeline.peel_folder import ReadChromosome, store_observations, store_sites
from worker.pipeline.types import Note

_BLOCK = 8 << 20  # observations moved at once
_COMPLEMENT = str.maketrans("ACGT", "TGCA")
MESSAGES = {
    "no_alt": "Sites without an ALT allele in any file were left out.",
    "duplicate_positions": "Records that repeat an earlier one of the same file were left out.",
    "swapped": "Sites of later files whose REF and ALT are the other way round were turned.",
    "flipped": "Sites of later files that are on the other strand were turned.",
    "ambiguous": "A/T and C/G sites with exchanged alleles (strand or order?) were left out of the later file.",
    "ref_unknown": "Sites of files that do not tell REF from ALT were put in the order of the first file.",
    "not_mended": "Sites of later files with exchanged alleles or on the other strand were left out, as the job asks.",
    "conflicting_calls": "Genotypes that two files call differently were set to missing.",
}
STRICT = {
    "swapped": Code.allele_mismatch,
    "flipped": Code.allele_mismatch,
    "not_mended": Code.allele_mismatch,
    "ambiguous": Code.strand_ambiguous,
    "duplicate_positions": Code.duplicate_positions,
}
"""What strict refuses, and by which code."""


class ChromosomeJoin:
    """The union of the sites of several files, each in the alleles of the first file that has it."""

    def __init__(self, folder: Path, parts: Sequence[ReadChromosome], mend: frozenset[Mend] = ALL) -> None:
        """Match the sites of a chromosome.

        Args:
            folder: what `peel_read` wrote.
            parts: the chromosome in each file that has it, in the order of the files.
            mend: of it `swap` and `flip` count: without them later files lack the sites that would be turned.
        """
        self._folder, self._parts, self._mend = folder, parts, mend
        self._tables = [store_sites(folder, part.store) for part in parts]
        self.counts: Counter[str] = Counter()
        self._place: dict[tuple[int, str, str], int] = {}
        self._sites: list[tuple[int, str, str, str]] = []
        self._ordered: list[bool] = []  # whether the first file of a site tells REF from ALT
        # Of every file: rows of the union (-1 left out), and whether alleles are turned.
        self._rows = [np.full(len(table), -1, np.int64) for table in self._tables]
        self._turned = [np.zeros(len(table), bool) for table in self._tables]
        for number, table in enumerate(self._tables):
            self._match(number, table)
        self._place_without_alt()
        order = np.argsort([site[0] for site in self._sites], kind="stable").astype(np.int64)
        rank = np.empty(len(order) + 1, np.int64)
        rank[order] = np.arange(len(order))
        rank[-1] = -1  # what was left out stays so
        self._rows = [rank[rows] for rows in self._rows]
        self.sites = self._table(order, parts[0].contig)

    @property
    def by_file(self) -> list[int]:
        """Sites of the union that each file has."""
        return [int((rows >= 0).sum()) for rows in self._rows]

    def notes(self, name: str) -> list[Note]:
        """What was turned or left out."""
        return [Note(code, MESSAGES[code], count, name) for code, count in sorted(self.counts.items()) if count]

    def write(self, out: Path, store: str, animals: Sequence[NDArray[np.int32]], total: int) -> gl.Observations:
        """Write `store` and return its observations, mapped from disk.

        Args:
            out: folder.
            store: name of the store.
            animals: of each file's samples the row of the pedigree, -1 for strangers.
            total: animals of the pedigree.
        """
        self.sites.save(out / f"{store}.sites.npz")
        path = out / f"{store}.obs"
        shape = (len(self.sites), total)
        path.write_bytes(b"")
        if 0 in shape:
            return np.zeros(shape, np.uint16)
        target: gl.Observations = np.memmap(path, np.uint16, "w+", shape=shape)
        for number, part in enumerate(self._parts):
            columns = animals[part.file]
            known = np.flatnonzero(columns >= 0)
            source = store_observations(self._folder, part.store, (part.sites, len(columns)))
            step = max(1, _BLOCK // max(1, len(columns)))
            for first in range(0, part.sites, step):
                rows = self._rows[number][first : first + step]
                kept = np.flatnonzero(rows >= 0)
                seen = np.asarray(source[first : first + step])[kept][:, known]
                turned = self._turned[number][first : first + step][kept]
                seen = np.where(turned[:, None], gl.swap_alleles(seen), seen)
                place = np.ix_(rows[kept], columns[known])
                target[place] = self._merged(target[place], seen)
        return target

    def _merged(self, old: gl.Observations, new: gl.Observations) -> gl.Observations:
        """Both observations of a genotype: a likelihood before a call, the first of two, nothing where calls differ."""
        both = (old > 0) & (new > 0)
        conflict = both & (old < gl.FIRST) & (new < gl.FIRST) & (old != new)
        self.counts["conflicting_calls"] += int(conflict.sum())
        first = np.where((old == 0) | (both & (old < gl.FIRST)), new, old)
        out: gl.Observations = np.where(conflict, 0, np.where(new == 0, old, first)).astype(np.uint16)
        return out

    def _match(self, number: int, table: SiteTable) -> None:
        """Find or make the row of each site of a file."""
        own: set[int] = set()
        columns = zip(table.pos.tolist(), table.ref, table.alt, table.id, strict=True)
        for row, (pos, ref, alt, ident) in enumerate(columns):
            if alt == ".":
                continue
            place, turned = self._find(pos, ref, alt, ordered=self._parts[number].ref_known)
            if place < -1:
                self.counts["ambiguous" if place == -2 else "not_mended"] += 1
                continue
            if place == -1:
                place = self._place[pos, ref, alt] = len(self._sites)
                self._sites.append((pos, ref, alt, ident))
                self._ordered.append(self._parts[number].ref_known)
            if place in own:
                self.counts["duplicate_positions"] += 1
                continue
            own.add(place)
            self._rows[number][row] = place
            self._turned[number][row] = turned

    def _find(self, pos: int, ref: str, alt: str, *, ordered: bool) -> tuple[int, bool]:
        """Row of a site (-1 new, -2 ambiguous, -3 not to be mended) and whether its alleles are exchanged there."""
        if (found := self._place.get((pos, ref, alt))) is not None:
            return found, False
        other = ref.translate(_COMPLEMENT), alt.translate(_COMPLEMENT)
        swapped = self._place.get((pos, alt, ref))
        palindrome = other == (alt, ref)
        if swapped is not None:
            if palindrome:
                return -2, False
            return (swapped, True) if self._may_swap(swapped, ordered) else (-3, False)
        if len(ref) == len(alt) == 1:
            for alleles, turned in ((other, False), (other[::-1], True)):
                if (found := self._place.get((pos, *alleles))) is None:
                    continue
                if Mend.flip not in self._mend or (turned and not self._may_swap(found, ordered, count=False)):
                    return -3, False
                self.counts["flipped"] += 1
                return found, turned
        return -1, False

    def _may_swap(self, place: int, ordered: bool, *, count: bool = True) -> bool:
        """Whether REF and ALT may be exchanged; where one of the files does not tell them apart, that mends nothing."""
        if not (ordered and self._ordered[place]):
            self.counts["ref_unknown"] += count
            return True
        if Mend.swap not in self._mend:
            return False
        self.counts["swapped"] += count
        return True

    def _place_without_alt(self) -> None:
        """Sites that one file writes without ALT are homozygous REF at the one site that another file has there."""
        at: dict[tuple[int, str], list[int]] = {}
        for place, (pos, ref, _, _) in enumerate(self._sites):
            at.setdefault((pos, ref), []).append(place)
        for number, table in enumerate(self._tables):
            taken = set(self._rows[number].tolist())
            for row in np.flatnonzero(table.alt == ".").tolist():
                places = at.get((int(table.pos[row]), table.ref[row]), [])
                if len(places) == 1 and places[0] not in taken:
                    self._rows[number][row] = places[0]
                    taken.add(places[0])
                else:
                    self.counts["no_alt"] += 1

    def _table(self, order: NDArray[np.int64], contig: str) -> SiteTable:
        rows = [self._sites[row] for row in order.tolist()]
        pos = np.array([row[0] for row in rows], np.int32)
        ref, alt, ids = (strings([row[k] for row in rows]) for k in (1, 2, 3))
        return SiteTable(contig, pos, ref, alt, ids)
