import numpy as np
import pytest

from genotypes.cell_sums import sum_cells
from genotypes.cells import Layout, quantise, quantise_haplotypes, tables
from genotypes.codes import dosage
from genotypes.packed_pairs import PackedPairs
from genotypes.pair_cells import cells_of_pairs
from models.protocol import PairBlock

SITES, SAMPLES = 150, 37


@pytest.mark.parametrize("phased", [False, True])
@pytest.mark.parametrize("haploids", [0, 9])
def test_one_pass_gives_what_the_steps_by_themselves_give(phased: bool, haploids: int) -> None:
    rng = np.random.default_rng(8)
    ploidy = np.full(SAMPLES, 2, np.int8)
    ploidy[rng.choice(SAMPLES, haploids, replace=False)] = 1
    pairs = rng.dirichlet([0.2] * 3, (SAMPLES, SITES))[..., :2]
    pairs[rng.random((SAMPLES, SITES)) < 0.4] = 0
    pairs[0, :4] = [[0.5005, 0.4995], [0.4995, 0.5005], [1, 0], [0, 1]]
    packed = PackedPairs.of(np.rint(pairs * 65535).astype(np.uint16))
    block = PairBlock(10, packed, ploidy, phased, None)
    layout = Layout(ploidy, phased)
    rows = np.array([3, 70, 149], np.int32)
    codes = rng.choice(np.array([-1, 0, 1, 2, 3, 4], np.int8), (3, SAMPLES))
    codes[:, ploidy == 1] = rng.choice(np.array([-1, 5, 6], np.int8), (3, haploids))

    hds = block.hds
    cells = quantise(block.gp) if hds is None else quantise_haplotypes(hds)
    items = layout.items_with(cells, codes, rows)
    look = tables(phased)
    sums = sum_cells(items, look.thousandths, look.square, ploidy)
    some = np.delete(block.gp, rows, axis=0).astype(np.float64)
    mean = some[..., 1] + 2 * some[..., 2]
    people = np.stack([some.max(axis=2).sum(axis=0), (some[..., 1] + 4 * some[..., 2] - mean**2).sum(axis=0)])

    typed = np.full(SITES, -1, np.int32)
    typed[rows] = range(3)
    known = dosage(np.arange(7, dtype=np.int8)).astype(np.int32)
    found, counted = np.empty((SITES, SAMPLES), np.int32), np.zeros((2, SAMPLES))
    found_sums = np.empty((7, SITES), np.int64)
    seen = 1000 * np.stack([known, known**2], axis=1)
    for first, end in ((0, 64), (64, SITES)):
        cells_of_pairs(
            packed.masks, packed.values, packed.starts(first), phased, ploidy, typed, codes, seen, first, end, found,
            found_sums, counted,
        )  # fmt: skip
    assert np.array_equal(found, items)
    assert np.array_equal(found_sums, sums)
    assert counted == pytest.approx(people, rel=1e-5, abs=1e-4)


def test_a_block_of_pairs_is_cut_by_rows() -> None:
    pairs = PackedPairs.of(np.arange(24, dtype=np.uint16).reshape(2, 6, 2))
    block = PairBlock(5, pairs, np.full(2, 2, np.int8), False, np.zeros((6, 2), np.float32))
    part = block.rows(2, 5)
    assert (part.first, len(part)) == (7, 3)
    assert np.array_equal(part.gp, block.gp[2:5])
