"""The kernels of the copying engine against plain numpy."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from genotypes.sites import SiteTable
from models.haplotypes import scans
from models.haplotypes.beam import first_phase
from models.haplotypes.engine import CopyingImputer, CopyingOptions, copied_states
from models.haplotypes.library import Library
from models.haplotypes.person import WIDTH, impute_people
from models.haplotypes.select import (
    add_weights,
    align,
    choose_states,
    classes_of,
    keep_heaviest,
    pack_columns,
    padded,
    padded_size,
    score_haplotypes,
    take_longest,
)
from models.haplotypes.states import continued, typed_masks
from models.haplotypes.window import Window
from models.protocol import Tile, TypedGenotypes
from tests.reference.li_stephens import diploid_posterior, named_posterior, posterior

SITES, SIZE, STEP = 210, 14, 3
TYPED = np.arange(1, SITES, STEP)


@pytest.fixture(scope="module")
def alleles() -> NDArray[np.uint8]:
    """(V, K) of founders' mosaics."""
    rng = np.random.default_rng(3)
    founders = rng.random((SITES, 5)) < rng.choice([0.15, 0.5, 0.9], SITES)[:, None]
    source = np.cumsum(rng.random((SITES, SIZE)) < 0.03, axis=0) + rng.integers(0, 5, SIZE)
    return np.take_along_axis(founders, source % 5, axis=1).astype(np.uint8)


