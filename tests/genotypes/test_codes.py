import numpy as np

from genotypes import codes as gt

ALL = np.array([-1, 0, 1, 2, 3, 4, 5, 6], np.int8)


def test_dosage_counts_alt_alleles():
    assert gt.dosage(ALL).tolist() == [-1, 0, 1, 2, 1, 1, 0, 1]
    assert gt.dosage(ALL).dtype == np.int8


def test_ploidy_says_nothing_about_missing():
    assert gt.ploidy(ALL).tolist() == [0, 2, 2, 2, 2, 2, 1, 1]


def test_presence_of_each_allele():
    assert gt.presence(ALL).tolist() == [[0, 0], [1, 0], [1, 1], [0, 1], [1, 1], [1, 1], [1, 0], [0, 1]]


def test_haplotypes_are_unknown_without_phase():
    expected = [[-1, -1], [0, 0], [-1, -1], [1, 1], [0, 1], [1, 0], [0, -1], [1, -1]]
    assert gt.haplotypes(ALL).tolist() == expected


def test_swapping_twice_changes_nothing():
    assert gt.swap_alleles(ALL).tolist() == [-1, 2, 1, 0, 4, 3, 6, 5]
    assert (gt.swap_alleles(gt.swap_alleles(ALL)) == ALL).all()


def test_unphase_forgets_only_heterozygotes():
    assert gt.unphase(ALL).tolist() == [-1, 0, 1, 2, 1, 1, 5, 6]


def test_from_haplotypes_inverts_haplotypes():
    first, second = np.array([[0, 0, 1, 1, -1]], np.int8), np.array([[0, 1, 0, 1, 1]], np.int8)
    codes = gt.from_haplotypes(first, second)
    assert codes.tolist() == [[gt.HOM_REF, gt.PHASED_01, gt.PHASED_10, gt.HOM_ALT, gt.MISSING]]
    assert gt.from_haplotypes(first, second, phased=False).tolist() == [[0, 1, 1, 2, -1]]
