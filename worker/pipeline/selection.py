"""Which sites of one chromosome are used, kept beside, or removed, and why."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from genotypes.contigs import chromosome_name
from genotypes.counts import SiteCounts
from genotypes.mending import ALL, Mend, QcOptions
from genotypes.sites import SiteTable
from genotypes.store import Store
from genotypes.strand import Evidence, Strand, drift, palindromic, strand_by_frequency
from worker.pipeline.fates import TURNED, USED, Fate, Meeting
from worker.pipeline.types import Progress
from worker.pipeline.variant_qc import VariantQc, variant_qc

BLOCK_BYTES = 64 << 20  # genotypes held at once
OTHER_STRAND = {Fate.exact: Fate.flipped_swapped, Fate.swapped: Fate.flipped}


@dataclass(frozen=True, slots=True)
class Rules:
    """How sites are judged, the same for every chromosome."""

    mend: frozenset[Mend] = ALL
    qc: QcOptions = field(default_factory=QcOptions)
    panel_alleles: int | None = None  # haplotypes behind the bundle's frequencies
    evidence: Evidence | None = None  # of the whole upload, for chromosomes that say too little of their own strand
    people: bool = True  # whether the bundle's 23 is X


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The fates of the T sites of one chromosome of the upload."""

    fate: NDArray[np.uint8]  # (T,)
    rows: NDArray[np.int32]  # (T,) row of the bundle's site table; only where the fate is one of USED
    turned: NDArray[np.bool_]  # (T,) whose genotypes have REF and ALT change places; repeats that go included
    used: NDArray[np.int64]  # sites of the upload in the order of their bundle rows
    only: NDArray[np.int64]  # typed-only sites in position order
    merges: NDArray[np.int64]  # (M, 2) a site that stays, one whose calls go into it
    strand: Strand  # of the palindromic sites, as the other sites tell it
    palindromic: int  # matched sites with A and T, or C and G
    palindromic_flipped: int  # those among them that were read on the other strand
    qc: VariantQc  # of the sites `tested`
    tested: NDArray[np.int64]
    af_far: int  # sites whose frequency is past the threshold of chi-square
    detail: dict[int, str]  # the figure behind a fate

    def count(self, *fates: Fate) -> int:
        """Number of sites with one of these fates."""
        return int(np.isin(self.fate, fates).sum())


