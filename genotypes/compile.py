"""Compile the kernels at installation: `python -m genotypes.compile`. Numba keeps them beside the sources."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from genotypes import codes as gt
from genotypes.cell_sums import sum_cells
from genotypes.celltext import WIDEST, put_lines
from genotypes.counts import SiteCounts
from genotypes.hwe import hwe_midp
from genotypes.kinship import pack, related
from genotypes.packed_pairs import PackedPairs
from genotypes.pair_cells import cells_of_pairs
from genotypes.sample_stats import add_up
from genotypes.sites import SiteTable, read_sites_bcf, strings, write_sites_bcf


def _write() -> None:
    """Encode one genotype, with the types that the arrays always have."""
    ploidy = np.full(1, 2, np.int8)
    items, sums, people = np.zeros((1, 1), np.int32), np.zeros((7, 1), np.int64), np.zeros((2, 1))
    table = np.zeros(1, np.int32)
    typed, seen = np.full(1, -1, np.int32), np.zeros((7, 2), np.int32)
    pairs = PackedPairs.of(np.full((1, 1, 2), 13107, np.uint16))
    assert pairs.dense().max() == 13107
    for observed in _forms(np.zeros((0, 1), np.int8)):
        cells_of_pairs(
            pairs.masks, pairs.values, pairs.starts(0), False, ploidy, typed, observed, seen, 0, 1, items, sums, people
        )
    assert items[0, 0] == 200 + 1001 * 200
    sum_cells(np.zeros((1, 1), np.int32), table, table, ploidy)
    out, ends = np.empty(2 * WIDEST, np.uint8), np.empty(1, np.int64)
    put_lines(items, False, np.frombuffer(b"head\t", np.uint8), np.array([0, 5]), out, ends)
    assert out[: ends[0]].tobytes() == b"head\t0/0:0.6:0.6,0.2,0.2\n"


def _check() -> None:
    """Look at two people as quality control does."""
    for codes in _forms(np.ones((1, 2), np.int8)):
        assert add_up(codes)[1].af[0] == 0.5
        counts = SiteCounts.of(codes)
        assert counts.calls[0] == 2
        assert related(pack(codes)).kinship[0] == 0.5
    one = np.ones(1, np.int64)
    assert hwe_midp(one, one, one)[0] > 0


def _list() -> None:
    """Read a list of sites."""
    sites = SiteTable("1", np.ones(1, np.int32), strings("A"), strings("C"), strings("."))
    with TemporaryDirectory() as folder:
        path = Path(folder, "sites.bcf")
        write_sites_bcf(path, [sites], {"1": None})
        assert len(read_sites_bcf(path)["1"]) == 1


def _forms(codes: gt.Codes) -> tuple[gt.Codes, gt.Codes]:
    """Genotypes as they are in memory, and as they are on a mapped file, which numba takes for two kinds."""
    mapped = codes.copy()
    mapped.flags.writeable = False
    return codes, mapped


def main() -> None:
    """Call every kernel of the ways of a job."""
    _write()
    _check()
    _list()


if __name__ == "__main__":
    main()
