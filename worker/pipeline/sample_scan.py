"""The passes of sample QC over the uploaded genotypes; memory is bounded by a block and by the sites of kinship."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt
from genotypes.kinship import pack
from genotypes.sample_stats import ENOUGH_SAMPLES, SampleSums, SiteCounts, add_up
from worker.pipeline.selection import row_blocks

MIN_MAF: Final = 0.05  # of sites that kinship is estimated from
MIN_SITE_CALLS: Final = 0.9  # share of samples called at them
PAIR_BUDGET: Final = 2.5e11  # pairs x sites: 5,000 samples at 20,000 sites, some seconds
LEAST_SITES: Final = 5_000  # of kinship, however many samples
MEGABASE: Final = 1_000_000
SEX_CHROMOSOMES: Final = ("X", "Y", "MT")


@dataclass(frozen=True, slots=True, eq=False)
class Examined:
    """Sites of one chromosome that sample QC looks at."""

    name: str  # normal name
    codes: NDArray[np.int8]  # (V, S) genotypes as uploaded, mapped from disk
    rows: NDArray[np.int64]  # (T,) rows of those
    pos: NDArray[np.int32]  # (T,) bp on the bundle's build
    af: NDArray[np.float32] | None  # (T,) frequencies in the training panel
    imputed: bool = True  # the bundle holds the chromosome

    def within(self, first: int, last: int) -> Examined:
        """The sites from `first` to `last` bp."""
        return self._keep((self.pos >= first) & (self.pos <= last))

    def outside(self, first: int, last: int) -> Examined:
        """The sites before `first` and after `last` bp."""
        return self._keep((self.pos < first) | (self.pos > last))

    def _keep(self, keep: NDArray[np.bool_]) -> Examined:
        af = None if self.af is None else self.af[keep]
        return Examined(self.name, self.codes, self.rows[keep], self.pos[keep], af, self.imputed)

    def blocks(self) -> Iterator[tuple[slice, gt.Codes]]:
        """Genotypes of all samples, a block of sites at a time."""
        steps = row_blocks(len(self.rows), self.codes.shape[1])
        for first in steps:
            part = slice(first, first + steps.step)
            yield part, self.codes[self.rows[part]]


def sums_of(one: Examined) -> tuple[SampleSums, SiteCounts]:
    """Sums over the sites of a chromosome; few samples are judged by the panel's frequencies where it has them."""
    samples = one.codes.shape[1]
    total = SampleSums.none(samples)
    counts: list[SiteCounts] = []
    use_panel = one.af is not None and samples < ENOUGH_SAMPLES
    for part, codes in one.blocks():
        af: NDArray[np.floating[Any]] | None = one.af[part] if use_panel and one.af is not None else None
        sums, sites = add_up(codes, af)
        total = total + sums
        counts.append(sites)
    calls = [block.calls for block in counts] or [np.empty(0, np.int32)]
    own = [block.af for block in counts] or [np.empty(0)]
    return total, SiteCounts(np.concatenate(calls), np.concatenate(own))


def well_called(chromosomes: Sequence[gt.Codes], min_call_rate: float) -> NDArray[np.bool_]:
    """(S,) samples by whom sites may be judged: a bad sample must not cost the others their sites.

    Only sites that more than half of the samples are called at count, and someone always stays.

    Args:
        chromosomes: (V, S) genotypes of each.
        min_call_rate: share of those sites that a sample must be called at.
    """
    samples = chromosomes[0].shape[1]
    calls, sites = np.zeros(samples, np.int64), 0
    for every in chromosomes:
        blocks = row_blocks(len(every), samples)
        for first in blocks:
            codes = every[first : first + blocks.step]
            _, counts = add_up(codes)
            common = 2 * counts.calls > samples
            sites += int(common.sum())
            calls += add_up(codes if common.all() else codes[common])[0].calls
    good = calls >= min_call_rate * sites
    return good if good.any() else np.ones(samples, bool)


@dataclass(frozen=True, slots=True, eq=False)
class KinshipSites:
    """Packed genotypes for `genotypes.kinship.related`."""

    planes: NDArray[np.uint64]  # (S, 3, W)
    sites: int
    megabases: int  # windows of a megabase that hold at least one of them


def kinship_sites(autosomes: Sequence[tuple[Examined, SiteCounts]], samples: int, most: int) -> KinshipSites:
    """Common, well called autosomal sites, evenly thinned to what the number of pairs allows.

    Args:
        autosomes: chromosomes with the counts of `sums_of`.
        samples: number of samples S.
        most: sites at most.
    """
    eligible = [
        np.flatnonzero(
            (counts.calls >= MIN_SITE_CALLS * samples)
            & (np.minimum(counts.af, 1 - counts.af) >= (MIN_MAF if samples >= ENOUGH_SAMPLES else 1e-9))
        )
        for _, counts in autosomes
    ]
    found = sum(map(len, eligible))
    most = min(most, max(LEAST_SITES, int(PAIR_BUDGET / max(1, samples) ** 2)))
    picked = np.unique(np.linspace(0, found - 1, min(found, most)).astype(np.int64)) if found else np.empty(0, np.int64)
    planes: list[NDArray[np.uint64]] = []
    windows = first = 0
    for (one, _), rows in zip(autosomes, eligible, strict=True):
        low, high = np.searchsorted(picked, (first, first + len(rows)))
        chosen = rows[picked[low:high] - first]
        first += len(rows)
        if len(chosen):
            windows += len(np.unique(one.pos[chosen] // MEGABASE))
            planes.append(pack(one.codes[one.rows[chosen]]))
    whole = np.concatenate(planes, axis=2) if planes else np.zeros((samples, 3, 0), np.uint64)
    return KinshipSites(np.ascontiguousarray(whole), len(picked), windows)
