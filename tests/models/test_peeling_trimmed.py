"""Ancestors who tell nothing are cut off and filled in; parents who may change places get the mean of both ways."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.peeling.engine import Peeling
from models.peeling.families import full_sib_families
from models.peeling.options import Options
from models.peeling.pedigree import Metafounders
from models.peeling.penetrance import from_calls
from models.peeling.trimmed import exchangeable, trimmed
from tests.reference.peeling_exact import Parents, enumerate_copies, enumerate_one_locus
from tests.support.pedigrees import drop, pedigree_of

# Grandparents 0-3, their children 4, 5 (0 x 1) and 6 (2 x 3), and 7, 8 of 5 x 6.
FAMILY: Parents = [(None, None)] * 4 + [(0, 1), (0, 1), (2, 3), (5, 6), (5, 6)]
ONE_LOCUS = Options(cycles=0, sweeps=40, tolerance=1e-12)


def typed(*animals: int, of: int = len(FAMILY)) -> np.ndarray:
    return np.isin(np.arange(of), animals)


def test_animals_whose_ancestors_tell_nothing_are_founders() -> None:
    found, cut = trimmed(pedigree_of(FAMILY), typed(7, 8))
    assert cut.tolist() == [5, 6]
    assert found.sire.tolist() == [-1, -1, -1, -1, 0, -1, -1, 5, 5]
    assert found.dam.tolist() == [-1, -1, -1, -1, 1, -1, -1, 6, 6]


def test_a_line_of_ancestors_is_cut_off_where_data_begin() -> None:
    line: Parents = [(None, None), (None, None), (0, 1), (2, None), (None, 3)]
    assert trimmed(pedigree_of(line), typed(4, of=5))[1].tolist() == [2, 3, 4]


@pytest.mark.parametrize(
    ("seen", "cut"),
    [
        ((4, 7, 8), [6]),  # 4 is a sib of 5
        ((0, 7, 8), [6]),  # a typed parent
        ((1, 2, 7, 8), []),
    ],
)
def test_ancestors_who_tell_something_stay(seen: tuple[int, ...], cut: list[int]) -> None:
    assert trimmed(pedigree_of(FAMILY), typed(*seen))[1].tolist() == cut


def test_selfed_animals_and_those_of_metafounders_keep_their_parents() -> None:
    assert not len(trimmed(pedigree_of([(None, None), (0, 0)]), typed(1, of=2))[1])
    none = np.zeros(len(FAMILY), np.int32)
    pedigree = replace(pedigree_of(FAMILY), metafounders=Metafounders(("MF_1",), none, none))
    assert not len(trimmed(pedigree, typed(7, 8))[1])


@pytest.mark.parametrize("together", [1, 30_000])
@pytest.mark.parametrize("seen", [(6,), (2, 6), (3, 6), (5, 6)])
def test_what_was_cut_off_has_the_probabilities_of_enumeration(
    seen: tuple[int, ...], together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Child 6 of 2 x 5; 3 is a sib of 2."""
    monkeypatch.setattr("models.peeling.trimmed._CUT", together)
    rng = np.random.default_rng(len(seen))
    parents: Parents = [(None, None), (None, None), (0, 1), (0, 1), (None, None), (4, None), (2, 5)]
    codes = np.full((6, len(parents)), -1, np.int8)
    codes[:, list(seen)] = rng.integers(0, 3, (6, len(seen)))
    data = from_calls(codes, error=0.01)
    peeling = Peeling(pedigree_of(parents), data, np.arange(6) * 50.0, ONE_LOCUS, np.full(6, 0.3))
    peeling.penetrance = data
    peeling.seg[:] = 0.25
    got = np.concatenate([block.gp4 for block in peeling.blocks()])
    for locus, row in enumerate(data.index):
        want = enumerate_one_locus(parents, data.table[row], 0.3)
        assert np.abs(got[locus] - want).max() < 1e-5


def test_ancestors_of_one_gamete_are_filled_in() -> None:
    """X of males: a typed grandson's mother has a father of one gamete whom nobody typed."""
    parents: Parents = [(None, None), (None, None), (0, 1), (None, 2), (0, None)]
    single = np.array([True, False, False, True, False])
    codes = np.full((4, 5), -1, np.int8)
    codes[:, 3] = [0, 2, 2, 0]
    data = from_calls(codes, error=0.01)
    peeling = Peeling(pedigree_of(parents), data, np.arange(4) * 50.0, ONE_LOCUS, np.full(4, 0.3), one_gamete=single)
    assert peeling.pedigree.dam[3] == -1
    peeling.penetrance = data
    peeling.seg[:] = 0.25
    got = np.concatenate([block.gp4 for block in peeling.blocks()])
    for locus, row in enumerate(data.index):
        want = enumerate_copies(parents, data.table[row], 0.3, single.tolist())
        assert np.abs(got[locus] - want).max() < 1e-5


def test_grandparents_on_both_sides_are_given_the_same() -> None:
    rng = np.random.default_rng(2)
    parents: Parents = [*FAMILY, (5, 6), (5, 6)]
    haps = drop(rng, parents, (rng.random((8, 50)) < 0.5).astype(np.int8), 0.01)
    codes = haps.sum(axis=1, dtype=np.int8).T.copy()
    codes[:, :7] = -1
    peeling = Peeling(pedigree_of(parents), from_calls(codes), np.arange(50.0), Options(learn_error=False))
    peeling.run()
    gp4 = np.concatenate([block.gp4 for block in peeling.blocks()])
    named = np.concatenate([block.gp4 for block in peeling.blocks(named=True)])
    assert np.array_equal(gp4[:, 5], gp4[:, 6])
    np.testing.assert_allclose(gp4[:, 5], (named[:, 5] + named[:, 6]) / 2, atol=1e-6)
    assert np.abs(named[:, 5] - named[:, 6]).max() > 0.5
    dosage = gp4 @ np.array([0, 1, 1, 2])
    np.testing.assert_allclose(dosage[:, 0], dosage[:, 1], atol=1e-5)
    assert dosage[:, 0].std() > 0.05


def test_parents_with_other_mates_do_not_change_places() -> None:
    alone = full_sib_families(pedigree_of(FAMILY), typed(7, 8))
    assert exchangeable(alone, typed(7, 8), typed()).tolist() == [[0, 1], [2, 3]]  # 5 and 6 have parents of their own
    free = pedigree_of([(None, None), (None, None), (0, 1), (0, 1), (0, None)])
    for seen, single, found in (
        ((2, 3), (), [[0, 1]]),
        ((2, 3, 4), (), []),  # 0 has offspring with data besides
        ((1, 2), (), []),
        ((2, 3), (0,), []),
    ):
        data, one = typed(*seen, of=5), typed(*single, of=5)
        assert exchangeable(full_sib_families(free, data), data, one).tolist() == found
