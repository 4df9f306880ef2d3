from itertools import product
from pathlib import Path

import numpy as np
import pytest

from models.peeling.mendel import MendelTally, chance_of_more, parent_lod
from models.peeling.pedigree import Pedigree, read_pedigree
from tests.support.pedigrees import drop


def pedigree(tmp_path: Path, text: str) -> Pedigree:
    (tmp_path / "p").write_text(text)
    return read_pedigree(tmp_path / "p")


def test_every_trio_is_judged_as_gametes_judge_it(tmp_path):
    cells = list(product((-1, 0, 1, 2), repeat=3))
    dosage = np.array(cells, np.int8)  # sire, dam, child
    testable, errors = MendelTally(pedigree(tmp_path, "s 0 0\nd 0 0\nc s d\n")).add(dosage)
    gametes = {0: {0}, 1: {0, 1}, 2: {1}, -1: {0, 1}}
    for (sire, dam, child), can, bad in zip(cells, testable, errors, strict=True):
        possible = {a + b for a in gametes[sire] for b in gametes[dam]}
        assert bad == (child >= 0 and child not in possible)
        assert can == (child >= 0 and (sire >= 0 or dam >= 0))


def test_counts_by_trio_pair_and_animal(tmp_path):
    family = pedigree(tmp_path, "s 0 0\nd 0 0\nc s d\ne s 0\n")
    tally = MendelTally(family)
    #                       s   d   c   e
    dosage = np.array([[0, 0, 2, 2],
                       [2, 1, 0, 1],
                       [1, 1, 0, 2],
                       [-1, 0, 2, 0]], np.int8)  # fmt: skip
    tally.add(dosage)
    assert tally.trio_compared.tolist() == [3, 0]
    assert tally.trio_errors.tolist() == [2, 0]
    assert dict(zip(family.ids, tally.animal_errors.tolist(), strict=True)) == {"s": 3, "d": 3, "c": 3, "e": 1}
    pairs = {(family.ids[p.parent], family.ids[p.child]): (p.compared, p.opposing) for p in tally.pairs()[0]}
    assert pairs == {("s", "c"): (3, 2), ("d", "c"): (4, 2), ("s", "e"): (3, 1)}


@pytest.mark.parametrize("wrong", [False, True])
def test_only_a_wrong_sire_is_suspicious(tmp_path, wrong):
    rng = np.random.default_rng(3)
    parents = [(None, None)] * 3 + [(0, 2)] * 4
    haplotypes = drop(rng, parents, rng.integers(0, 2, (6, 400)).astype(np.int8), 0.01)
    dosage = haplotypes.sum(axis=1).T.astype(np.int8)
    noise = rng.random(dosage.shape) < 0.002
    dosage[noise] = rng.integers(0, 3, int(noise.sum()))
    sires = ["a", "a", "a", "b" if wrong else "a"]
    text = "a 0 0\nb 0 0\nm 0 0\n" + "".join(f"k{k} {sire} m\n" for k, sire in enumerate(sires))
    family = pedigree(tmp_path, text)
    tally = MendelTally(family)
    tally.add(dosage)
    found = [(family.ids[p.parent], family.ids[p.child]) for p in tally.pairs()[0] if p.suspicious]
    assert found == ([("b", "k3")] if wrong else [])
    lod = parent_lod(dosage, dosage[:, 2], dosage[:, 6])
    assert int(np.delete(lod, [2, 6]).argmax()) == 0
    assert lod[1] < 0 < lod[0]


def test_the_tail_of_the_binomial():
    rng = np.random.default_rng(1)
    draws = rng.binomial(50, 0.1, 200_000)
    for count in (8, 11):
        assert chance_of_more(count, 50, 0.1) == pytest.approx((draws >= count).mean(), abs=0.003)
    assert chance_of_more(5, 50, 0.1) == 1.0  # not above what is expected
    assert chance_of_more(20, 20, 0.01) == pytest.approx(1e-40, rel=1e-6)
