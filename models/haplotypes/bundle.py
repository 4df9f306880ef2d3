"""A bundle whose chromosomes are libraries of haplotypes: `CHROM/haplotypes.safetensors` beside `sites.bcf`."""

from __future__ import annotations

from typing import Final

import numpy as np

from models.bundle_folder import BundleFolder
from models.haplotypes.engine import CopyingImputer, CopyingOptions
from models.haplotypes.library import Library, read_tiles
from models.protocol import Tile

KIND: Final = "li-stephens"  # architecture.kind of the manifest


class HaplotypeBundle(BundleFolder):
    """An opened bundle of the kind `li-stephens`."""

    def tiles(self, chrom: str) -> list[Tile]:
        """The tiles of a chromosome, in order; each reads every site from the first to the last of its context."""
        if chrom not in self._tables:
            self._entry(chrom)
            path = self.folder / self.manifest.chromosomes[chrom].tiles_file
            self._tables[chrom] = [
                Tile(row["index"], row["first"], row["end"], np.arange(row["low"], row["high"], dtype=np.int32))
                for row in read_tiles(path)
            ]
        return self._tables[chrom]

    def imputer(self, chrom: str, threads: int | None) -> CopyingImputer:
        """The engine of one chromosome."""
        self._entry(chrom)
        library = Library.read(self.folder / self.manifest.chromosomes[chrom].tiles_file)
        options = CopyingOptions.of(self.manifest.architecture)
        return CopyingImputer(self.sites(chrom), self.tiles(chrom), library, options, threads=threads)
