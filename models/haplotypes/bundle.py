"""A bundle whose chromosomes are libraries of haplotypes: `CHROM/haplotypes.safetensors` beside `sites.bcf`."""

from __future__ import annotations

import numpy as np

from genotypes.maps import GeneticMap
from models.bundle_folder import BundleFolder
from models.haplotypes.engine import CopyingImputer, CopyingOptions
from models.haplotypes.stored import StoredLibrary
from models.protocol import Tile


class HaplotypeBundle(BundleFolder):
    """An opened bundle of the kind `li-stephens`."""

    def tiles(self, chrom: str) -> list[Tile]:
        """The tiles of a chromosome, in order; each reads every site from the first to the last of its context."""
        if chrom not in self._tables:
            self._entry(chrom)
            self._tables[chrom] = self.library(chrom).cut()
        return self._tables[chrom]

    def imputer(self, chrom: str, threads: int | None) -> CopyingImputer:
        """The engine of one chromosome."""
        self._entry(chrom)
        options = CopyingOptions.of(self.manifest.architecture)
        return CopyingImputer(self.sites(chrom), self.tiles(chrom), self.library(chrom), options, threads=threads)

    def genetic_map(self, chrom: str) -> GeneticMap | None:
        """The map that the bundle was trained with; None where that was a constant rate for want of one."""
        pos, first = np.unique(self.sites(chrom).pos, return_index=True)
        centimorgans = self.library(chrom).positions(np.arange(len(self.sites(chrom)), dtype=np.int32))[first]
        if len(pos) < 2 or np.allclose(centimorgans - centimorgans[0], GeneticMap.uniform().cm(pos - pos[0])):
            return None
        return GeneticMap(pos.astype(np.float64), centimorgans)

    def library(self, chrom: str) -> StoredLibrary:
        """The haplotypes of one chromosome, which stay in their file."""
        self._entry(chrom)
        return StoredLibrary(self.folder / self.manifest.chromosomes[chrom].tiles_file)
