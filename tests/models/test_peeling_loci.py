"""Dense maps, observations of some animals alone, and segregation along the chromosome."""

import numpy as np

from models.peeling.engine import Peeling
from models.peeling.loci import informative
from models.peeling.options import Options
from models.peeling.penetrance import from_calls
from models.peeling.segregation import CHILDREN, haldane, interpolated, smooth
from tests.reference.peeling_exact import Parents
from tests.support.pedigrees import drop, pedigree_of

FAMILIES: Parents = [(None, None)] * 6 + [(0, 1)] * 5 + [(2, 3)] * 5 + [(6, 11)] * 6 + [(7, 12), (22, 4)]


def test_smoothing_leaves_out_the_own_locus() -> None:
    """Against the chain written out: product of all other loci's evidence through the transitions."""
    rng = np.random.default_rng(1)
    loci, children = 5, 8
    evidence = rng.dirichlet(np.ones(4), (loci, children)).astype(np.float32)
    r = haldane(np.array([0.0, 3, 4, 30, 90]))
    got = evidence.copy()
    for first in range(0, children, CHILDREN):
        part = np.ascontiguousarray(got[:, first : first + CHILDREN])
        smooth(part.reshape(-1), CHILDREN, 0, r.astype(np.float32))
        got[:, first : first + CHILDREN] = part
    one = [np.array([[1 - x, x], [x, 1 - x]]) for x in r]
    steps = [np.kron(x, x) for x in one]
    for child in range(children):
        for locus in range(loci):
            ahead, behind = np.full(4, 0.25), np.ones(4)
            for k in range(locus):
                ahead = steps[k].T @ (ahead * evidence[k, child])
            for k in range(loci - 1, locus, -1):
                behind = steps[k - 1] @ (behind * evidence[k, child])
            want = ahead * behind / (ahead * behind).sum()
            assert np.abs(got[locus, child] - want).max() < 1e-5


def test_of_a_dense_map_the_best_locus_of_each_bin_is_kept() -> None:
    cm = np.array([0.0, 0.01, 0.02, 0.6, 0.61, 3.0])
    seen, freq = np.array([5, 9, 9, 2, 2, 9]), np.array([0.5, 0.1, 0.5, 0.5, 0.4, 0.5])
    assert informative(cm, seen, freq, 1.0).tolist() == [2, 5]
    assert informative(cm, seen, freq, 2.0).tolist() == [0, 1, 2, 3, 4, 5]


def test_segregation_between_loci_is_linear_in_distance() -> None:
    seg = np.array([[[1, 0, 0, 0]], [[0, 0, 0, 1]]], np.float32)
    got = interpolated(seg, np.array([1.0, 3.0]), np.array([0.0, 1.5, 9.0]))
    assert got[:, 0].tolist() == [[1, 0, 0, 0], [0.75, 0, 0, 0.25], [0, 0, 0, 1]]


def test_a_dense_map_is_recovered_from_some_of_its_loci() -> None:
    rng = np.random.default_rng(2)
    haps = drop(rng, FAMILIES, (rng.random((12, 900)) < 0.5).astype(np.int8), 1e-3)
    truth = haps.sum(axis=1, dtype=np.int8).T
    codes = truth.copy()
    codes[:, -2:] = -1
    codes[::30, -2:] = truth[::30, -2:]
    cm = np.arange(900) * 0.1
    dosages = []
    for density in (1e9, 3.0):
        peeling = Peeling(pedigree_of(FAMILIES), from_calls(codes), cm, Options(density=density))
        peeling.run()
        assert (len(peeling.kept) < 300) == (density < 10)
        dosages.append(np.concatenate([block.dosage() for block in peeling.blocks()]))
    every, some = (np.corrcoef(one[:, -2:].ravel(), truth[:, -2:].ravel())[0, 1] for one in dosages)
    assert every > 0.85
    assert some > every - 0.02


def test_columns_of_some_animals_say_the_same_as_all_columns() -> None:
    rng = np.random.default_rng(3)
    haps = drop(rng, FAMILIES, (rng.random((12, 40)) < 0.5).astype(np.int8), 0.01)
    codes = haps.sum(axis=1, dtype=np.int8).T.copy()
    codes[:, [0, 4, 7]] = -1
    typed = np.flatnonzero((codes >= 0).any(axis=0))[::-1]
    whole = Peeling(pedigree_of(FAMILIES), from_calls(codes), np.arange(40.0))
    some = Peeling(pedigree_of(FAMILIES), from_calls(codes[:, typed]), np.arange(40.0), columns=typed)
    whole.run()
    some.run()
    for one, other in zip(whole.blocks(), some.blocks(), strict=True):
        assert np.array_equal(one.gp4, other.gp4)


def test_a_locus_that_cycles_leave_out_is_not_told_its_own_evidence() -> None:
    """Groups of few meioses have segregation from all loci; each is given what the others say."""
    rng = np.random.default_rng(5)
    parents = [(None, None), (None, None), (0, 1), (0, 1)]
    haps = drop(rng, parents, (rng.random((4, 60)) < 0.5).astype(np.int8), 0.05)
    codes, cm = haps.sum(axis=1, dtype=np.int8).T.copy(), np.arange(60) * 0.5

    def peeled(codes: np.ndarray) -> Peeling:
        peeling = Peeling(pedigree_of(parents), from_calls(codes), cm, Options(density=1.0, learn_error=False),
                          np.full(60, 0.5))  # fmt: skip
        peeling.run()
        return peeling

    whole = peeled(codes)
    changed = []
    for locus in np.setdiff1d(np.arange(1, 60), whole.kept).tolist():
        less = codes.copy()
        less[locus, 2] = -1
        other = peeled(less)
        assert locus not in other.kept
        before, after = (one.own_segregation(np.arange(60)) for one in (whole, other))
        np.testing.assert_allclose(before[locus], after[locus], atol=1e-6)
        changed.append(np.abs(before - after).max())
    assert max(changed) > 1e-3  # others do hear it
