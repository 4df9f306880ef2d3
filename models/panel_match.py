"""A panel read in blocks against a bundle's sites, as if it were matched as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from errors import Code, TesseraError
from genotypes.contigs import chromosome_name, of_people
from genotypes.harmonise import Action, Match, match
from genotypes.sites import SiteTable

if TYPE_CHECKING:
    from models.bundle_folder import BundleFolder
    from models.dae.bundle import Bundle
    from models.haplotypes.bundle import HaplotypeBundle


class PanelMatch:
    """Which sites of the blocks of a panel's chromosome are which of a bundle's.

    Attributes:
        name: the bundle's name of the chromosome.
        table: its sites.
    """

    def __init__(self, bundle: BundleFolder | Bundle | HaplotypeBundle, contig: str) -> None:
        """Begin a chromosome.

        Raises:
            TesseraError: `setup_invalid` when the bundle lacks it.
        """
        people = of_people(bundle.manifest)
        names = {chromosome_name(name, people): name for name in bundle.chromosomes}
        if (name := names.get(chromosome_name(contig, people))) is None:
            raise TesseraError(Code.setup_invalid, f"The bundle holds no chromosome {contig}.")
        self.name = name
        self.table = bundle.sites(name)
        self._taken = np.zeros(len(self.table), bool)

    def of(self, sites: SiteTable) -> Match:
        """The next block's sites; one that stands for a site that an earlier block's has taken is a duplicate."""
        found = match(sites, self.table)
        again = found.matched & self._taken[found.rows]
        found.action[again] = Action.duplicate
        found.rows[again] = -1
        self._taken[found.rows[found.matched]] = True
        return found
