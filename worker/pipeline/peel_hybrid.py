"""All sites of a bundle for a family: its typed sites, those of the bundle, in position order and a block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from genotypes.likelihoods import FIRST, Observations
from genotypes.maps import GeneticMap
from genotypes.sites import SiteTable
from models.peeling.engine import Peeling
from models.peeling.founder_haplotypes import EngineInput, engine_input
from models.peeling.hybrid import BundleSites, Hybrid
from models.peeling.loci import first_frequencies
from models.peeling.penetrance import Penetrance, confident_calls
from models.protocol import ImputedBlock, Imputer, PairBlock, SitesDone, TypedGenotypes, unheard
from worker.pipeline.peel_folder import JoinedChromosome
from worker.pipeline.peel_x import Stretch

IMPUTED: Final = "IMPUTED"
TYPED: Final = "TYPED"
TYPED_ONLY: Final = "TYPED_ONLY"
_LEAST: Final = 1e-4  # no frequency is nought


@dataclass(frozen=True, slots=True, eq=False)
class SiteBlock:
    """Consecutive records of the result, all animals.

    Attributes:
        sites: V sites.
        seen: (V, N) observation numbers.
        gp4: (V, N, 4) float32 probabilities of the phased genotypes.
        flags: V names of INFO flags; None where no bundle is used.
    """

    sites: SiteTable
    seen: Observations
    gp4: NDArray[np.float32]
    flags: list[str] | None = None


def bundle_rows(folder: Path, one: JoinedChromosome) -> NDArray[np.int64]:
    """(L,) rows of the bundle of a chromosome's joined sites, -1 for those that it lacks."""
    rows: NDArray[np.int64] = np.load(folder / f"{one.store}.rows.npy")
    return rows


def known_frequencies(data: Penetrance, rows: NDArray[np.int64], imputer: Imputer) -> NDArray[np.float64] | None:
    """(L,) ALT frequencies by the bundle, and by the animals where it lacks the site; None where it knows none."""
    if imputer.sites.af is None:
        return None
    freq = first_frequencies(data)[0]
    held = rows >= 0
    freq[held] = np.clip(imputer.sites.af[rows[held]], _LEAST, 1 - _LEAST)
    return freq


