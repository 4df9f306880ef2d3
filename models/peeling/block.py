"""Peeled loci."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class PeeledBlock:
    """Consecutive loci, all animals.

    Attributes:
        first: row of the first locus.
        gp4: (V, N, 4) float32, P(aa), P(aA), P(Aa), P(AA), the first allele from the sire.
    """

    first: int
    gp4: NDArray[np.float32]

    def gp(self) -> NDArray[np.float32]:
        """(V, N, 3) float32, P(0), P(1), P(2) of ALT."""
        return np.stack([self.gp4[..., 0], self.gp4[..., 1] + self.gp4[..., 2], self.gp4[..., 3]], axis=2)

    def haplotype_dosage(self) -> NDArray[np.float32]:
        """(V, N, 2) float32 ALT dosage of the paternal and the maternal haplotype."""
        return np.stack([self.gp4[..., 2] + self.gp4[..., 3], self.gp4[..., 1] + self.gp4[..., 3]], axis=2)

    def dosage(self) -> NDArray[np.float32]:
        """(V, N) float32 ALT dosage."""
        dosage: NDArray[np.float32] = self.haplotype_dosage().sum(axis=2)
        return dosage
