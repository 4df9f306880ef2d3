"""Groups of unknown parents at the sites of a bundle: of whom its engine says nothing, the group does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.peeling.bundle_groups import BUNDLES, BundleGroups
from models.peeling.engine import Peeling
from models.peeling.founder_haplotypes import engine_input
from models.peeling.hybrid import BundleSites, Hybrid
from models.peeling.options import Options
from models.peeling.pedigree import Metafounders, Pedigree
from models.peeling.penetrance import from_calls
from models.protocol import ImputedBlock
from tests.reference.peeling_exact import Parents
from tests.support.pedigrees import drop, pedigree_of

LOCI, EVERY, FAMILIES = 40, 4, 5
CM = np.linspace(0, 4, LOCI).astype(np.float64)
FREQ = 0.5  # of the bundle
ZEBU, COW = 1, 2
PARENTS: Parents = [(None, None)] * 2 * FAMILIES + [(2 * k, 2 * k + 1) for k in range(FAMILIES) for _ in range(3)]
CALF, STRANGER = (
    len(PARENTS),
    len(PARENTS) + 1,
)  # of the first bull and an unknown cow; a zebu without data or offspring
PARENTS = [*PARENTS, (0, None), (None, None)]


@pytest.fixture(scope="module")
def herd() -> tuple[Pedigree, Peeling, NDArray[np.int8], NDArray[np.int8]]:
    """Families of cows, nearly fixed for ALT, and a zebu; haplotypes (N, 2, L) and calls (T, N)."""
    rng = np.random.default_rng(4)
    founders = (rng.random((4 * FAMILIES + 2 + 1, LOCI)) < 0.95).astype(np.int8)
    haps = drop(rng, PARENTS, founders, 0.001)
    calls = haps.sum(axis=1)[:, ::EVERY].T.astype(np.int8)
    calls[:, [CALF, STRANGER]] = -1
    of = np.full(len(PARENTS), COW, np.int32)
    of[STRANGER] = ZEBU
    groups = Metafounders(("MF_1", "MF_zebu", "MF_cow"), of, of.copy())
    pedigree = replace(pedigree_of(PARENTS), metafounders=groups)
    given = np.full((len(calls), 3), np.nan)
    given[0, ZEBU] = 0.01
    peeling = Peeling(pedigree, from_calls(calls), CM[::EVERY], Options(threads=1, pin=True), group_freq=given)
    peeling.run()
    return pedigree, peeling, haps, calls


def test_frequencies_are_given_learned_or_counted(herd: tuple[Pedigree, Peeling, np.ndarray, np.ndarray]) -> None:
    _, peeling, _, _ = herd
    assert peeling.groups is not None
    asked = np.arange(2 * FAMILIES)
    groups = BundleGroups(peeling.groups, asked)
    assert groups.animals.tolist() == [STRANGER, STRANGER + 1]  # the latter stands in for the calf's dam
    alleles = np.ones((4, 4 * FAMILIES))
    alleles[3] = 0
    locus = np.array([0, 1, -1, -1])
    found = groups.frequencies(alleles, np.full(4, FREQ), locus)
    gametes, learned = 4 * FAMILIES, peeling.groups.freq[1, COW]
    assert learned > 0.7
    assert found[1, COW] == pytest.approx((gametes * learned + BUNDLES * FREQ) / (gametes + BUNDLES))
    assert found[2, COW] == pytest.approx((gametes + BUNDLES * FREQ) / (gametes + BUNDLES))
    assert found[3, COW] == pytest.approx(BUNDLES * FREQ / (gametes + BUNDLES))
    assert found[:, ZEBU].tolist() == pytest.approx([0.01, FREQ, FREQ, FREQ])  # of whom nobody is typed
    assert np.array_equal(groups.mates(found, np.full(4, FREQ)), np.full(4, FREQ))  # nobody is of the main group
    prior = groups.priors(found)
    np.testing.assert_allclose(prior[0, 0], [0.9801, 0.0099, 0.0099, 0.0001], atol=1e-6)


def test_only_animals_of_whom_the_engine_says_nothing_change(
    herd: tuple[Pedigree, Peeling, np.ndarray, np.ndarray],
) -> None:
    """A calf has its dam's half from the group's founders whom the engine imputed; those keep the engine's word."""
    pedigree, peeling, haps, calls = herd
    typed = np.arange(len(calls))
    asked = engine_input(pedigree, peeling.blocks(), calls, peeling.freq, typed, True, peeling.one_gamete)
    assert asked.founder.tolist() == list(range(2 * FAMILIES))
    truth = np.stack([haps[k // 2, k % 2] for k in range(4 * FAMILIES)], axis=1).astype(np.float32)
    gp = np.stack([1 - truth, np.zeros_like(truth), truth], axis=2)
    locus = np.full(LOCI, -1)
    locus[::EVERY] = typed
    hidden = np.where(locus[:, None] >= 0, truth, np.nan).astype(np.float32)
    sites = BundleSites(CM, np.full(LOCI, FREQ), locus)
    dosage = {}
    for name in ("groups", "bundle"):
        hybrid = Hybrid(peeling, asked, sites, CM[::EVERY])
        if name == "bundle":
            hybrid._groups = None
        gp4 = np.concatenate([one.gp4 for one in hybrid.blocks([ImputedBlock(0, gp, None, hidden)])])
        dosage[name] = gp4 @ np.array([0, 1, 1, 2])
    known = np.arange(CALF)
    np.testing.assert_allclose(dosage["groups"][:, known], dosage["bundle"][:, known], atol=1e-5)
    untyped = locus < 0
    want = haps[CALF].sum(axis=0)
    error = {name: np.square(found[:, CALF] - want).mean(where=untyped) for name, found in dosage.items()}
    assert error["groups"] < 0.6 * error["bundle"]
    np.testing.assert_allclose(dosage["groups"][untyped, STRANGER], 2 * FREQ, atol=1e-5)
    assert dosage["groups"][0, STRANGER] == pytest.approx(0.02, abs=1e-4)
    assert dosage["bundle"][0, STRANGER] == pytest.approx(2 * FREQ, abs=1e-4)
