from pathlib import Path

import numpy as np

from genotypes.codes import from_haplotypes
from models.dae.bundle import Bundle
from models.dae.engine import DaeImputer, place
from models.protocol import ImputedBlock, Tile, TypedGenotypes
from tests.support.bundles import EVERY, SITES, TinyPanel

ROWS = np.arange(0, SITES, EVERY).astype(np.int32)


def diploid(panel: TinyPanel) -> TypedGenotypes:
    codes = from_haplotypes(panel.others[0::2].T, panel.others[1::2].T, phased=False)[ROWS]
    return TypedGenotypes(ROWS, codes, np.full(codes.shape[1], 2, np.int8), phased=False)


def run(imputer: DaeImputer, typed: TypedGenotypes) -> list[ImputedBlock]:
    return list(imputer.impute(range(len(imputer.tiles)), typed))


def test_typed_sites_that_a_tile_does_not_read_are_left_out() -> None:
    tile = Tile(0, 0, 10, np.array([2, 5, 8], np.int32))
    got = place(tile, np.array([1, 5, 9], np.int32), np.array([[0, 1, 2]], np.int8))
    assert got.tolist() == [[-1, 1, -1]]


def test_weights_beyond_the_bound_are_dropped_and_read_again(tiny_folder: Path, tiny_panel: TinyPanel) -> None:
    free, bound = (DaeImputer(Bundle.open(tiny_folder / "tiny"), "20") for _ in range(2))
    bound.keep_bytes = 1
    typed = diploid(tiny_panel)
    for _ in range(2):
        for one, other in zip(run(free, typed), run(bound, typed), strict=True):
            np.testing.assert_array_equal(one.gp, other.gp)
    assert len(free._nets) == 2
    assert len(bound._nets) == 1
