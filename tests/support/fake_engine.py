"""A bundle and an engine without a network: allele frequencies, pulled towards a sample's nearest typed genotype."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt
from genotypes.ancestry import AncestryMap
from genotypes.manifest import BundleManifest, ChromosomeEntry
from genotypes.maps import GeneticMap
from genotypes.populations import Populations
from genotypes.sites import SiteTable, strings
from models.protocol import ImputedBlock, SitesDone, Tile, TypedGenotypes, unheard

BLOCK = 7  # sites of a block: odd, so that blocks and tiles never fall together


def make_sites(chrom: str, count: int = 60, seed: int = 1, first: int = 1_000_000, step: int = 1000) -> SiteTable:
    """Sites with every kind of allele pair, one indel in ten, one pair of sites at the same position."""
    rng = np.random.default_rng(seed)
    pos = (first + step * np.arange(count)).astype(np.int32)
    ref = [str(base) for base in rng.choice(list("ACGT"), count)]
    alt = ["ACGT"[("ACGT".index(base) + int(rng.integers(1, 4))) % 4] for base in ref]
    for row in range(5, count, 10):
        alt[row] = ref[row] + "TTG"
    if count > 12:
        pos[12] = pos[11]
        ref[12] = ref[11]
        alt[12] = next(base for base in "ACGT" if base not in (ref[11], alt[11]))
    ids = strings(f"rs{int(p)}" for p in pos)
    af = rng.choice(np.array([0.002, 0.03, 0.2, 0.5], np.float32), count)
    return SiteTable(chrom, pos, strings(ref), strings(alt), ids, af)


@dataclass
class FakeBundle:
    """A model bundle in memory; `worker.pipeline.types.BundleView`."""

    tables: dict[str, SiteTable]
    build: str = "GRCh37"
    tile_sites: int = 25
    length: int | None = 63_025_520
    map: AncestryMap | None = None
    held: Populations | None = None
    manifest: BundleManifest = field(init=False)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        entries = {
            name: ChromosomeEntry(
                sites=len(table),
                inputs=len(table),
                tiles=len(self.tiles(name)),
                first=int(table.pos[0]),
                last=int(table.pos[-1]),
                length=self.length,
                sites_file=f"{name}/sites.bcf",
                tiles_file=f"{name}/tiles.safetensors",
            )
            for name, table in self.tables.items()
        }
        panel = {} if self.held is None else {"populations": self.held.describe()}
        self.manifest = BundleManifest("fake", "1", "Homo sapiens", self.build, entries, panel, "CC0-1.0", {}, {})
        self.digest = hashlib.sha256(self.manifest.digest().encode()).hexdigest()

    @property
    def chromosomes(self) -> list[str]:
        return list(self.tables)

    def sites(self, chromosome: str) -> SiteTable:
        return self.tables[chromosome]

    def tiles(self, chromosome: str) -> list[Tile]:
        count = len(self.tables[chromosome])
        firsts = range(0, count, self.tile_sites)
        return [
            Tile(
                index,
                first,
                min(first + self.tile_sites, count),
                np.arange(max(0, first - 10), min(count, first + self.tile_sites + 10), dtype=np.int32),
            )
            for index, first in enumerate(firsts)
        ]

    def genetic_map(self, chromosome: str) -> GeneticMap | None:
        return None

    def ancestry(self) -> AncestryMap | None:
        return self.map

    def populations(self) -> Populations | None:
        return self.held

    def imputer(self, chromosome: str) -> FakeImputer:
        return FakeImputer(self.tables[chromosome], self.tiles(chromosome))


@dataclass
class FakeImputer:
    """An engine whose every number follows from one sample's own genotypes; `models.protocol.Imputer`."""

    sites: SiteTable
    tiles: Sequence[Tile]
    before_blocks: float = 0.0
    finds_phase: bool = False

    def impute(self, tiles: range, typed: TypedGenotypes, heard: SitesDone = unheard) -> Iterator[ImputedBlock]:
        for index in tiles:
            tile = self.tiles[index]
            seen = np.flatnonzero(np.isin(typed.rows, tile.inputs))
            for first in range(tile.first, tile.end, BLOCK):
                yield self._block(first, min(first + BLOCK, tile.end), typed, seen)

    def _block(self, first: int, end: int, typed: TypedGenotypes, seen: NDArray[np.int64]) -> ImputedBlock:
        assert self.sites.af is not None
        af = self.sites.af[first:end]
        count, people = end - first, len(typed.ploidy)
        haps = np.repeat(np.repeat(af[:, None, None], people, 1), 2, 2).astype(np.float32)
        hidden = np.full((count, people), np.nan, np.float32)
        haploid = typed.ploidy == 1
        for place, row in enumerate(range(first, end)):
            others = seen[typed.rows[seen] != row]
            if len(others):
                nearest = others[np.argmin(np.abs(typed.rows[others] - row))]
                haps[place] += self._pull(typed.codes[nearest], af[place])
            here = np.flatnonzero(typed.rows == row)
            if len(here):
                hidden[place] = haps[place].sum(1)
                hidden[place, haploid] = haps[place, haploid, 0]
                self._observe(haps[place], typed.codes[here[0]])
        p, q = haps[..., 0], haps[..., 1]
        gp = np.stack([(1 - p) * (1 - q), p * (1 - q) + q * (1 - p), p * q], -1)
        gp[:, haploid] = np.stack([1 - p, np.zeros_like(p), p], -1)[:, haploid]
        return ImputedBlock(first, gp.astype(np.float32), haps if typed.phased else None, hidden)

    @staticmethod
    def _pull(codes: NDArray[np.int8], af: np.float32) -> NDArray[np.float32]:
        """(S, 2) what the nearest genotype adds to the probability of ALT."""
        alleles = gt.haplotypes(codes).astype(np.float32)
        half = gt.dosage(codes).astype(np.float32)[:, None] / 2
        alleles = np.where(alleles < 0, half, alleles)
        return np.where((codes == gt.MISSING)[:, None], np.float32(0), (alleles - af) * np.float32(0.61))

    @staticmethod
    def _observe(haps: NDArray[np.float32], codes: NDArray[np.int8]) -> None:
        """Put the observed genotypes in place."""
        alleles = gt.haplotypes(codes).astype(np.float32)
        known = codes != gt.MISSING
        unphased = codes == gt.HET
        haps[known] = np.where(alleles[known] < 0, 0, alleles[known])
        haps[unphased] = 0.5