def row_blocks(sites: int, samples: int) -> range:
    """First rows of blocks that hold `BLOCK_BYTES` of genotypes; the range's step is the block's length."""
    return range(0, sites, max(1, BLOCK_BYTES // max(1, samples)))


def count_genotypes(store: Store, progress: Progress, by: NDArray[np.bool_] | None = None) -> SiteCounts:
    """Counts of every site of a store, read a block at a time; of the samples `by` (S,) alone where they are given."""
    sites, samples = store.codes.shape
    blocks = row_blocks(sites, samples)
    parts = []
    for first in blocks:
        codes = store.codes[first : first + blocks.step]
        parts.append(SiteCounts.of(codes if by is None or by.all() else codes[:, by]))
        progress(min(1.0, (first + blocks.step) / sites))
    return SiteCounts.concatenate(parts)


def select(
    typed: SiteTable, counts: SiteCounts, bundle: SiteTable, meeting: Meeting, rules: Rules | None = None
) -> Selection:
    """Decide the fate of every site.

    Args:
        typed: T sites of the upload, sorted by position.
        counts: their genotypes.
        bundle: the chromosome's site table, sorted by position.
        meeting: how their alleles meet.
        rules: what may be mended, and the thresholds.
    """
    rules = rules or Rules()
    fate, rows, calls = meeting.fate.copy(), meeting.rows, counts.calls
    detail: dict[int, str] = {}
    strand, doubtful, flipped = _read_palindromes(counts, bundle, meeting, rules, fate, detail)
    fate[np.isin(fate, USED) & (calls == 0)] = Fate.all_missing
    turned = np.isin(fate, TURNED)
    spare = Fate.merged if Mend.duplicates in rules.mend else Fate.duplicate_positions
    merges = []
    for key, candidates in ((rows, np.isin(fate, USED)), (_identity(typed), fate == Fate.typed_only)):
        pairs = _repeated(key, candidates, fate, calls)
        fate[pairs[:, 1]] = spare
        merges.append(pairs)
    tested = np.flatnonzero(np.isin(fate, USED))
    af = None if bundle.af is None else bundle.af[rows[tested]]
    qc = variant_qc(
        counts.take(tested),
        turned[tested],
        af,
        rules.panel_alleles,
        chromosome_name(bundle.chrom, rules.people),
        rules.qc,
    )
    failed = qc.fate != Fate.exact
    fate[tested[failed]] = qc.fate[failed]
    af_far = int((qc.chisq > rules.qc.af_chisq).sum())
    _say_figures(qc, tested, af, rules.qc, detail)
    used = np.flatnonzero(np.isin(fate, USED))
    return Selection(
        fate=fate,
        rows=rows,
        turned=turned,
        used=used[np.argsort(rows[used], kind="stable")],
        only=np.flatnonzero(fate == Fate.typed_only),
        merges=np.concatenate(merges) if spare == Fate.merged else np.empty((0, 2), np.int64),
        strand=strand,
        palindromic=doubtful,
        palindromic_flipped=flipped,
        qc=qc,
        tested=tested,
        af_far=af_far,
        detail=detail,
    )


def _read_palindromes(
    counts: SiteCounts,
    bundle: SiteTable,
    meeting: Meeting,
    rules: Rules,
    fate: NDArray[np.uint8],
    detail: dict[int, str],
) -> tuple[Strand, int, int]:
    """Settle the strand of A/T and C/G sites; the file's strand, how many sites there are, how many were flipped."""
    # By the bundle's alleles: a site without ALT shows one base alone, and that base may be either strand's.
    sites = np.flatnonzero(np.isin(fate, (Fate.exact, Fate.swapped)))
    sites = sites[palindromic(bundle.take(meeting.rows[sites]))]
    evidence = meeting.evidence
    if evidence.strand == Strand.unknown and rules.evidence is not None and rules.evidence.strand != Strand.unknown:
        evidence = rules.evidence
    if len(sites) == 0:
        return evidence.strand, 0, 0
    if Mend.palindromic not in rules.mend:
        # As written, but not where the rest of the file says that this is the other strand, or does not say it.
        if evidence.strand != Strand.forward:
            fate[sites] = Fate.not_mended if evidence.strand == Strand.reverse else Fate.ambiguous_strand
        return evidence.strand, len(sites), 0
    turned = fate[sites] == Fate.swapped
    here = counts.take(sites)
    alleles = here.alleles
    alt = np.where(turned, alleles - here.alt, here.alt)
    af = None if bundle.af is None else bundle.af[meeting.rows[sites]]
    told = np.full(len(sites), evidence.strand, np.uint8)
    if evidence.strand == Strand.unknown:
        told = strand_by_frequency(alt, alleles, af, evidence, _drift(counts, bundle, meeting))
    for place in np.flatnonzero(told == Strand.unknown).tolist():
        theirs = "unknown" if af is None else f"{af[place]:.3f}"
        detail[int(sites[place])] = f"af={alt[place] / max(1, alleles[place]):.3f} bundle_af={theirs}"
    fate[sites[told == Strand.unknown]] = Fate.ambiguous_strand
    other = sites[told == Strand.reverse]
    new = np.where(fate[other] == Fate.exact, Fate.flipped_swapped, Fate.flipped)
    fate[other] = new if Mend.flip in rules.mend else Fate.not_mended
    return evidence.strand, len(sites), len(other)


def _drift(counts: SiteCounts, bundle: SiteTable, meeting: Meeting) -> float:
    """Fst between the upload and the bundle's panel, from the sites whose strand is known."""
    plain = np.flatnonzero(np.isin(meeting.fate, USED))
    plain = plain[~palindromic(bundle.take(meeting.rows[plain]))]
    here, turned = counts.take(plain), np.isin(meeting.fate[plain], TURNED)
    alleles = here.alleles
    alt = np.where(turned, alleles - here.alt, here.alt)
    return drift(alt, alleles, None if bundle.af is None else bundle.af[meeting.rows[plain]])


def _say_figures(
    qc: VariantQc, tested: NDArray[np.int64], af: NDArray[np.float32] | None, options: QcOptions, detail: dict[int, str]
) -> None:
    """The figure of every site that failed, and of those whose frequency is far off."""
    far = np.zeros(len(tested), bool) if af is None else qc.chisq > options.af_chisq
    for place in np.flatnonzero((qc.fate != Fate.exact) | far).tolist():
        if qc.fate[place] == Fate.low_call_rate:
            figure = f"call_rate={qc.call_rate[place]:.4f}"
        elif qc.fate[place] == Fate.hwe:
            figure = f"hwe_midp={qc.hwe[place]:.3g}"
        else:
            assert af is not None
            figure = f"af={qc.frequency[place]:.3f} bundle_af={af[place]:.3f} chisq={qc.chisq[place]:.0f}"
        detail[int(tested[place])] = figure


def _identity(typed: SiteTable) -> NDArray[np.int64]:
    """(T,) int64, the same number for sites with the same position and alleles."""
    same = np.flatnonzero(typed.pos[1:] == typed.pos[:-1])
    key = np.arange(len(typed))
    seen: dict[tuple[int, str, str], int] = {}
    for site in np.union1d(same, same + 1).tolist():
        key[site] = seen.setdefault((int(typed.pos[site]), typed.ref[site], typed.alt[site]), site)
    return key


def _repeated(
    key: NDArray[np.integer], candidates: NDArray[np.bool_], fate: NDArray[np.uint8], calls: NDArray[np.int64]
) -> NDArray[np.int64]:
    """(M, 2) of candidates with the same key: the one that stays, one that does not.

    The one with the most calls stays, then the least mended, then the first.
    """
    sites = np.flatnonzero(candidates)
    order = np.lexsort((sites, fate[sites], -calls[sites], key[sites]))
    ranked, keys = sites[order], key[sites][order]
    if len(ranked) == 0:
        return np.empty((0, 2), np.int64)
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    winner = ranked[np.repeat(starts, np.diff(np.r_[starts, len(ranked)]))]
    pairs: NDArray[np.int64] = np.stack([winner, ranked], axis=1)[winner != ranked]
    return pairs
