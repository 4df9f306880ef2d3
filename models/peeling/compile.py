"""Compile the kernels at installation: `python -m models.peeling.compile`. Numba keeps them beside the sources."""

from __future__ import annotations

import numpy as np

from models.peeling.engine import Options, Peeling
from models.peeling.pedigree import Pedigree
from models.peeling.penetrance import from_calls


def main() -> None:
    """Peel one trio, which needs every kernel with the types that it always has."""
    none = np.full(2, -1, np.int32)
    sire, dam = np.append(none, np.int32(0)), np.append(none, np.int32(1))
    order = np.arange(3, dtype=np.int32)
    trio = Pedigree(["a", "b", "c"], [""] * 3, sire, dam, np.zeros(3, np.int8), order + 1, order, False)
    peeling = Peeling(trio, from_calls(np.ones((9, 3), np.int8)), np.arange(9.0), Options(cycles=2, threads=1))
    peeling.run()
    for block in peeling.blocks():
        assert np.allclose(block.gp4.sum(axis=2), 1, atol=1e-5)


if __name__ == "__main__":
    main()
