"""Genotype codes: one int8 for a called genotype at a site with one ALT allele.

A homozygote has one code whether it was written 0|0 or 0/0; the `phased` flag of a block or store says how calls were
written.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

MISSING: Final = -1  # any allele missing, a half call included
HOM_REF: Final = 0
HET: Final = 1  # 0/1 or 1/0
HOM_ALT: Final = 2
PHASED_01: Final = 3  # 0|1
PHASED_10: Final = 4  # 1|0
HAP_REF: Final = 5
HAP_ALT: Final = 6

# Tables are indexed by the code itself: -1 reaches their last entry. Pairs are looked up as one 16-bit number.
_DOSAGE: Final = np.array([0, 1, 2, 1, 1, 0, 1, -1], np.int8)
_PLOIDY: Final = np.array([2, 2, 2, 2, 2, 1, 1, 0], np.int8)
_SWAP: Final = np.array([2, 1, 0, 4, 3, 6, 5, -1], np.int8)
_UNPHASE: Final = np.array([0, 1, 2, 1, 1, 5, 6, -1], np.int8)
_AS_HAPLOID: Final = np.array([5, -1, 6, -1, -1, 5, 6, -1], np.int8)
_AS_DIPLOID: Final = np.array([0, 1, 2, 3, 4, 0, 2, -1], np.int8)
_PRESENCE: Final = np.array([[1, 0], [1, 1], [0, 1], [1, 1], [1, 1], [1, 0], [0, 1], [0, 0]], np.uint8)
_HAPLOTYPES: Final = np.array([[0, 0], [-1, -1], [1, 1], [0, 1], [1, 0], [0, -1], [1, -1], [-1, -1]], np.int8)

Codes: TypeAlias = NDArray[np.int8]


def dosage(codes: Codes) -> NDArray[np.int8]:
    """ALT alleles carried, same shape as `codes`: 0-2 of a diploid, 0-1 of a haploid, -1 where missing."""
    return _DOSAGE[codes]


def ploidy(codes: Codes) -> NDArray[np.int8]:
    """1 or 2 as called, 0 where missing; same shape as `codes`."""
    return _PLOIDY[codes]


def presence(codes: Codes) -> NDArray[np.uint8]:
    """(..., 2) uint8: is REF present, is ALT present; both 0 where missing."""
    return np.take(_PRESENCE.view(np.uint16).ravel(), codes)[..., None].view(np.uint8)


def haplotypes(codes: Codes) -> NDArray[np.int8]:
    """(..., 2) int8: allele of the first and second haplotype.

    -1 where it is not known: missing, an unphased heterozygote, the second haplotype of a haploid call.
    """
    return np.take(_HAPLOTYPES.view(np.int16).ravel(), codes)[..., None].view(np.int8)


def swap_alleles(codes: Codes) -> Codes:
    """The same genotypes when REF and ALT change places."""
    return _SWAP[codes]


def unphase(codes: Codes) -> Codes:
    """The same genotypes with the phase of heterozygotes forgotten."""
    return _UNPHASE[codes]


def as_haploid(codes: Codes) -> Codes:
    """The same genotypes of haploids that were coded as diploids: homozygotes keep their allele, others are missing."""
    return _AS_HAPLOID[codes]


def as_diploid(codes: Codes) -> Codes:
    """The same genotypes with haploid calls as homozygotes."""
    return _AS_DIPLOID[codes]


def of_ploidy(codes: Codes, ploidy: NDArray[np.int8]) -> Codes:
    """Genotypes (V, S) as the ploidy (S,) of their samples wants them, by `as_haploid` and `as_diploid`."""
    return np.where(ploidy == 1, as_haploid(codes), as_diploid(codes))


def from_haplotypes(first: NDArray[np.int8], second: NDArray[np.int8], phased: bool = True) -> Codes:
    """Diploid codes of two haplotypes of the same shape with alleles 0 and 1, -1 where missing."""
    table = np.array([[HOM_REF, PHASED_01, MISSING], [PHASED_10, HOM_ALT, MISSING], [MISSING] * 3], np.int8)
    codes: Codes = table[first, second]
    return codes if phased else unphase(codes)
