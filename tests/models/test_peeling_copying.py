"""The copying model's kernels against a dense hidden Markov chain."""

import numpy as np
import pytest

from models.peeling.copying import copy_pair, scratch_of
from models.peeling.matching import choose, kept_rows, match

LOCI, M = 30, 32


def chain(emission: np.ndarray, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(L, S) forward before each locus's own evidence and backward after it, of independent uniform switches."""
    ahead, behind = np.ones_like(emission), np.ones_like(emission)
    n = round(emission.shape[1] ** 0.5) if emission.ndim == 2 else 0

    def step(x: np.ndarray, r: float) -> np.ndarray:
        switch = (1 - r) * np.eye(n) + r / n
        return (switch @ x.reshape(n, n) @ switch).reshape(-1)

    for locus in range(1, len(emission)):
        ahead[locus] = step(ahead[locus - 1] * emission[locus - 1], rho[locus])
    for locus in range(len(emission) - 2, -1, -1):
        behind[locus] = step(behind[locus + 1] * emission[locus + 1], rho[locus + 1])
    return ahead, behind


@pytest.mark.parametrize("n", [4, 16, 20])
def test_a_pair_s_prior_is_what_all_other_loci_say(n: int) -> None:
    rng = np.random.default_rng(n)
    like = rng.dirichlet(np.ones(4) * 0.3, LOCI).astype(np.float32) + np.float32(1e-3)
    library = rng.uniform(0.01, 0.99, (LOCI, M)).astype(np.float32)
    rho = rng.uniform(0.01, 0.4, LOCI)
    picked = rng.permutation(M)[:n].astype(np.int32)
    prior, drawn = np.empty((LOCI, 4), np.float32), np.empty((LOCI, 2), np.float32)
    copy_pair(like, library.reshape(-1), M, rho, picked[None], LOCI, 1, scratch_of(LOCI, n), prior, drawn)
    x = library[:, picked].astype(float)
    alt = np.stack([1 - x, x], axis=2)
    shows = np.einsum("lia,ljb->lijab", alt, alt).reshape(LOCI, n * n, 4)
    ahead, behind = chain(np.einsum("lsg,lg->ls", shows, like), rho)
    want = np.einsum("ls,lsg->lg", ahead * behind, shows)
    assert prior == pytest.approx(want / want.sum(axis=1, keepdims=True), abs=2e-4)
    assert drawn.min() >= 0
    assert drawn.max() <= 1


def test_drawn_haplotypes_are_as_frequent_as_they_are_probable() -> None:
    rng = np.random.default_rng(3)
    like = rng.dirichlet(np.ones(4), LOCI).astype(np.float32)
    library = rng.choice(np.array([0.01, 0.99], np.float32), (LOCI, M))
    rho, choice = np.full(LOCI, 0.2), np.arange(8, dtype=np.int32)[None]
    prior, drawn = np.empty((LOCI, 4), np.float32), np.empty((LOCI, 2), np.float32)
    mean, scratch = np.zeros((LOCI, 2)), scratch_of(LOCI, 8)
    for seed in range(2000):
        copy_pair(like, library.reshape(-1), M, rho, choice, LOCI, seed, scratch, prior, drawn)
        mean += drawn / 2000
    posterior = prior * like
    posterior /= posterior.sum(axis=1, keepdims=True)
    assert mean[:, 0] == pytest.approx(posterior[:, 2] + posterior[:, 3], abs=0.05)
    assert mean[:, 1] == pytest.approx(posterior[:, 1] + posterior[:, 3], abs=0.05)


@pytest.mark.parametrize("side", [0, 1])
def test_matches_are_posteriors_of_a_haploid_chain_without_the_founder_s_own(side: int) -> None:
    rng = np.random.default_rng(8)
    like = rng.dirichlet(np.ones(4) * 0.3, LOCI).astype(np.float32)
    like[5:9] = 1
    library = rng.uniform(0.01, 0.99, (LOCI, M)).astype(np.float32)
    rho, freq = rng.uniform(0.01, 0.3, LOCI), rng.uniform(0.1, 0.9, LOCI)
    mask = np.ones(M, np.float32)
    mask[[4, 5, 30, 31]] = 0
    room, window = 28, 10
    score = np.zeros(3 * M, np.float32)
    ahead, now = np.empty(kept_rows(LOCI, window) * M, np.float32), np.empty(M, np.float32)
    match(like, library.reshape(-1), rho, freq, side, mask, room, window, ahead, now, score)
    other = np.stack([1 - freq, freq], axis=1)
    two = np.einsum("lab,lb->la" if side == 0 else "lba,lb->la", like.reshape(LOCI, 2, 2), other)
    kept = library[:, mask > 0].astype(float)
    emission = two[:, :1] * (1 - kept) + two[:, 1:] * kept
    ahead, behind = np.ones_like(emission), np.ones_like(emission)

    def step(x: np.ndarray, r: float) -> np.ndarray:
        return (1 - r) * x + r * x.mean()

    for locus in range(1, LOCI):
        ahead[locus] = step(ahead[locus - 1] * emission[locus - 1], rho[locus])
    for locus in range(LOCI - 2, -1, -1):
        behind[locus] = step(behind[locus + 1] * emission[locus + 1], rho[locus + 1])
    posterior = ahead * emission * behind
    posterior /= posterior.sum(axis=1, keepdims=True)
    want = posterior.reshape(3, window, room).sum(axis=1)
    got = score.reshape(3, M)
    assert got[:, mask > 0] == pytest.approx(want, abs=2e-3)
    assert not got[:, mask == 0].any()


def test_states_are_the_best_of_each_window_and_keep_their_places() -> None:
    score = np.zeros((2, M), np.float32)
    score[0, [3, 7, 9, 20]] = [4, 3, 2, 1]
    score[1, [7, 8, 9, 3]] = [4, 3, 2, 1]
    score[:, 5] = 100
    mask = np.ones(M, np.float32)
    mask[5] = 0
    out = np.empty((2, 4), np.int32)
    choose(score.reshape(-1), mask, 4, np.empty(M, bool), out)
    assert out[0].tolist() == [3, 7, 9, 20]
    assert out[1].tolist() == [3, 7, 9, 8]
