"""Cycles come to rest: phase of parents and segregation of children do not change places for ever."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.peeling import engine
from models.peeling.engine import Peeling
from models.peeling.keys import coins
from models.peeling.options import Options
from models.peeling.penetrance import from_calls
from tests.reference.peeling_exact import Parents
from tests.support.pedigrees import drop, pedigree_of

LOCI = 400
CM = np.arange(LOCI, dtype=np.float64) / 2
INBRED: Parents = [(None, None), (None, None), (0, 1), (0, 1), (2, 3), (2, 3), (None, None), (None, None)]
INBRED += [(4, 6)] * 3 + [(4, 7)] * 3 + [(5, 6)] * 3


def calls(seed: int) -> NDArray[np.int8]:
    """(L, N); founders of a mating of full sibs are untyped, two grandchildren are typed at a tenth."""
    rng = np.random.default_rng(seed)
    founders = rng.integers(0, 2, (8, LOCI)).astype(np.int8)
    codes: NDArray[np.int8] = drop(rng, INBRED, founders, 0.005).sum(axis=1).T.astype(np.int8)
    codes[:, [0, 1]] = -1
    codes[np.arange(LOCI) % 10 != 0, 8:10] = -1
    return codes


def unrest(seeds: range) -> int:
    """Cells of segregation that the last of ten cycles turns round."""
    found = 0
    for seed in seeds:
        peeling = Peeling(pedigree_of(INBRED), from_calls(calls(seed)), CM, Options(threads=1))
        seen = [peeling.seg.copy(), peeling.seg.copy()]
        peeling.run(lambda _cycle, _cycles, seen=seen, peeling=peeling: seen.append(peeling.seg.copy()))  # type: ignore[misc]
        found += int((np.abs(seen[-1] - seen[-2]).sum(axis=2) > 0.5).sum())
    return found


def test_cycles_come_to_rest_in_an_inbred_family(monkeypatch: pytest.MonkeyPatch) -> None:
    at_rest = unrest(range(6))
    monkeypatch.setattr(engine, "_STILL_FROM", 99)
    assert at_rest < unrest(range(6)) / 5


def test_coins_are_fair_and_independent() -> None:
    key = np.arange(20_000) * 3
    throws = np.stack([coins(key, number) for number in range(4)])
    assert np.abs(np.corrcoef(throws) - np.eye(4)).max() < 0.03
    assert np.abs(throws.mean(axis=1) - 0.5).max() < 0.02
