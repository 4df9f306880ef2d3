"""Of which populations people are, and which mixture has their frequencies."""

from __future__ import annotations

import numpy as np
import pytest

from genotypes.mixture import WINDOW, fit_shares, independence, log_likelihood, posterior, smoothed
from tests.support.populations import LABELS, NAMES, SITES, TRAIN, people

PEOPLE = np.array([sum(label == name for label in LABELS.values()) for name in NAMES])
COLUMNS = [[k for k, sample in enumerate(TRAIN.samples) if LABELS[sample] == name] for name in NAMES]
COUNTS = np.stack([sum(TRAIN.haplotypes[:, 2 * k + c].astype(int) for k in own for c in (0, 1)) for own in COLUMNS], 1)
AF = smoothed(COUNTS, PEOPLE)


def test_people_are_told_by_their_genotypes() -> None:
    codes, truth = people()
    told = posterior(log_likelihood(codes, AF))
    assert told.sum(axis=1) == pytest.approx(np.ones(len(truth)))
    assert [NAMES[k] for k in told.argmax(axis=1)] == truth
    holes = codes.copy()
    holes[np.random.default_rng(3).random(codes.shape) < 0.9] = -1
    fewer = posterior(log_likelihood(holes, AF))
    assert np.mean([NAMES[k] == t for k, t in zip(fewer.argmax(axis=1), truth, strict=True)]) > 0.6
    assert fewer.max(axis=1).mean() < told.max(axis=1).mean()


def test_nothing_called_is_nothing_told() -> None:
    told = posterior(log_likelihood(np.full((SITES, 2), -1, np.int8), AF))
    assert told == pytest.approx(np.full((2, 3), 1 / 3))


@pytest.mark.parametrize("wanted", [(1.0, 0.0, 0.0), (0.7, 0.3, 0.0), (0.2, 0.3, 0.5)])
def test_shares_of_a_mixture_are_found_in_cohorts_and_in_mixed_people(wanted: tuple[float, ...]) -> None:
    codes, truth = people(seed=4)
    rng = np.random.default_rng(1)
    drawn = rng.choice(3, 200, p=wanted)
    cohort = codes[:, [int(rng.choice(np.flatnonzero(np.array(truth) == NAMES[k]))) for k in drawn]]
    mixed = rng.binomial(2, (AF @ np.array(wanted))[:, None], (SITES, 200))
    for dosage in (cohort, mixed):
        found = fit_shares(dosage.sum(axis=1), np.full(SITES, 400), AF)
        assert found.sum() == pytest.approx(1)
        assert found == pytest.approx(np.array(wanted), abs=0.12)


def test_neighbours_count_together_as_one() -> None:
    assert independence(np.arange(1, 200 * WINDOW, 2 * WINDOW)) == 1
    assert independence((WINDOW * np.repeat(np.arange(5), 3) + np.tile([0, 10, 20], 5)).astype(np.int32)) == 1 / 3
