from __future__ import annotations

import numpy as np
import pytest

from genotypes.sites import SiteTable, strings
from genotypes.strand import USUAL_DRIFT, Evidence, Strand, drift, palindromic, strand_by_frequency

NOTHING = Evidence(0, 0)


def test_palindromes_are_at_and_cg_sites_alone() -> None:
    pairs = ["AT", "TA", "CG", "GC", "AC", "AG", "TC", "A."]
    ref, alt = strings(p[0] for p in pairs), strings(p[1] for p in pairs)
    table = SiteTable("1", np.arange(1, 9, dtype=np.int32), ref, alt, ref)
    assert palindromic(table).tolist() == [True] * 4 + [False] * 4


@pytest.mark.parametrize(
    ("forward", "reverse", "strand"),
    [
        (9, 0, Strand.unknown),
        (10, 0, Strand.forward),
        (0, 10, Strand.reverse),
        (98, 1, Strand.unknown),
        (500, 4, Strand.forward),
        (4, 500, Strand.reverse),
        (500, 50, Strand.unknown),
    ],
)
def test_the_file_tells_its_strand(forward: int, reverse: int, strand: Strand) -> None:
    assert Evidence(forward, reverse).strand is strand


def told(alt: int, alleles: int, af: float, evidence: Evidence = NOTHING) -> Strand:
    panel = np.array([af], np.float32)
    return Strand(int(strand_by_frequency(np.array([alt]), np.array([alleles]), panel, evidence)[0]))


def test_a_large_cohort_tells_the_strand_by_its_frequency() -> None:
    assert told(200, 1000, 0.2) is Strand.forward
    assert told(800, 1000, 0.2) is Strand.reverse


def test_frequencies_near_one_half_tell_nothing() -> None:
    assert told(420, 1000, 0.42) is Strand.unknown
    assert told(480, 1000, 0.3) is Strand.unknown  # drift explains it from either side
    nearly_all = Evidence(980, 12)
    assert told(390, 1000, 0.39, nearly_all) is Strand.forward
    assert told(420, 1000, 0.42, nearly_all) is Strand.unknown  # too common for a frequency to count at all


def test_one_person_tells_little_and_with_the_rest_of_the_file_more() -> None:
    assert told(0, 2, 0.2) is Strand.unknown
    assert told(0, 2, 0.2, Evidence(95, 5)) is Strand.forward
    assert told(0, 2, 0.01) is Strand.forward
    assert told(2, 2, 0.01) is Strand.reverse


def test_without_frequencies_or_calls_nothing_is_told() -> None:
    assert strand_by_frequency(np.array([5]), np.array([10]), None, NOTHING).tolist() == [Strand.unknown]
    assert told(0, 0, 0.01) is Strand.unknown


@pytest.mark.parametrize("fst", [0.03, 0.15])
@pytest.mark.parametrize("samples", [1, 10, 1000])
def test_wrong_strands_are_rare_among_drifted_cohorts(fst: float, samples: int) -> None:
    """Of cohorts that drifted away from the panel, fewer than one decided site in a hundred is wrong."""
    rng = np.random.default_rng(7)
    af = rng.uniform(0.01, 0.99, 5000)
    scale = (1 - fst) / fst
    alt, alleles = rng.binomial(2 * samples, rng.beta(af * scale, (1 - af) * scale)), np.full(5000, 2 * samples)
    panel = af.astype(np.float32)
    found = drift(alt, alleles, panel)
    assert found == pytest.approx(fst, abs=0.02)
    strands = strand_by_frequency(alt, alleles, panel, NOTHING, found)
    decided = strands != Strand.unknown
    assert (strands[decided] == Strand.reverse).mean() < 0.01
    assert decided.mean() > 0.01


def test_few_sites_do_not_tell_the_drift() -> None:
    assert drift(np.ones(9), np.full(9, 10), np.full(9, 0.5, np.float32)) == USUAL_DRIFT
    assert drift(np.ones(99), np.full(99, 10), None) == USUAL_DRIFT