def impute(
    alleles: NDArray[np.uint8],
    genotypes: NDArray[np.int8],
    *,
    pairs: NDArray[np.int8] | None = None,
    named: bool = False,
    sweeps: int = 3000,
    states: int = 1000,
    error: float = 0.01,
    slopes: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    """Probabilities (N, V, 2), hidden (N, T, 2), the interpolation's shares and the switch probabilities."""
    size = alleles.shape[1]
    trust = np.ones(SITES, np.float32) if slopes is None else slopes

    class Doubted(Library):
        """A library whose sites have slopes."""

        def slopes(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
            """Of some rows."""
            return trust[rows]

    library = Doubted.of(alleles.astype(np.int8), np.arange(SITES) * 0.01)
    window = Window.make(library, Tile(0, 0, SITES, np.arange(SITES, dtype=np.int32)), TYPED.astype(np.int32))
    interval = np.searchsorted(TYPED, np.arange(SITES))
    share = np.clip((np.arange(SITES) - TYPED[np.clip(interval - 1, 0, None)]) / STEP, 0, 1)
    share[interval == 0], share[interval == len(TYPED)] = 1, 0
    switch = np.full(len(TYPED), 0.08)
    people = len(genotypes)
    out = np.empty((people, SITES, 2), np.uint16)
    hidden = np.empty((people, len(TYPED), 2), np.float32)
    held = np.empty((people, 2, len(TYPED)), np.int8) if pairs is None else pairs
    wide, few = copied_states(1000, size), copied_states(states, size)
    impute_people(
        window.panel, genotypes, held, np.full(people, pairs is not None and not named), np.full(people, named),
        switch.astype(np.float32), window.errors(error), wide, wide, few, 20, sweeps, out, hidden,
        np.zeros(2, np.int64),
    )  # fmt: skip
    return out / 65535, hidden, share, switch


def person(alleles: NDArray[np.uint8], seed: int) -> NDArray[np.int8]:
    """(2, T) haplotypes that switch twice, over three windows' borders."""
    rng = np.random.default_rng(seed)
    pair = []
    for _ in range(2):
        cuts = np.sort(rng.integers(0, len(TYPED), 2))
        source = rng.integers(0, SIZE, 3)[np.searchsorted(cuts, np.arange(len(TYPED)), side="right")]
        pair.append(alleles[TYPED, source])
    return np.array(pair, np.int8)


@pytest.mark.parametrize("seed", range(3))
def test_a_known_phase_gives_the_exact_posterior(alleles: NDArray[np.uint8], seed: int) -> None:
    pair = person(alleles, seed)
    pair[:, 5] = -1
    genotype = np.where(pair.min(0) < 0, -1, pair.sum(0)).astype(np.int8)
    found, _, share, switch = impute(alleles, genotype[None], pairs=pair[None].copy())
    after = np.searchsorted(TYPED, np.arange(SITES))
    for h in range(2):
        p = posterior(alleles[TYPED], pair[h], switch, 0.01)
        left, right = p[np.clip(after - 1, 0, None)], p[np.clip(after, 0, len(TYPED) - 1)]
        expected = ((1 - share)[:, None] * left + share[:, None] * right) * alleles
        # Weights are kept in eight bits of mantissa.
        np.testing.assert_allclose(found[0, :, h], expected.sum(axis=1), atol=0.005)


def slopes_of_sites(seed: int) -> NDArray[np.float32]:
    """Some sites are doubted, one altogether; typed ones as well."""
    rng = np.random.default_rng(seed)
    slopes = np.where(rng.random(SITES) < 0.3, rng.random(SITES), 1).astype(np.float32)
    slopes[TYPED[7]] = 0
    return slopes


def test_doubted_sites_tell_little_and_are_drawn_to_their_frequency(alleles: NDArray[np.uint8]) -> None:
    pair, slopes = person(alleles, 3), slopes_of_sites(1)
    found, _, share, switch = impute(alleles, pair.sum(0)[None].astype(np.int8), pairs=pair[None].copy(), slopes=slopes)
    after = np.searchsorted(TYPED, np.arange(SITES))
    errors = np.minimum(0.5, 0.01 + (1 - slopes[TYPED]) / 2).astype(np.float64)
    for h in range(2):
        p = posterior(alleles[TYPED], pair[h], switch, errors)
        left, right = p[np.clip(after - 1, 0, None)], p[np.clip(after, 0, len(TYPED) - 1)]
        copied = (((1 - share)[:, None] * left + share[:, None] * right) * alleles).sum(axis=1)
        expected = slopes * copied + (1 - slopes) * alleles.mean(axis=1)
        np.testing.assert_allclose(found[0, :, h], expected, atol=0.005)


def test_both_haplotypes_of_an_unphased_person_are_drawn_alike(alleles: NDArray[np.uint8]) -> None:
    genotype, slopes = person(alleles, 10).sum(0).astype(np.int8), slopes_of_sites(2)
    hets = np.flatnonzero(genotype == 1)
    genotype[hets[9:]] = 0
    slopes[TYPED] = 1
    plain = impute(alleles, genotype[None])[0][0]
    found = impute(alleles, genotype[None], slopes=slopes)[0][0]
    s, rest = slopes.astype(float), (1 - slopes) * alleles.mean(axis=1)
    both = s**2 * plain[:, 1] + s * rest * (plain[:, 0] + 2 * plain[:, 1]) + rest**2  # E (s p + r) (s q + r)
    np.testing.assert_allclose(found[:, 1], both, atol=3e-5)
    dosage = s * (plain[:, 0] + 2 * plain[:, 1]) + 2 * rest
    np.testing.assert_allclose(found[:, 0] + 2 * found[:, 1], dosage, atol=6e-5)


@pytest.mark.parametrize("seed", range(3))
def test_sweeps_average_to_the_sum_over_all_phasings(alleles: NDArray[np.uint8], seed: int) -> None:
    genotype = person(alleles, 10 + seed).sum(0).astype(np.int8)
    hets = np.flatnonzero(genotype == 1)
    genotype[hets[9:]] = 0  # few enough to enumerate
    found, _, share, switch = impute(alleles, genotype[None])
    expected = diploid_posterior(alleles, TYPED, share, genotype, switch, 0.01)
    np.testing.assert_allclose(found[0], expected[:, 1:], atol=0.03)


@pytest.mark.parametrize("seed", range(4))
def test_phase_that_is_known_in_part_names_the_haplotypes(alleles: NDArray[np.uint8], seed: int) -> None:
    pair = person(alleles, 40 + seed)
    genotype = pair.sum(0).astype(np.int8)
    hets = np.flatnonzero(genotype == 1)
    pair[:, hets[14:]] = 0  # few enough to enumerate
    genotype[hets[14:]] = 0
    told = np.where(genotype == 1, -1, pair[0]).astype(np.int8)
    known = hets[2::4]
    told[known] = pair[0, known]
    sought = np.where((genotype == 1) & (told < 0), 1, -1).astype(np.int8)
    given = np.where(sought == 1, -1, pair).astype(np.int8)
    found, _, share, switch = impute(alleles, sought[None], pairs=given[None].copy(), named=True)
    expected = named_posterior(alleles, TYPED, share, genotype, told, switch, 0.01)
    np.testing.assert_allclose(found[0], expected, atol=0.03)
    mirrored, _, _, _ = impute(alleles, sought[None], pairs=given[None, ::-1].copy(), named=True)
    np.testing.assert_allclose(mirrored[0, :, ::-1], expected, atol=0.03)


def test_the_first_phase_goes_by_the_names(alleles: NDArray[np.uint8]) -> None:
    pair = person(alleles, 47)
    hets = np.flatnonzero(pair[0] != pair[1])
    genotype, plain = np.full(len(TYPED), -1, np.int8), pair.copy()
    open_ = np.setdiff1d(hets, hets[len(hets) // 2 :: 9])  # the first half of the heterozygotes comes before any name
    genotype[open_], plain[:, open_] = 1, -1
    panel = np.ascontiguousarray(alleles[TYPED])
    lists = np.tile(np.arange(SIZE, dtype=np.int32), (-(-len(TYPED) // scans.WORD), 8))[:, : 7 * 16]
    masks = np.empty(len(lists) * scans.WORD * 7, np.uint16)
    stay = np.empty(len(lists) * 7, np.uint16)
    words = pack_columns(panel, padded(SIZE))
    typed_masks(words, padded(SIZE), lists, masks)
    continued(lists, stay)
    switch = np.full(len(TYPED), 0.02, np.float32)
    for turned in (plain, plain[::-1].copy()):
        phase = np.full(len(TYPED), -1, np.int8)
        first_phase(7 * 16, masks, stay, genotype, turned, switch, np.full(len(TYPED), 0.001), WIDTH, phase)
        truth = pair[0] if turned is plain else pair[1]
        assert (phase[open_] == truth[open_]).mean() > 0.9


def test_hidden_is_the_posterior_without_the_site(alleles: NDArray[np.uint8]) -> None:
    pair = person(alleles, 20)
    _, hidden, _, switch = impute(alleles, pair.sum(0)[None].astype(np.int8), pairs=pair[None].copy())
    for t in (0, 13, 40, len(TYPED) - 1):
        blind = pair[1].copy()
        blind[t] = -1
        expected = (posterior(alleles[TYPED], blind, switch, 0.01)[t] * alleles[TYPED[t]]).sum()
        assert hidden[0, t, 1] == pytest.approx(expected, abs=3e-3)


def test_people_do_not_depend_on_one_another(alleles: NDArray[np.uint8]) -> None:
    people = np.array([person(alleles, 30 + k).sum(0) for k in range(6)], np.int8)
    people[2, 7:20] = -1
    whole = impute(alleles, people, sweeps=25)[0]
    alone = impute(alleles, people[2:3], sweeps=25)[0]
    assert np.array_equal(whole[2], alone[0])


def test_fewer_states_are_close_to_all(alleles: NDArray[np.uint8]) -> None:
    many = np.concatenate([alleles, alleles ^ (np.random.default_rng(8).random(alleles.shape) < 0.02)], axis=1)
    many = np.concatenate([many, alleles[:, :6]], axis=1).astype(np.uint8)  # 34
    people = np.array([person(alleles, 50 + k).sum(0) for k in range(8)], np.int8)
    full, few = (impute(many, people, states=states, sweeps=300)[0] for states in (32, 16))
    assert not np.array_equal(full, few)
    assert np.abs(full - few).mean() < 0.02


def test_scores_are_those_of_a_plain_scan(alleles: NDArray[np.uint8]) -> None:
    seen = np.ascontiguousarray(alleles[TYPED])
    width = padded(SIZE)
    words = pack_columns(seen, width)
    query = person(alleles, 70)[0]
    known = np.ones(len(TYPED), bool)
    known[[3, 40]] = False
    bits = pack_columns(np.where(known, query, 0).astype(np.uint8)[:, None], 1)[:, 0]
    mask = pack_columns(known.astype(np.uint8)[:, None], 1)[:, 0]
    classes = classes_of(seen)
    found = np.empty(len(bits) * width, np.int16)
    score_haplotypes(words.reshape(-1), classes, bits, mask, np.empty(width, np.int32), SIZE, found)
    frequency = seen.mean(axis=1)
    minor = np.minimum(frequency, 1 - frequency)
    gain = np.choose(np.searchsorted([0.02, 0.1], minor, side="right"), scans.MINOR)
    wrong = (seen != query[:, None]) & known[:, None]
    shared = (seen == (frequency <= 0.5)[:, None]) & ~wrong & known[:, None]
    starts = range(0, len(TYPED), scans.WORD)
    for k in range(SIZE):
        steps, heads, tails = [], [], []
        for first in starts:
            w = slice(first, first + scans.WORD)
            steps.append(32 * scans.SHARED + (gain[w] * shared[w, k]).sum() - scans.DIFFERING * wrong[w, k].sum())
            at = np.flatnonzero(wrong[w, k])
            heads.append(at[0] if len(at) else 32)
            tails.append(31 - at[-1] if len(at) else 32)
        left = [0]
        for step, tail in zip(steps, tails, strict=True):
            left.append(max(left[-1] + step, tail))
        right = 0
        for w in reversed(range(len(steps))):
            on = right + steps[w]
            expected = max(left[w] + on, left[w] + heads[w], tails[w] + right)
            assert found[w * width + k] == expected
            right = max(on, heads[w])
    assert np.all(found.reshape(len(bits), width)[:, SIZE:] == -1)


def test_classes_name_what_is_minor_and_how_rare() -> None:
    alleles = np.zeros((40, 200), np.uint8)
    alleles[0, :2], alleles[1, :10], alleles[2, :90], alleles[35, :199] = 1, 1, 1, 1
    flipped, rare, low = classes_of(alleles).T
    assert flipped.tolist() == [0, 1 << 3]
    assert rare[0] & 0b111 == 0b001
    assert rare[1] & (1 << 3)
    assert low.tolist() == [0b010, 0]


@pytest.mark.parametrize("start", [0, 32, 96])
def test_the_longest_are_taken_and_ties_in_turn(start: int) -> None:
    rng = np.random.default_rng(start)
    keys = rng.integers(0, 9, 128).astype(np.int16)
    keys[100:] = -1
    out = np.full(60, -1, np.int32)
    assert take_longest(keys, 0, 128, 37, start, out, 5) == 42
    taken = out[5:42]
    assert len(set(taken.tolist())) == 37
    left_out = np.setdiff1d(np.arange(100), taken)
    limit = keys[taken].min()
    assert keys[left_out].max() <= limit
    order = (np.arange(128) + start) % 128
    ties = [k for k in order if keys[k] == limit]
    assert set(taken[keys[taken] == limit]) == set(ties[: int((keys[taken] == limit).sum())])


@pytest.mark.parametrize("spread", [3, 100, 16383])
@pytest.mark.parametrize("sorted_", [False, True])
def test_the_longest_of_a_large_panel_are_taken_however_they_lie(spread: int, sorted_: bool) -> None:
    rng = np.random.default_rng(spread)
    keys = np.full(4000, -1, np.int16)
    keys[:3990] = rng.integers(0, spread + 1, 3990)
    if sorted_:  # a part of them says nothing about the others then
        keys[:3990].sort()
    out = np.empty(4000, np.int32)
    for want in (1, 16, 592, 3989, 3990):
        assert take_longest(keys, 0, 4000, want, 64, out, 0) == want
        assert np.array_equal(np.sort(keys[out[:want]]), np.sort(keys)[4000 - want :])


def test_states_fit_best_and_keep_their_places(alleles: NDArray[np.uint8]) -> None:
    many = np.tile(alleles, (1, 5))[TYPED] ^ (np.random.default_rng(9).random((len(TYPED), 70)) < 0.05)
    many = many.astype(np.uint8)
    width = padded(70)
    words = pack_columns(many, width).reshape(-1)
    query = pack_columns(person(alleles, 80)[:1].T.astype(np.uint8), 1).T.copy()
    known = pack_columns(np.ones((len(TYPED), 1), np.uint8), 1).T.copy()
    windows = query.shape[1]
    lengths = np.empty((1, windows * width), np.int16)
    lists = np.empty((windows, 16), np.int32)
    where = np.full(width, 99, np.int32)
    run = np.empty(width, np.int32)
    choose_states(words, classes_of(many), query, known, 70, 0, run, lengths, where, lists)
    for w, row in enumerate(lists):
        assert len(set(row.tolist())) == 16
        left_out = np.setdiff1d(np.arange(70), row)
        scores = lengths[0, w * width : (w + 1) * width]
        assert scores[row].min() >= scores[left_out].max()
    for before, row in pairwise(lists):
        stays = np.intersect1d(before, row)
        assert all(np.flatnonzero(before == k) == np.flatnonzero(row == k) for k in stays)
    masks = np.empty(windows * 32, np.uint16)
    typed_masks(words, width, lists, masks)
    carried = (masks[: len(TYPED), None] >> np.arange(16)) & 1
    for t in range(len(TYPED)):
        assert carried[t].tolist() == many[t, lists[t // 32]].tolist()
    stay = np.empty(windows, np.uint16)
    continued(lists, stay)
    assert stay[0] == 0
    assert ((stay[1:, None] >> np.arange(16)) & 1).astype(bool).tolist() == (lists[1:] == lists[:-1]).tolist()


def test_the_heaviest_states_of_either_haplotype_are_kept() -> None:
    rng = np.random.default_rng(4)
    size, sites = 48, 5
    weights = rng.random((32, 2, size)).astype(np.float32) ** 4
    scale = (1 / weights.sum(axis=2)).astype(np.float32)
    keys = np.empty(2 * padded_size(size), np.int16)
    add_weights(size, sites, weights.reshape(-1), scale, keys, 0)
    sums = (weights[:sites] * scale[:sites, :, None]).sum(axis=0)
    lists = rng.permutation(100)[:size].astype(np.int32)[None]
    out = np.empty((1, 16), np.int32)
    keep_heaviest(lists, keys, np.full(128, -1, np.int32), out)
    first = lists[0, np.argsort(-sums[0])[:8]]
    second = [k for k in lists[0, np.argsort(-sums[1])] if k not in first][:8]
    assert set(out[0]) == set(first) | set(second)


def test_threads_and_batches_change_nothing(alleles: NDArray[np.uint8]) -> None:
    tile = Tile(0, 0, SITES, np.arange(SITES, dtype=np.int32))
    words = [np.full(SITES, word, object) for word in "AC."]
    sites = SiteTable("1", np.arange(1, SITES + 1, dtype=np.int32), *words)
    library = Library.of(alleles.astype(np.int8), np.arange(SITES) * 0.01)
    codes = np.array([person(alleles, 90 + k).sum(0) for k in range(11)], np.int8).T
    typed = TypedGenotypes(TYPED.astype(np.int32), np.ascontiguousarray(codes), np.full(11, 2, np.int8), phased=False)
    one, four = (
        [b.gp for b in CopyingImputer(sites, [tile], library, CopyingOptions(), threads=n).impute(range(1), typed)]
        for n in (1, 4)
    )
    assert np.array_equal(np.concatenate(one), np.concatenate(four))


def test_align_keeps_what_stays() -> None:
    lists = np.array([[1, 2, 3], [3, 4, 1], [4, 5, 6]], np.int32)
    align(lists, np.full(7, 99, np.int32))
    assert lists.tolist() == [[1, 2, 3], [1, 4, 3], [5, 4, 6]]
