"""What `models.protocol.Imputer` promises, for every engine."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from genotypes.codes import HAP_ALT, HAP_REF, HET, MISSING, from_haplotypes
from models.bundles import make_imputer, open_bundle
from models.protocol import ImputedBlock, Imputer, TypedGenotypes
from tests.support.bundles import EVERY, SITES, TinyPanel, tiny_library

ROWS = np.arange(0, SITES, EVERY).astype(np.int32)
OTHERS = np.setdiff1d(np.arange(SITES), ROWS)


@pytest.fixture(scope="module", params=["tile-dae", "li-stephens"])
def imputer(request: pytest.FixtureRequest, tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Imputer:
    if request.param == "tile-dae":
        path = tiny_folder / "tiny"
    else:
        path = tiny_library(tmp_path_factory.mktemp("library"), tiles=2)
    return make_imputer(open_bundle(path), "20", device="cpu", threads=None)


def diploid(panel: TinyPanel, *, phased: bool = False) -> TypedGenotypes:
    codes = from_haplotypes(panel.others[0::2].T, panel.others[1::2].T, phased)[ROWS]
    return TypedGenotypes(ROWS, codes, np.full(codes.shape[1], 2, np.int8), phased)


def run(imputer: Imputer, typed: TypedGenotypes) -> list[ImputedBlock]:
    return list(imputer.impute(range(len(imputer.tiles)), typed))


def r2(x: NDArray[np.float32], y: NDArray[np.int8]) -> float:
    return float(np.corrcoef(x.ravel(), y.ravel())[0, 1] ** 2)


def test_blocks_follow_one_another_over_all_sites(imputer: Imputer, tiny_panel: TinyPanel) -> None:
    at = 0
    for block in run(imputer, diploid(tiny_panel)):
        assert block.first == at
        np.testing.assert_allclose(block.gp.sum(-1), 1, atol=1e-4)
        at += len(block.gp)
    assert at == SITES


def test_unseen_people_are_imputed_better_than_by_frequency(imputer: Imputer, tiny_panel: TinyPanel) -> None:
    gp = np.concatenate([b.gp for b in run(imputer, diploid(tiny_panel))])
    truth = (tiny_panel.others[0::2] + tiny_panel.others[1::2]).T
    ds = gp[..., 1] + 2 * gp[..., 2]
    frequency = np.repeat(2 * imputer.sites.af[:, None], 20, 1)  # type: ignore[index]
    assert r2(ds[OTHERS], truth[OTHERS]) > r2(frequency[OTHERS], truth[OTHERS]) + 0.2


def test_hidden_dosage_does_not_see_its_own_site(imputer: Imputer, tiny_panel: TinyPanel) -> None:
    typed = diploid(tiny_panel, phased=True)
    before = np.concatenate([b.hidden_ds for b in run(imputer, typed) if b.hidden_ds is not None])
    assert np.isnan(before[OTHERS]).all()
    assert not np.isnan(before[ROWS]).any()
    codes = typed.codes.copy()
    codes[10] = from_haplotypes(1 - tiny_panel.others[0::2].T, 1 - tiny_panel.others[1::2].T, phased=True)[ROWS[10]]
    after = np.concatenate(
        [b.hidden_ds for b in run(imputer, TypedGenotypes(ROWS, codes, typed.ploidy, True)) if b.hidden_ds is not None]
    )
    # Copying keeps its messages in eight bits of mantissa.
    np.testing.assert_allclose(after[ROWS[10]], before[ROWS[10]], atol=5e-3)
    assert np.abs(after[ROWS[11]] - before[ROWS[11]]).max() > 0.05  # its neighbour does see it


def test_phased_input_gives_haplotype_dosages_that_add_up(imputer: Imputer, tiny_panel: TinyPanel) -> None:
    blocks = run(imputer, diploid(tiny_panel, phased=True))
    gp = np.concatenate([b.gp for b in blocks])
    hds = np.concatenate([b.hds for b in blocks if b.hds is not None])
    np.testing.assert_allclose(hds.sum(-1), gp[..., 1] + 2 * gp[..., 2], atol=1e-4)
    assert r2(hds[OTHERS][..., 0], tiny_panel.others[0::2].T[OTHERS]) > 0.25
    assert r2(hds[OTHERS][..., 1], tiny_panel.others[1::2].T[OTHERS]) > 0.25


def test_a_haploid_sample_equals_the_first_haplotype_of_a_phased_one(imputer: Imputer, tiny_panel: TinyPanel) -> None:
    hds = np.concatenate([b.hds for b in run(imputer, diploid(tiny_panel, phased=True)) if b.hds is not None])
    codes = np.where(tiny_panel.others[0::2].T[ROWS] == 1, HAP_ALT, HAP_REF).astype(np.int8)
    haploid = TypedGenotypes(ROWS, codes, np.ones(20, np.int8), False)
    gp = np.concatenate([b.gp for b in run(imputer, haploid)])
    assert not gp[..., 1].any()
    np.testing.assert_allclose(gp[..., 2], hds[..., 0], atol=1e-4)


def test_mixed_ploidy_treats_each_sample_as_it_would_alone(imputer: Imputer, tiny_panel: TinyPanel) -> None:
    typed = diploid(tiny_panel)
    males = np.where(tiny_panel.others[:3].T[ROWS] == 1, HAP_ALT, HAP_REF).astype(np.int8)
    mixed = TypedGenotypes(
        ROWS, np.hstack([typed.codes, males]), np.r_[typed.ploidy, np.ones(3, np.int8)].astype(np.int8), False
    )
    together = np.concatenate([b.gp for b in run(imputer, mixed)])
    alone = np.concatenate([b.gp for b in run(imputer, typed)])
    np.testing.assert_allclose(together[:, :20], alone, atol=1e-5)
    assert not together[:, 20:, 1].any()


def test_samples_do_not_depend_on_their_batch(imputer: Imputer, tiny_panel: TinyPanel) -> None:
    typed = diploid(tiny_panel)
    one = TypedGenotypes(ROWS, typed.codes[:, 7:8], np.full(1, 2, np.int8), False)
    alone = np.concatenate([b.gp for b in run(imputer, one)])
    together = np.concatenate([b.gp for b in run(imputer, typed)])
    np.testing.assert_allclose(alone[:, 0], together[:, 7], atol=1e-5)


def test_missing_genotypes_are_imputed(imputer: Imputer, tiny_panel: TinyPanel) -> None:
    typed = diploid(tiny_panel)
    codes = typed.codes.copy()
    codes[::3] = -1
    gp = np.concatenate([b.gp for b in run(imputer, TypedGenotypes(ROWS, codes, typed.ploidy, False))])
    truth = (tiny_panel.others[0::2] + tiny_panel.others[1::2]).T
    hidden = ROWS[::3]
    ds = gp[..., 1] + 2 * gp[..., 2]
    frequency = np.repeat(2 * imputer.sites.af[:, None], 20, 1)  # type: ignore[index]
    assert r2(ds[hidden], truth[hidden]) > r2(frequency[hidden], truth[hidden]) + 0.1


@pytest.mark.parametrize("phased", [False, True])
def test_without_any_typed_site_the_answer_is_a_distribution(imputer: Imputer, phased: bool) -> None:
    nothing = TypedGenotypes(np.empty(0, np.int32), np.empty((0, 3), np.int8), np.full(3, 2, np.int8), phased)
    blocks = run(imputer, nothing)
    assert sum(len(b.gp) for b in blocks) == SITES
    np.testing.assert_allclose(blocks[0].gp.sum(-1), 1, atol=1e-4)
    assert all((b.hds is not None) == phased for b in blocks)


def linked(panel: TinyPanel, people: int, either: float) -> TypedGenotypes:
    """People as two linked haploid samples each, of whose heterozygotes a share has no phase."""
    pairs = panel.others[: 2 * people].T[ROWS]
    codes = np.where(pairs == 1, HAP_ALT, HAP_REF).astype(np.int8)
    het = pairs[:, 0::2] != pairs[:, 1::2]
    unknown = np.repeat(het & (np.random.default_rng(3).random(het.shape) < either), 2, axis=1)
    codes[unknown] = HET
    return TypedGenotypes(ROWS, codes, np.ones(2 * people, np.int8), False, people)


def test_linked_haplotypes_come_out_one_by_one_under_their_names(imputer: Imputer, tiny_panel: TinyPanel) -> None:
    blocks = run(imputer, linked(tiny_panel, 10, 0.5))
    gp = np.concatenate([b.gp for b in blocks])
    assert gp.shape[1] == 20
    assert (gp[..., 1] == 0).all()
    truth = tiny_panel.others[:20].T
    assert r2(gp[OTHERS][..., 2], truth[OTHERS]) > r2(gp[OTHERS][:, np.arange(20) ^ 1, 2], truth[OTHERS]) + 0.1


def test_linked_samples_leave_the_others_alone(imputer: Imputer, tiny_panel: TinyPanel) -> None:
    pairs, people = linked(tiny_panel, 5, 0.5), diploid(tiny_panel)
    both = TypedGenotypes(ROWS, np.concatenate([pairs.codes, people.codes], axis=1),
                          np.concatenate([pairs.ploidy, people.ploidy]), False, 5)  # fmt: skip
    beside = np.concatenate([b.gp for b in run(imputer, both)])
    # A network's products of matrices round by their size.
    alone = [np.concatenate([b.gp for b in run(imputer, one)]) for one in (pairs, people)]
    np.testing.assert_allclose(beside, np.concatenate(alone, axis=1), atol=1e-4)


def test_an_engine_that_does_not_find_phase_takes_it_for_missing(imputer: Imputer, tiny_panel: TinyPanel) -> None:
    asked = linked(tiny_panel, 5, 0.5)
    gaps = TypedGenotypes(ROWS, np.where(asked.codes == HET, np.int8(MISSING), asked.codes), asked.ploidy, False)
    same = np.array_equal(*(np.concatenate([b.gp for b in run(imputer, one)]) for one in (asked, gaps)))
    assert same == (not imputer.finds_phase)
