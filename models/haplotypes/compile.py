"""Compile the kernels at installation: `python -m models.haplotypes.compile`. Numba keeps them beside the sources."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from genotypes.sites import SiteTable
from models.haplotypes.engine import CopyingImputer, CopyingOptions
from models.haplotypes.library import Library
from models.haplotypes.slope_sums import SUMS, add_sums
from models.haplotypes.stored import StoredLibrary
from models.protocol import Tile, TypedGenotypes


def main() -> None:
    """Impute two people, which needs every kernel with the types that it always has."""
    rng = np.random.default_rng(1)
    alleles = rng.integers(0, 2, (80, 8)).astype(np.int8)
    rows = np.arange(0, 80, 2, dtype=np.int32)
    words = [np.full(80, word, object) for word in "AC."]
    sites = SiteTable("1", np.arange(1, 81, dtype=np.int32), *words)
    tile = Tile(0, 0, 80, np.arange(80, dtype=np.int32))
    with TemporaryDirectory() as folder:
        path = Path(folder, "haplotypes.safetensors")
        Library.of(alleles, np.arange(80) / 10).write(path, [])
        library = StoredLibrary(path).part(0, 80)
    imputer = CopyingImputer(sites, [tile], library, CopyingOptions(sweeps=1))
    codes = rng.integers(0, 3, (40, 2)).astype(np.int8)
    for block in imputer.impute(range(1), TypedGenotypes(rows, codes, np.full(2, 2, np.int8), phased=False)):
        assert np.allclose(block.gp.sum(axis=2), 1, atol=1e-3)
    expected, count = rng.random((9, 4)).astype(np.float32), np.ones(9, bool)
    sums = np.zeros((2, SUMS, 10))
    add_sums(expected, np.zeros((9, 4), np.int8), 1, count, sums[0, :, 1:])  # a part of the sites, as in a training


if __name__ == "__main__":
    main()
