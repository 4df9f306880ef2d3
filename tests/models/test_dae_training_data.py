import numpy as np
import pytest

from genotypes.clusters import Groups, cluster_people, clusters_for
from genotypes.mosaic import mosaics
from models.dae.samples import ClusterChoice, MaskOptions, MosaicOptions, Sampler, draw_masks
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
        haplotypes,
        np.linspace(0, 2, 120),
        np.arange(0, 120, 4),
        slice(20, 100),
        arrays,
        MosaicOptions(),
        MaskOptions(**masks),
        9,
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


def test_tiles_are_cut_by_map_length_too() -> None:
    haplotypes = np.random.default_rng(7).integers(0, 2, (400, 64)).astype(np.int8)
    cm = np.r_[np.linspace(0, 0.5, 200), np.linspace(0.5, 4.5, 200)]  # a cold and a hot half
    cuts = cut(haplotypes, 400, cm, longest=1.0)
    lengths = [cm[end - 1] - cm[first] for first, end in cuts]
    assert max(lengths) < 1.25
    assert max(end - first for first, end in cuts) > 2 * min(end - first for first, end in cuts)
    assert [v for first, end in cuts for v in range(first, end)] == list(range(400))


def test_a_gap_without_sites_makes_no_empty_tile() -> None:
    haplotypes = np.random.default_rng(8).integers(0, 2, (300, 64)).astype(np.int8)
    cm = np.r_[np.linspace(0, 0.1, 150), np.linspace(30, 30.1, 150)]
    cuts = cut(haplotypes, 100, cm, longest=1.0)
    assert all(first < end for first, end in cuts)
    assert [v for first, end in cuts for v in range(first, end)] == list(range(300))


def test_between_common_sites_the_cut_is_where_the_map_recombines_most() -> None:
    rng = np.random.default_rng(9)
    haplotypes = np.zeros((200, 400), np.int8)
    haplotypes[::10] = rng.integers(0, 2, (20, 400))  # the others are rare
    cm = np.linspace(0, 0.2, 200)
    ((_, end), _) = cut(haplotypes, 100, cm)
    assert end % 10 == 0
    cm = cm + np.where(np.arange(200) >= end - 4, 0.05, 0.0)  # a hotspot four sites before the common one
    assert cut(haplotypes, 100, cm)[0][1] == end - 4


def two_populations(people: int) -> np.ndarray:
    rng = np.random.default_rng(10)
    frequency = rng.uniform(0.05, 0.95, (2, 300))
    return np.concatenate([(rng.random((people, 300)) < f) for f in frequency]).astype(np.int8).T


def test_people_are_clustered_by_their_genotypes_and_small_panels_are_not() -> None:
    assert [clusters_for(n) for n in (1, 99, 100, 260, 5000)] == [1, 1, 2, 5, 10]
    labels = cluster_people(two_populations(120), np.arange(120))
    assert labels.max() == 1
    assert len(set(labels[:60])) == len(set(labels[60:])) == 1
    assert labels[0] != labels[-1]
    assert set(cluster_people(two_populations(40), np.arange(40))) == {0}


def test_both_haplotypes_of_a_person_come_from_one_cluster() -> None:
    labels = np.repeat([0, 1, 2], [40, 20, 60])
    groups = Groups.of(labels)
    rng = np.random.default_rng(11)
    o = MosaicOptions(switches=3.0, within=1.0, mixed=0.0)
    sources = np.repeat(np.arange(120, dtype=np.int8)[:, None], 200, 1)
    haps = mosaics(rng, sources, np.linspace(0, 4, 200), 600, o.switches, ClusterChoice(groups, 300, rng, o))
    seen = labels[np.concatenate([haps[:300], haps[300:]], 1)]
    assert (seen == seen[:, :1]).all()
    shares = np.bincount(seen[:, 0]) / 300
    np.testing.assert_allclose(shares, [1 / 3, 1 / 6, 1 / 2], atol=0.1)


def test_the_given_share_of_segments_comes_from_anywhere() -> None:
    labels = np.repeat([0, 1], 60)
    rng = np.random.default_rng(12)
    choose = ClusterChoice(Groups.of(labels), 1, rng, MosaicOptions(within=0.85, mixed=0.0))
    drawn = labels[choose(rng, np.zeros(20_000, np.int64))]
    assert max(drawn.mean(), 1 - drawn.mean()) == pytest.approx(0.85 + 0.15 / 2, abs=0.01)


def test_inputs_are_those_within_the_context() -> None:
    cm = np.linspace(0, 10, 101)  # 0.1 cM apart
    tiles = make_tiles([(0, 50), (50, 101)], np.arange(0, 101, 5), cm, 1.0)
    assert tiles[0].inputs.tolist() == list(range(0, 60, 5))
    assert tiles[1].inputs.tolist() == list(range(40, 101, 5))
