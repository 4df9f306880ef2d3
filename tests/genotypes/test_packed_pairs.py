import numpy as np
import pytest

from genotypes.packed_pairs import PackedPairs


@pytest.fixture
def pairs() -> np.ndarray:
    rng = np.random.default_rng(4)
    some = rng.integers(0, 1 << 16, (7, 200, 2)).astype(np.uint16)
    some[rng.random((7, 200)) < 0.6] = 0
    some[3] = 0
    some[4, :, 0] = 0  # the second number alone keeps a pair
    return some


@pytest.mark.parametrize(("first", "end"), [(0, 200), (0, 64), (30, 131), (199, 200), (50, 50)])
def test_pairs_come_back_as_they_were(pairs: np.ndarray, first: int, end: int) -> None:
    packed = PackedPairs.of(pairs, first, end)
    assert np.array_equal(packed.dense(), pairs[:, first:end])
    assert len(packed.values) == (pairs[:, first:end].max(axis=2) > 0).sum()


def test_values_of_each_sample_begin_where_it_says(pairs: np.ndarray) -> None:
    packed = PackedPairs.of(pairs)
    for site in (0, 64, 192):
        for s, start in enumerate(packed.starts(site)):
            rest = pairs[s, site:][pairs[s, site:].max(axis=1) > 0]
            assert np.array_equal(packed.values[start : start + len(rest)].view(np.uint16).reshape(-1, 2), rest)


def test_samples_stand_beside_each_other(pairs: np.ndarray) -> None:
    parts = [PackedPairs.of(pairs[:2]), PackedPairs.of(pairs[2:])]
    assert np.array_equal(PackedPairs.beside(parts).dense(20, 90), pairs[:, 20:90])
