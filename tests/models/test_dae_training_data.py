import numpy as np
import pytest

from genotypes.mosaic import mosaics
from models.dae.samples import MaskOptions, Sampler, draw_masks
from models.dae.tiles import crossing_ld, cut, make_tiles


def test_every_segment_of_a_mosaic_is_copied_from_some_haplotype() -> None:
    rng = np.random.default_rng(1)
    sources = np.repeat(np.arange(20, dtype=np.int8)[:, None], 300, 1)  # haplotype h carries h everywhere
    out = mosaics(rng, sources, np.linspace(0, 10, 300), 50, 1.0)
    switches = (np.diff(out, axis=1) != 0).sum(1)
    assert set(np.unique(out)) <= set(range(20))
    assert 7 < switches.mean() < 12  # 10 cM at 1 per cM, one in twenty switches to itself


def test_mosaics_without_switches_are_whole_haplotypes() -> None:
    sources = np.repeat(np.arange(20, dtype=np.int8)[:, None], 30, 1)
    out = mosaics(np.random.default_rng(0), sources, np.linspace(0, 5, 30), 40, 0.0)
    assert (out == out[:, :1]).all()
    assert len(np.unique(out[:, 0])) > 10


def test_switches_follow_the_map() -> None:
    sources = np.repeat(np.arange(100, dtype=np.int8)[:, None], 100, 1)
    cm = np.r_[np.linspace(0, 1, 50), np.linspace(9, 10, 50)]  # a hotspot of 8 cM between sites 49 and 50
    changed = np.diff(mosaics(np.random.default_rng(3), sources, cm, 400, 1.0), axis=1) != 0
    assert changed[:, 49].mean() > 0.95
    assert changed[:, :49].sum(1).mean() < 1.3


def test_masks_show_only_sites_of_one_array() -> None:
    first, second = np.arange(100) < 40, np.arange(100) >= 60
    masks = draw_masks(np.random.default_rng(2), [first, second], 100, 200, MaskOptions(array_share=1.0))
    for row in masks:
        assert not (row & ~first).any() or not (row & ~second).any()
        assert row.sum() >= 25  # at most a fifth of an array's 40 sites is missing, give or take


def make_sampler(**masks: float) -> Sampler:
    rng = np.random.default_rng(4)
    haplotypes = rng.integers(0, 2, (40, 120)).astype(np.int8)
    arrays = [np.ones(30, bool)]
    return Sampler(
        haplotypes, np.linspace(0, 2, 120), np.arange(0, 120, 4), slice(20, 100), arrays, 1.0, MaskOptions(**masks), 9
    )


def test_shown_genotypes_are_the_truth_at_the_inputs_without_errors() -> None:
    sampler = make_sampler(error=0.0, array_share=1.0, array_missing=0.0)
    shown, truth = sampler.draw(64)
    assert shown.shape == (64, 30)
    assert truth.shape == (64, 80)
    inside = [k for k, site in enumerate(range(0, 120, 4)) if 20 <= site < 100]
    np.testing.assert_array_equal(shown[:, inside], truth[:, [4 * k - 20 for k in inside]])


def test_homozygous_samples_have_no_heterozygotes_even_with_errors() -> None:
    shown, truth = make_sampler(homozygous=1.0, error=0.2).draw(64)
    assert not (truth == 1).any()
    assert not (shown == 1).any()


def test_errors_change_the_given_share() -> None:
    clean = make_sampler(error=0.0, array_share=1.0, array_missing=0.0, homozygous=0.0)
    noisy = make_sampler(error=0.1, array_share=1.0, array_missing=0.0, homozygous=0.0)
    truth, shown = clean.draw(200)[0], noisy.draw(200)[0]
    inside = truth >= 0
    assert 0.05 < (truth != shown)[inside].mean() < 0.15
    assert set(np.unique(shown)) <= {0, 1, 2}


def test_sampler_is_reproducible() -> None:
    for a, b in zip(make_sampler().draw(8), make_sampler().draw(8), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("target", [50, 100, 1000])
def test_tiles_cover_every_site_once(target: int) -> None:
    haplotypes = np.random.default_rng(5).integers(0, 2, (300, 64)).astype(np.int8)
    cuts = cut(haplotypes, target)
    assert [v for first, end in cuts for v in range(first, end)] == list(range(300))
    assert len(cuts) == max(1, round(300 / target))


def test_tiles_are_cut_where_ld_breaks() -> None:
    rng = np.random.default_rng(6)
    left, right = rng.integers(0, 2, (2, 200)).astype(np.int8)
    # Two blocks of perfect LD that meet at row 110, off the even cut at 100.
    haplotypes = np.vstack([np.repeat(left[None], 110, 0), np.repeat(right[None], 90, 0)])
    assert cut(haplotypes, 100) == [(0, 110), (110, 200)]
    cost = crossing_ld(haplotypes, np.arange(200), 60)
    assert cost[110] < 0.1 * cost[100]


def test_inputs_are_those_within_the_context() -> None:
    cm = np.linspace(0, 10, 101)  # 0.1 cM apart
    tiles = make_tiles([(0, 50), (50, 101)], np.arange(0, 101, 5), cm, 1.0)
    assert tiles[0].inputs.tolist() == list(range(0, 60, 5))
    assert tiles[1].inputs.tolist() == list(range(40, 101, 5))
