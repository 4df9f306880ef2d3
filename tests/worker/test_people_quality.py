"""Per-sample quality: sums over blocks, tiles and sample batches against the plain formula."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from models.protocol import ImputedBlock
from worker.pipeline.people import PeopleSums, merge_people, people_quality, write_people

SITES, PEOPLE = 40, 6
PLOIDY = np.array([2, 2, 1, 2, 1, 2], np.int8)
NAMES = [f"S{k}" for k in range(PEOPLE)]


def posteriors(seed: int) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    rng = np.random.default_rng(seed)
    gp = rng.dirichlet([1, 1, 1], (SITES, PEOPLE)).astype(np.float32)
    alt = rng.random((SITES, PEOPLE)).astype(np.float32)
    gp[:, PLOIDY == 1] = np.stack([1 - alt, 0 * alt, alt], -1)[:, PLOIDY == 1]
    return gp, rng.uniform(0.05, 0.95, SITES).astype(np.float32)


def test_sums_are_the_plain_formula_however_they_are_cut() -> None:
    gp, af = posteriors(1)
    typed = np.array([0, 7, 8, 39], np.int32)
    keep = np.setdiff1d(np.arange(SITES), typed)
    parts = []
    for people in (slice(0, 2), slice(2, 6)):
        sums = PeopleSums.empty(people.stop - people.start)
        for first, end in ((0, 8), (8, 25), (25, 40)):
            rows = typed[(typed >= first) & (typed < end)] - first
            sums.add(ImputedBlock(first, gp[first:end, people], None, None), rows, PLOIDY[people], af)
        parts.append(sums)
    whole = PeopleSums.beside(parts)
    assert (whole.sites == len(keep)).all()
    assert np.allclose(whole.mean_certainty, gp[keep].max(-1).mean(0), atol=1e-6)
    values = np.array([0, 1, 2])
    for person in range(PEOPLE):
        if PLOIDY[person] == 2:
            variance = (gp[keep, person] @ values**2 - (gp[keep, person] @ values) ** 2).sum()
            prior = (2 * af[keep] * (1 - af[keep])).sum()
        else:
            alt = gp[keep, person, 2]
            variance, prior = (alt * (1 - alt)).sum(), (af[keep] * (1 - af[keep])).sum()
        assert whole.expected_r2[person] == pytest.approx(max(0.0, 1 - variance / prior), abs=1e-5)


def test_certain_people_are_perfect_and_the_prior_is_worth_nothing() -> None:
    af = np.full(SITES, 0.3, np.float32)
    sure = np.zeros((SITES, 1, 3), np.float32)
    sure[..., 2] = 1
    prior = np.broadcast_to(np.array([0.49, 0.42, 0.09], np.float32), (SITES, 1, 3))
    sums = PeopleSums.empty(2)
    sums.add(ImputedBlock(0, np.concatenate([sure, prior], 1), None, None), np.empty(0, np.int32), PLOIDY[:2], af)
    assert np.allclose(sums.expected_r2, [1, 0], atol=1e-5)
    quality = people_quality(sums, ["sure", "prior"])
    assert [one["sample"] for one in quality["lowest"]] == ["prior", "sure"]
    assert sum(quality["histogram"]["counts"]) == 2


def test_without_frequencies_certainty_ranks(tmp_path: Path) -> None:
    gp, _ = posteriors(2)
    sums = PeopleSums.empty(PEOPLE)
    sums.add(ImputedBlock(0, gp, None, None), np.empty(0, np.int32), PLOIDY, None)
    sums.save(tmp_path / "people.npz")
    both = merge_people([sums, PeopleSums.load(tmp_path / "people.npz")])
    assert both is not None
    assert (both.sites == 2 * SITES).all()
    quality = people_quality(both, NAMES)
    assert (quality["score"], quality["mean_expected_r2"]) == ("mean_certainty", None)
    write_people(tmp_path / "x.tsv.gz", both, NAMES)
    rows = gzip.decompress((tmp_path / "x.tsv.gz").read_bytes()).decode().splitlines()
    assert rows[0] == "sample\timputed_sites\texpected_r2\tmean_certainty"
    assert rows[1].startswith(f"S0\t{2 * SITES}\tnan\t0.")
    assert merge_people([]) is None
