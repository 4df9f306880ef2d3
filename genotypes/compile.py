"""Compile the writer's kernels at installation: `python -m genotypes.compile`. Numba keeps them beside the sources."""

from __future__ import annotations

import numpy as np

from genotypes.cell_sums import sum_cells
from genotypes.celltext import WIDEST, put_lines
from genotypes.pair_cells import cells_of_pairs


def main() -> None:
    """Encode one genotype, with the types that the arrays always have."""
    ploidy = np.full(1, 2, np.int8)
    items, sums, people = np.zeros((1, 1), np.int32), np.zeros((7, 1), np.int64), np.zeros((2, 1))
    table = np.zeros(1, np.int32)
    typed, observed, seen = np.full(1, -1, np.int32), np.zeros((0, 1), np.int8), np.zeros((7, 2), np.int32)
    pairs = np.full((1, 1, 2), 13107, np.uint16)
    cells_of_pairs(pairs, False, ploidy, typed, observed, seen, 0, 1, items, sums, people)
    assert items[0, 0] == 200 + 1001 * 200
    sum_cells(np.zeros((1, 1), np.int32), table, table, ploidy)
    out, ends = np.empty(2 * WIDEST, np.uint8), np.empty(1, np.int64)
    put_lines(items, False, np.frombuffer(b"head\t", np.uint8), np.array([0, 5]), out, ends)
    assert out[: ends[0]].tobytes() == b"head\t0/0:0.6:0.6,0.2,0.2\n"


if __name__ == "__main__":
    main()
