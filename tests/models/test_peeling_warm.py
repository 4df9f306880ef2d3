"""The first cycles are warm: roots of the evidence about segregation, so that a wrong guess at phase is not kept."""

from __future__ import annotations

import numpy as np
import pytest

from models.peeling import engine
from models.peeling.engine import Peeling
from models.peeling.options import Options
from models.peeling.penetrance import from_calls
from models.peeling.segregation import tempered
from tests.reference.peeling_exact import Parents
from tests.support.pedigrees import drop, pedigree_of

LOCI, LAST = 300, 20


@pytest.mark.parametrize("quarters", [1, 2, 3, 4])
def test_evidence_is_raised_to_quarters(quarters: int) -> None:
    evidence = np.random.default_rng(1).dirichlet(np.ones(4), (150, 3)).astype(np.float32)
    expected = evidence.astype(np.float64) ** (quarters / 4)
    tempered(evidence, quarters)
    np.testing.assert_allclose(evidence, expected, rtol=1e-5)


def herd(rng: np.random.Generator) -> Parents:
    """Twelve founders, three generations of twenty: two sires, five dams."""
    parents: Parents = [(None, None)] * 12
    before = list(range(12))
    for _ in range(3):
        first = len(parents)
        sires = rng.choice(before[: len(before) // 2], 2, replace=False).tolist()
        for k, dam in enumerate(rng.choice(before[len(before) // 2 :], 5, replace=False).tolist()):
            parents += [(sires[k % 2], dam)] * 4
        before = [int(animal) for animal in rng.permutation(np.arange(first, len(parents)))]
    return parents


def last_generation(seed: int) -> float:
    """Share of right genotypes in the last generation, typed at a twentieth; of the ancestors 40% are dense."""
    rng = np.random.default_rng(seed)
    parents = herd(rng)
    n = len(parents)
    founders = (rng.random((24, LOCI)) < rng.uniform(0.2, 0.8, LOCI)).astype(np.int8)
    true = drop(rng, parents, founders, 1 / 300).sum(axis=1).T.astype(np.int8)
    calls, rows = true.copy(), np.arange(LOCI) % 20 != 0
    kind = rng.random(n - LAST)
    calls[:, np.flatnonzero(kind >= 0.7)] = -1
    calls[np.ix_(rows, np.r_[np.flatnonzero((kind > 0.4) & (kind < 0.7)), n - LAST : n])] = -1
    peeling = Peeling(pedigree_of(parents), from_calls(calls), np.arange(LOCI) / 3, Options(threads=1))
    peeling.run()
    called = np.concatenate([block.gp().argmax(axis=2) for block in peeling.blocks()])
    return float((called == true)[rows, n - LAST :].mean())


def test_warm_cycles_find_better_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = range(10)
    warm = np.mean([last_generation(seed) for seed in seeds])
    monkeypatch.setattr(engine, "_WARM", ())
    assert warm > np.mean([last_generation(seed) for seed in seeds])
