"""Compile the kernels at installation: `python -m models.peeling.compile`. Numba keeps them beside the sources."""

from __future__ import annotations

import numpy as np

from genotypes.sites import SiteTable, strings
from models.peeling.engine import Peeling
from models.peeling.options import Options
from models.peeling.pedigree import Pedigree
from models.peeling.penetrance import from_calls
from models.peeling.population import PopulationOptions
from models.peeling.records import locus_facts
from models.peeling.text import contradictions, peeled_text

TRIOS = 3  # whose founders are enough for a population


def main() -> None:
    """Peel trios, which need every kernel with the types that it always has."""
    founders, n = 2 * TRIOS, 3 * TRIOS
    none = np.full(founders, -1, np.int32)
    sire = np.concatenate([none, np.arange(0, founders, 2, dtype=np.int32)])
    dam = np.concatenate([none, np.arange(1, founders, 2, dtype=np.int32)])
    order = np.arange(n, dtype=np.int32)
    names = [str(k) for k in range(n)]
    trios = Pedigree(names, [""] * n, sire, dam, np.zeros(n, np.int8), order + 1, order, False, np.zeros(n, bool))
    options = Options(cycles=4, threads=1, population=PopulationOptions(least=0))
    peeling = Peeling(trios, from_calls(np.ones((9, n), np.int8)), np.arange(9.0), options)
    peeling.run()
    for block in peeling.blocks():
        assert np.allclose(block.gp4.sum(axis=2), 1, atol=1e-5)
        calls = np.ones((len(block.gp4), n), np.int8)
        dots = strings(["."] * len(calls))
        sites = SiteTable("1", np.arange(len(calls), dtype=np.int32), dots, dots, dots)
        assert contradictions(block.gp4, calls) == []
        assert list(peeled_text(sites, block.gp4, locus_facts(block.gp4, calls > 0), np.zeros(len(calls), int), calls))


if __name__ == "__main__":
    main()
