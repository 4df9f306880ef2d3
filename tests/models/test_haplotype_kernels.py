"""The kernels of the copying engine against plain numpy."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from models.haplotypes.panel_index import index_carriers, lists_of
from models.haplotypes.person import impute_people
from models.haplotypes.select import align, choose_states, pack_columns, shared_lengths
from models.haplotypes.sweep import SMALL
from tests.reference.li_stephens import diploid_posterior, posterior

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
    sweeps: int = 3000,
    states: int = SIZE,
    error: float = 0.01,
) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    """Probabilities (N, V, 2), hidden (N, T, 2), the interpolation's shares and the switch probabilities."""
    seen = np.ascontiguousarray(alleles[TYPED])
    flipped = alleles.mean(axis=1) > 0.5
    starts, carriers = lists_of(alleles, flipped)
    interval = np.searchsorted(TYPED, np.arange(SITES))
    sites, where = index_carriers(starts, carriers, 0, SITES, interval, len(TYPED) + 1, SIZE)
    share = np.clip((np.arange(SITES) - TYPED[np.clip(interval - 1, 0, None)]) / STEP, 0, 1)
    share[interval == 0], share[interval == len(TYPED)] = 1, 0
    switch = np.full(len(TYPED), 0.08)
    people = len(genotypes)
    out = np.empty((people, SITES, 2), np.uint16)
    hidden = np.empty((people, len(TYPED), 2), np.float32)
    held = np.empty((people, 2, len(TYPED)), np.int8) if pairs is None else pairs
    impute_people(
        seen, pack_columns(seen), genotypes, held, np.full(people, pairs is not None), switch.astype(np.float32),
        error, states, states, 1, sweeps, 20, sites, where, share.astype(np.float32), flipped, out, hidden,
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
        # States of less weight than SMALL are left out.
        np.testing.assert_allclose(found[0, :, h], expected.sum(axis=1), atol=SIZE * SMALL / 2)


@pytest.mark.parametrize("seed", range(3))
def test_sweeps_average_to_the_sum_over_all_phasings(alleles: NDArray[np.uint8], seed: int) -> None:
    genotype = person(alleles, 10 + seed).sum(0).astype(np.int8)
    hets = np.flatnonzero(genotype == 1)
    genotype[hets[9:]] = 0  # few enough to enumerate
    found, _, share, switch = impute(alleles, genotype[None])
    expected = diploid_posterior(alleles, TYPED, share, genotype, switch, 0.01)
    np.testing.assert_allclose(found[0], expected[:, 1:], atol=0.03)


def test_hidden_is_the_posterior_without_the_site(alleles: NDArray[np.uint8]) -> None:
    pair = person(alleles, 20)
    _, hidden, _, switch = impute(alleles, pair.sum(0)[None].astype(np.int8), pairs=pair[None].copy())
    for t in (0, 13, 40, len(TYPED) - 1):
        blind = pair[1].copy()
        blind[t] = -1
        expected = (posterior(alleles[TYPED], blind, switch, 0.01)[t] * alleles[TYPED[t]]).sum()
        assert hidden[0, t, 1] == pytest.approx(expected, abs=1e-4)


def test_people_do_not_depend_on_one_another(alleles: NDArray[np.uint8]) -> None:
    people = np.array([person(alleles, 30 + k).sum(0) for k in range(6)], np.int8)
    people[2, 7:20] = -1
    whole = impute(alleles, people, sweeps=25)[0]
    alone = impute(alleles, people[2:3], sweeps=25)[0]
    assert np.array_equal(whole[2], alone[0])


def test_fewer_states_are_close_to_all(alleles: NDArray[np.uint8]) -> None:
    people = np.array([person(alleles, 50 + k).sum(0) for k in range(8)], np.int8)
    full, few = (impute(alleles, people, states=states, sweeps=300)[0] for states in (SIZE, 10))
    assert not np.array_equal(full, few)
    assert np.abs(full - few).mean() < 0.02


def test_shared_lengths_are_those_of_a_scan(alleles: NDArray[np.uint8]) -> None:
    seen = np.ascontiguousarray(alleles[TYPED])
    words = pack_columns(seen)
    query = person(alleles, 70)[0]
    known = np.ones(len(TYPED), bool)
    known[[3, 40]] = False
    bits = pack_columns(np.where(known, query, 0).astype(np.uint8)[:, None])[0]
    mask = pack_columns(known.astype(np.uint8)[:, None])[0]
    found = np.empty((len(bits), SIZE), np.int16)
    shared_lengths(words, bits, mask, found)
    padded = np.zeros((32 * len(bits), SIZE), bool)
    padded[: len(TYPED)] = (seen != query[:, None]) & known[:, None]
    for w in range(len(bits)):
        for k in range(SIZE):
            wrong = np.flatnonzero(padded[:, k])
            here = wrong[(wrong >= 32 * w) & (wrong < 32 * w + 32)]
            before = wrong[wrong < 32 * w].max(initial=-1)
            after = wrong[wrong >= 32 * w + 32].min(initial=len(padded))
            if len(here) == 0:
                assert found[w, k] == after - before - 1
            else:
                assert found[w, k] == max(here[0] - before - 1, after - here[-1] - 1)


def test_states_are_the_longest_shared_and_keep_their_places(alleles: NDArray[np.uint8]) -> None:
    seen = np.ascontiguousarray(alleles[TYPED])
    words = pack_columns(seen)
    query = pack_columns(person(alleles, 80)[:1].T.astype(np.uint8))
    known = pack_columns(np.ones((len(TYPED), 1), np.uint8))
    lengths = np.empty((1, words.shape[1], SIZE), np.int16)
    lists = np.empty((words.shape[1], 6), np.int32)
    choose_states(words, query, known, 0, lengths, lists)
    for w, row in enumerate(lists):
        assert len(set(row.tolist())) == 6
        left_out = np.setdiff1d(np.arange(SIZE), row)
        assert lengths[0, w, row].min() >= lengths[0, w, left_out].max()
    for before, row in pairwise(lists):
        stays = np.intersect1d(before, row)
        assert all(np.flatnonzero(before == k) == np.flatnonzero(row == k) for k in stays)


def test_align_keeps_what_stays() -> None:
    lists = np.array([[1, 2, 3], [3, 4, 1], [4, 5, 6]], np.int32)
    align(lists, np.empty(7, np.int32))
    assert lists.tolist() == [[1, 2, 3], [1, 4, 3], [5, 4, 6]]
