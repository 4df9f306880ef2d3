"""Groups of unknown parents at a bundle's sites: what founders are expected to carry of whom its engine says nothing.

The engine tells a founder's alleles from its own haplotypes, which show its origin already, so its word is taken as it
is: a group's frequency on top would count the origin twice. Founders of whom the family tells nothing, and those who
stand in for unknown parents, are draws from their group. Its frequency is a given one, or that of its founders whom the
engine imputed, where somebody was typed the learned one, with the bundle's as a prior worth what breeds differ by.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.peeling.metafounders import GroupFrequencies, gametes_by_group, priors_of

BUNDLES: Final = 9.0  # gametes that the bundle's frequency is worth: (1 - Fst) / Fst at .1, as between cattle breeds


class BundleGroups:
    """Frequencies of groups at a bundle's sites.

    Attributes:
        animals: (U,) int64 founders whom the engine was not asked about, stand-ins among them.
    """

    def __init__(self, groups: GroupFrequencies, asked: NDArray[np.int64]) -> None:
        """Prepare.

        Args:
            groups: of the peeling at the typed loci, after its cycles.
            asked: (F,) founders whom the engine imputes, in the order of the alleles below.
        """
        self._groups = groups
        founders = np.flatnonzero(groups.kinds.of >= 0)
        self.animals = np.setdiff1d(founders, asked)
        paternal, maternal = gametes_by_group(groups.kinds, groups.freq.shape[1])
        kind = groups.kinds.of[asked]
        self._share = np.stack([paternal[kind], maternal[kind]], axis=1).reshape(2 * len(asked), -1)

    def frequencies(
        self, alleles: NDArray[np.float64], freq: NDArray[np.float64], locus: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """(V, G) ALT frequencies of the groups.

        Args:
            alleles: (V, 2 F) probability of ALT in either haplotype of each founder that was asked about.
            freq: (V,) of the bundle.
            locus: (V,) locus of the peeling that is this site, -1 where nobody was typed.
        """
        gametes, typed = self._share.sum(axis=0), np.flatnonzero(locus >= 0)
        counted = alleles @ self._share
        counted[typed] = gametes * self._groups.freq[locus[typed]]
        found = (counted + BUNDLES * freq[:, None]) / (gametes + BUNDLES)
        given = self._groups.given[locus[typed]]
        found[typed] = np.where(given, self._groups.freq[locus[typed]], found[typed])
        return np.asarray(found)

    def priors(self, found: NDArray[np.float64]) -> NDArray[np.float32]:
        """(V, U, 4) prior probabilities of the phased genotypes of `animals` from such frequencies."""
        kinds = self._groups.kinds
        return priors_of(found, kinds)[:, kinds.of[self.animals]]

    def mates(self, found: NDArray[np.float64], freq: NDArray[np.float64]) -> NDArray[np.float64]:
        """(V,) frequencies of unknown mates, who are of the main group and have no stand-in."""
        return found[:, 0] if self._groups.has_main else freq
