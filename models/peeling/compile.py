"""Compile the kernels at installation: `python -m models.peeling.compile`. Numba keeps them beside the sources."""

from __future__ import annotations

import numpy as np

from models.peeling.engine import Options, Peeling
from models.peeling.pedigree import Pedigree
from models.peeling.penetrance import from_calls
from models.peeling.population import PopulationOptions

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


if __name__ == "__main__":
    main()