class FamilyImputation:
    """One chromosome of a family, peeled at its typed sites, on its way to all sites of a bundle."""

    def __init__(
        self,
        rows: NDArray[np.int64],
        sites: SiteTable,
        seen: Observations,
        peeling: Peeling,
        scale: GeneticMap,
        imputer: Imputer,
        stretch: Stretch,
    ) -> None:
        """Ask the family which haplotypes the engine shall impute.

        Animals of one gamete, as males of X, have one haplotype: it is asked for twice, as both of a founder.

        Args:
            rows: (L,) rows of the bundle of the typed sites, -1 for those that it lacks.
            sites: L typed sites.
            seen: (L, N) observation numbers.
            peeling: of those sites, as the stretch is inherited, after its cycles.
            scale: the genetic map.
            imputer: the bundle's engine.
            stretch: rows of the bundle, all of an autosome or a region of X.
        """
        self._sites, self._seen = sites, seen
        self._peeling, self._imputer, self._stretch = peeling, imputer, stretch
        self._table = imputer.sites.slice(stretch.first, stretch.end)
        rows = np.where((rows >= stretch.first) & (rows < stretch.end), rows, -1)
        held = np.flatnonzero(rows >= 0)
        held = held[np.argsort(rows[held], kind="stable")]
        self._rows = rows[held]
        locus = np.full(len(self._table), -1, np.int64)
        locus[self._rows - stretch.first] = held
        self._locus = locus
        calls = confident_calls(np.asarray(seen))
        calls[(calls == 1) & peeling.one_gamete] = -1  # errors
        self._scale, self._at = scale, scale.cm(sites.pos)
        self.asked: EngineInput = engine_input(
            peeling.pedigree, peeling.blocks(named=True), calls, peeling.freq, held, imputer.finds_phase,
            peeling.one_gamete,
        )  # fmt: skip
        self._only = np.flatnonzero(rows < 0)

    @property
    def imputed(self) -> int:
        """Sites of the bundle that nobody was typed at."""
        return int((self._locus < 0).sum())

    @property
    def total(self) -> int:
        """Records of the result."""
        return len(self._locus) + len(self._only)

    def blocks(self, heard: SitesDone = unheard) -> Iterator[SiteBlock]:
        """All sites in position order; `heard` is the engine's (`models.protocol.Imputer`)."""
        table = self._table
        freq = self._frequencies()
        sites = BundleSites(self._scale.cm(table.pos), freq, self._locus)
        hybrid = Hybrid(self._peeling, self.asked, sites, self._at)
        asked, done = self.asked, 0
        typed = TypedGenotypes(self._rows.astype(np.int32), asked.codes, asked.ploidy, False, asked.linked)
        for block in hybrid.blocks(self._imputed(typed, heard)):
            rows = slice(block.first, block.first + len(block.gp4))
            until = len(self._only)
            if rows.stop < len(table):
                until = int(np.searchsorted(self._sites.pos[self._only], table.pos[rows.stop]))
            only = self._only[done : max(done, until)]
            done += len(only)
            yield self._merged(rows, block.gp4, only)

    def _merged(self, rows: slice, gp4: NDArray[np.float32], only: NDArray[np.int64]) -> SiteBlock:
        """Sites of the bundle, and those of the family that it lacks."""
        table, locus = self._table.slice(rows.start, rows.stop), self._locus[rows]
        seen = np.zeros((len(locus), self._seen.shape[1]), np.uint16)
        typed = np.flatnonzero(locus >= 0)
        seen[typed] = self._seen[locus[typed]]
        flags = np.where(locus >= 0, TYPED, IMPUTED)
        sites = SiteTable(table.chrom, table.pos, table.ref, table.alt, table.id)
        if not len(only):
            return SiteBlock(sites, seen, gp4, flags.tolist())
        data, freq = self._peeling.penetrance, self._peeling.freq[only]
        prior, founders = self._peeling.priors_by_group(only)
        seg = self._peeling.own_segregation(only)
        more = self._peeling.peel_given(data.index[only], data.table, freq, seg, prior, founders)
        mine = replace(self._sites.take(only), chrom=table.chrom)
        sites = SiteTable.concatenate([sites, mine])
        order = np.argsort(sites.pos, kind="stable")
        names = np.concatenate([flags, np.full(len(only), TYPED_ONLY)])
        both = np.concatenate([seen, np.asarray(self._seen[only])])
        return SiteBlock(sites.take(order), both[order], np.concatenate([gp4, more])[order], names[order].tolist())

    def _imputed(self, asked: TypedGenotypes, heard: SitesDone) -> Iterator[ImputedBlock | PairBlock]:
        """What the engine says of the stretch, whose first row is row 0."""
        first, end = self._stretch.first, self._stretch.end
        met = [k for k, tile in enumerate(self._imputer.tiles) if tile.first < end and tile.end > first]
        for block in self._engine(range(met[0], met[-1] + 1) if met else range(0), asked, heard):
            low, high = max(0, first - block.first), min(len(block), end - block.first)
            if low < high:
                part = block if low == 0 and high == len(block) else block.rows(low, high)
                yield replace(part, first=part.first - first)

    def _engine(self, tiles: range, asked: TypedGenotypes, heard: SitesDone) -> Iterator[ImputedBlock | PairBlock]:
        if not asked.codes.shape[1]:  # nobody tells anything: the frequencies do
            for tile in (self._imputer.tiles[k] for k in tiles):
                yield ImputedBlock(tile.first, np.empty((tile.end - tile.first, 0, 3), np.float32), None, None)
            return
        yield from self._imputer.impute(tiles, asked, heard)

    def _frequencies(self) -> NDArray[np.float64]:
        """(V,) ALT frequencies of the bundle; a half where it tells none, so that its engine alone decides."""
        af = self._table.af
        freq: NDArray[np.float64] = np.full(len(self._locus), 0.5) if af is None else af.astype(np.float64)
        return np.asarray(np.clip(freq, _LEAST, 1 - _LEAST))


def observed_calls(seen: Observations) -> NDArray[np.int8]:
    """(V, N) ALT alleles of calls alone, -1 elsewhere: likelihoods are not calls that could be contradicted."""
    return confident_calls(np.where(seen < FIRST, seen, 0))
