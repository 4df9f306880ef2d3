from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from genotypes.codes import HAP_ALT, HAP_REF, from_haplotypes
from models.dae.bundle import Bundle
from models.dae.engine import DaeImputer, place
from models.protocol import ImputedBlock, Tile, TypedGenotypes
from tests.support.bundles import EVERY, SITES, TinyPanel

ROWS = np.arange(0, SITES, EVERY).astype(np.int32)
OTHERS = np.setdiff1d(np.arange(SITES), ROWS)


@pytest.fixture(scope="module")
def imputer(tiny_folder: Path) -> DaeImputer:
    return DaeImputer(Bundle.open(tiny_folder / "tiny"), "20")


def diploid(panel: TinyPanel, *, phased: bool = False) -> TypedGenotypes:
    codes = from_haplotypes(panel.others[0::2].T, panel.others[1::2].T, phased)[ROWS]
    return TypedGenotypes(ROWS, codes, np.full(codes.shape[1], 2, np.int8), phased)


def run(imputer: DaeImputer, typed: TypedGenotypes) -> list[ImputedBlock]:
    return list(imputer.impute(range(len(imputer.tiles)), typed))


def r2(x: NDArray[np.float32], y: NDArray[np.int8]) -> float:
    return float(np.corrcoef(x.ravel(), y.ravel())[0, 1] ** 2)


def test_blocks_follow_one_another_over_all_sites(imputer: DaeImputer, tiny_panel: TinyPanel) -> None:
    at = 0
    for block in run(imputer, diploid(tiny_panel)):
        assert block.first == at
        np.testing.assert_allclose(block.gp.sum(-1), 1, atol=1e-5)
        at += len(block.gp)
    assert at == SITES


def test_unseen_people_are_imputed_better_than_by_frequency(imputer: DaeImputer, tiny_panel: TinyPanel) -> None:
    gp = np.concatenate([b.gp for b in run(imputer, diploid(tiny_panel))])
    truth = (tiny_panel.others[0::2] + tiny_panel.others[1::2]).T
    ds = gp[..., 1] + 2 * gp[..., 2]
    frequency = np.repeat(2 * imputer.sites.af[:, None], 20, 1)  # type: ignore[index]
    assert r2(ds[OTHERS], truth[OTHERS]) > r2(frequency[OTHERS], truth[OTHERS]) + 0.2


def test_hidden_dosage_does_not_see_its_own_site(imputer: DaeImputer, tiny_panel: TinyPanel) -> None:
    typed = diploid(tiny_panel)
    before = np.concatenate([b.hidden_ds for b in run(imputer, typed) if b.hidden_ds is not None])
    assert np.isnan(before[OTHERS]).all()
    assert not np.isnan(before[ROWS]).any()
    codes = typed.codes.copy()
    codes[10] = 2 - np.clip(codes[10], 0, 2)  # change one typed site for everyone
    after = np.concatenate(
        [b.hidden_ds for b in run(imputer, TypedGenotypes(ROWS, codes, typed.ploidy, False)) if b.hidden_ds is not None]
    )
    np.testing.assert_allclose(after[ROWS[10]], before[ROWS[10]], atol=1e-5)
    assert np.abs(after[ROWS[11]] - before[ROWS[11]]).max() > 1e-4  # its neighbour does see it


def test_phased_input_gives_haplotype_dosages_that_add_up(imputer: DaeImputer, tiny_panel: TinyPanel) -> None:
    blocks = run(imputer, diploid(tiny_panel, phased=True))
    gp = np.concatenate([b.gp for b in blocks])
    hds = np.concatenate([b.hds for b in blocks if b.hds is not None])
    np.testing.assert_allclose(hds.sum(-1), gp[..., 1] + 2 * gp[..., 2], atol=1e-5)
    assert r2(hds[OTHERS][..., 0], tiny_panel.others[0::2].T[OTHERS]) > 0.25
    assert r2(hds[OTHERS][..., 1], tiny_panel.others[1::2].T[OTHERS]) > 0.25


def test_a_haploid_sample_equals_the_first_haplotype_of_a_phased_one(
    imputer: DaeImputer, tiny_panel: TinyPanel
) -> None:
    hds = np.concatenate([b.hds for b in run(imputer, diploid(tiny_panel, phased=True)) if b.hds is not None])
    codes = np.where(tiny_panel.others[0::2].T[ROWS] == 1, HAP_ALT, HAP_REF).astype(np.int8)
    haploid = TypedGenotypes(ROWS, codes, np.ones(20, np.int8), False)
    gp = np.concatenate([b.gp for b in run(imputer, haploid)])
    assert not gp[..., 1].any()
    np.testing.assert_allclose(gp[..., 2], hds[..., 0], atol=1e-4)


def test_mixed_ploidy_treats_each_sample_as_it_would_alone(imputer: DaeImputer, tiny_panel: TinyPanel) -> None:
    typed = diploid(tiny_panel)
    males = np.where(tiny_panel.others[:3].T[ROWS] == 1, HAP_ALT, HAP_REF).astype(np.int8)
    mixed = TypedGenotypes(
        ROWS, np.hstack([typed.codes, males]), np.r_[typed.ploidy, np.ones(3, np.int8)].astype(np.int8), False
    )
    together = np.concatenate([b.gp for b in run(imputer, mixed)])
    alone = np.concatenate([b.gp for b in run(imputer, typed)])
    np.testing.assert_allclose(together[:, :20], alone, atol=1e-5)
    assert not together[:, 20:, 1].any()


def test_samples_do_not_depend_on_their_batch(imputer: DaeImputer, tiny_panel: TinyPanel) -> None:
    typed = diploid(tiny_panel)
    one = TypedGenotypes(ROWS, typed.codes[:, 7:8], np.full(1, 2, np.int8), False)
    np.testing.assert_allclose(run(imputer, one)[2].gp[:, 0], run(imputer, typed)[2].gp[:, 7], atol=1e-5)


def test_without_any_typed_site_the_answer_is_a_distribution(imputer: DaeImputer) -> None:
    nothing = TypedGenotypes(np.empty(0, np.int32), np.empty((0, 3), np.int8), np.full(3, 2, np.int8), False)
    blocks = run(imputer, nothing)
    assert sum(len(b.gp) for b in blocks) == SITES
    np.testing.assert_allclose(blocks[0].gp.sum(-1), 1, atol=1e-5)


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
