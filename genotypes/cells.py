"""What one genotype looks like in an imputed file, by look-up.

Probabilities are rounded once, to thousandths that sum to 1.000; GT and DS follow from the rounded values. The rounded
value is a *cell code* (int32), and everything written about a genotype is a table look-up by it:

    unphased  P(1) + 1001 * P(2), in thousandths; a haploid sample has P(1) = 0 and P(2) = P(ALT)
    phased    second + 1001 * first haplotype's ALT dosage, in thousandths; a haploid sample has second = 0

So `code // 1001` is P(ALT) of a haploid either way. A haploid's and an observed genotype have codes beyond those: all
together are *items*. `genotypes.celltext` writes an item as text, the tables here serve BCF.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt

BASE: Final = 1001
N_CELLS: Final = BASE * BASE
HAPLOID: Final = N_CELLS  # first index of the haploid cells
OBSERVED: Final = N_CELLS + BASE  # index of the observed genotype code 0; -1, missing, comes last
_N_OBSERVED: Final = 9  # codes 0-6, missing diploid, missing haploid
MISSING_DIPLOID: Final = OBSERVED + 7
MISSING_HAPLOID: Final = OBSERVED + 8
N_ITEMS: Final = OBSERVED + _N_OBSERVED

Cells = NDArray[np.int32]

_MISSING_FLOAT: Final = np.uint32(0x7F800001)  # BCF
_END_FLOAT: Final = np.uint32(0x7F800002)


def quantise(gp: NDArray[np.float32]) -> Cells:
    """Cell codes of unphased posteriors.

    Args:
        gp: (V, S, 3) float32, P(0), P(1), P(2) of ALT; P(0) is taken as what the other two leave.

    Returns:
        (V, S) int32.
    """
    het = np.rint(gp[..., 1] * np.float32(1000)).astype(np.int32)
    alt = np.rint(gp[..., 2] * np.float32(1000)).astype(np.int32)
    np.clip(het, 0, 1000, out=het)
    np.clip(alt, 0, 1000, out=alt)
    over = het + alt - 1000
    if over.max(initial=0) > 0:
        # Both were rounded up from a half: the larger gives way.
        np.maximum(over, 0, out=over)
        larger = het > alt
        het -= over * larger
        alt -= over * ~larger
    cells: Cells = alt * np.int32(BASE) + het
    return cells


def quantise_haplotypes(hds: NDArray[np.float32]) -> Cells:
    """Cell codes of phased posteriors.

    Args:
        hds: (V, S, 2) float32, ALT dosage (0-1) of each haplotype; a haploid sample's second is 0 or NaN.

    Returns:
        (V, S) int32.
    """
    rounded = np.rint(np.nan_to_num(hds) * np.float32(1000)).astype(np.int32)
    np.clip(rounded, 0, 1000, out=rounded)
    cells: Cells = rounded[..., 0] * np.int32(BASE) + rounded[..., 1]
    return cells


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The sample columns of a file.

    Attributes:
        ploidy: (S,) int8, 1 or 2.
        phased: cell codes are of haplotypes, and HDS is written.
    """

    ploidy: NDArray[np.int8]
    phased: bool

    @property
    def haploid(self) -> NDArray[np.bool_]:
        """(S,) which samples are haploid."""
        found: NDArray[np.bool_] = self.ploidy == 1
        return found

    def items(self, cells: Cells, observed: gt.Codes | None = None) -> Cells:
        """(V, S) indices into the tables: observed genotypes where there are, else the imputed cells."""
        haploid = self.haploid
        if haploid.any():
            cells = np.where(haploid, HAPLOID + cells // BASE, cells)
        if observed is None:
            return cells
        return np.where(observed == gt.MISSING, cells, OBSERVED + observed.astype(np.int32))

    def items_with(self, cells: Cells, observed: gt.Codes | None, observed_rows: NDArray[np.int32] | None) -> Cells:
        """(V, S) items; `observed` (T, S) are the genotypes of the typed sites, `observed_rows` (T,) those sites."""
        items = self.items(cells)
        if observed is not None and observed_rows is not None and len(observed_rows):
            items = items.copy() if items is cells else items
            items[observed_rows] = self.items(cells[observed_rows], observed)
        return items

    def observed_items(self, codes: gt.Codes) -> Cells:
        """(V, S) indices for sites that have no imputed values: missing genotypes stay missing."""
        missing = np.where(self.haploid, np.int32(MISSING_HAPLOID), np.int32(MISSING_DIPLOID))
        return np.where(codes == gt.MISSING, missing, OBSERVED + codes.astype(np.int32))

    def dosage(self, items: Cells) -> NDArray[np.float32]:
        """(V, S) float32 ALT dosage, 0-2 of a diploid, 0-1 of a haploid; NaN where missing."""
        return np.take(tables(self.phased).dosage, items)


@lru_cache(maxsize=2)
def tables(phased: bool) -> Tables:
    """The look-up tables, built on first use (a second, some 60 MB)."""
    return Tables(phased)


class Tables:
    """Everything that is written about a genotype, by item index (see `Layout.items`)."""

    def __init__(self, phased: bool) -> None:
        """Work out the thousandths of every item."""
        self.phased = phased
        high, low = np.divmod(np.arange(N_CELLS, dtype=np.int32), BASE)
        one, two = np.zeros((2, N_ITEMS), np.int32)  # thousandths: P(1) and P(2), or the haplotypes' dosages
        if phased:
            one[:N_CELLS], two[:N_CELLS] = high, low
        else:
            one[:N_CELLS], two[:N_CELLS] = low, high
        haploid = np.zeros(N_ITEMS, bool)
        haploid[HAPLOID:OBSERVED] = True
        haploid[[OBSERVED + gt.HAP_REF, OBSERVED + gt.HAP_ALT, MISSING_HAPLOID]] = True
        alt = np.zeros(N_ITEMS, np.int32)  # a haploid's P(ALT)
        alt[HAPLOID:OBSERVED] = np.arange(BASE)
        alt[OBSERVED + gt.HAP_ALT] = 1000
        for code, halves in _OBSERVED_HAPLOTYPES.items():
            if phased:
                one[OBSERVED + code], two[OBSERVED + code] = halves
            else:
                total = sum(halves) // 1000
                one[OBSERVED + code], two[OBSERVED + code] = 1000 * (total == 1), 1000 * (total == 2)
        self._one, self._two, self._alt, self.haploid = one, two, alt, haploid

    @cached_property
    def gp(self) -> NDArray[np.int32]:
        """(N, 3) thousandths; a haploid has its two in the first columns."""
        out = np.zeros((N_ITEMS, 3), np.int32)
        if self.phased:
            out[:, 1] = np.rint((self._one * (1000 - self._two) + self._two * (1000 - self._one)) / 1000)
            out[:, 2] = np.rint(self._one * self._two / 1000)
        else:
            out[:, 1], out[:, 2] = self._one, self._two
        out[OBSERVED + gt.HET, 1:] = 1000, 0
        # Unphased items beyond a sum of 1 are never used.
        out[:, 0] = np.maximum(1000 - out[:, 1] - out[:, 2], 0)
        out[self.haploid] = np.stack([1000 - self._alt, self._alt, np.zeros_like(self._alt)], axis=1)[self.haploid]
        return out

    @cached_property
    def thousandths(self) -> NDArray[np.int32]:
        """(N,) dosage in thousandths."""
        both = self._one + self._two if self.phased else self._one + 2 * self._two
        return np.minimum(np.where(self.haploid, self._alt, both), 2000).astype(np.int32)

    @cached_property
    def square(self) -> NDArray[np.int32]:
        """(N,) expected square of the number of ALT alleles, in thousandths."""
        return (self.gp[:, 1] + np.where(self.haploid, 0, 4) * self.gp[:, 2]).astype(np.int32)

    @cached_property
    def dosage(self) -> NDArray[np.float32]:
        """(N,) float32, NaN for the missing items."""
        out = (self.thousandths / 1000).astype(np.float32)
        out[[MISSING_DIPLOID, MISSING_HAPLOID]] = np.nan
        return out

    @cached_property
    def alleles(self) -> NDArray[np.int8]:
        """(N, 2) best-guess alleles: -1 missing; a haploid has its one in the first column."""
        out = np.zeros((N_ITEMS, 2), np.int8)
        if self.phased:
            out[:, 0], out[:, 1] = self._one > 500, self._two > 500
        else:
            best = np.argmax(self.gp, axis=1)
            out[:, 0], out[:, 1] = best == 2, best >= 1
        out[self.haploid, 0] = self._alt[self.haploid] > 500
        out[[MISSING_DIPLOID, MISSING_HAPLOID]] = -1
        if self.phased:
            out[OBSERVED + gt.HET] = 0, 1
        out[OBSERVED + gt.PHASED_10] = 1, 0
        return out

    @cached_property
    def separator(self) -> NDArray[np.uint8]:
        """(N,) '/' or '|'; observed phase is kept, an observed unphased heterozygote stays unphased."""
        out = np.full(N_ITEMS, ord("|" if self.phased else "/"), np.uint8)
        out[[OBSERVED + gt.PHASED_01, OBSERVED + gt.PHASED_10]] = ord("|")
        out[OBSERVED + gt.HET] = ord("/")
        return out

    @cached_property
    def bcf_gt(self) -> NDArray[np.uint16]:
        """(N,) two int8 GT values of BCF."""
        values = ((self.alleles.astype(np.int16) + 1) << 1).astype(np.uint16)
        phased = (self.separator == ord("|")).astype(np.uint16)
        second = np.where(self.haploid, np.uint16(0x81), values[:, 1] | phased)
        out: NDArray[np.uint16] = (values[:, 0] | second << 8).astype("<u2")
        return out

    @cached_property
    def bcf_ds(self) -> NDArray[np.uint32]:
        """(N,) bits of the float32 dosage."""
        return _float_bits(self.dosage[:, None]).ravel()

    @cached_property
    def bcf_gp(self) -> NDArray[Any]:
        """(N,) void items of three float32."""
        values = self.gp / 1000
        values[[MISSING_DIPLOID, MISSING_HAPLOID]] = np.nan
        bits = _float_bits(values)
        bits[self.haploid, 2] = _END_FLOAT
        bits[[MISSING_DIPLOID, MISSING_HAPLOID], 1:] = _END_FLOAT
        return bits.view("V12").ravel()

    @cached_property
    def bcf_hds(self) -> NDArray[np.uint64]:
        """(N,) two float32 haplotype dosages."""
        values = np.stack([np.where(self.haploid, self._alt, self._one), self._two], axis=1) / 1000
        values[[MISSING_DIPLOID, MISSING_HAPLOID]] = np.nan
        bits = _float_bits(values)
        bits[self.haploid, 1] = _END_FLOAT
        bits[MISSING_DIPLOID, 1] = _END_FLOAT
        return bits.view("<u8").ravel()


# Haplotype dosages in thousandths of observed diploid genotypes; which haplotype of a HET carries ALT is not known.
_OBSERVED_HAPLOTYPES: Final = {
    gt.HOM_REF: (0, 0),
    gt.HET: (500, 500),
    gt.HOM_ALT: (1000, 1000),
    gt.PHASED_01: (0, 1000),
    gt.PHASED_10: (1000, 0),
}


def _float_bits(values: NDArray[Any]) -> NDArray[np.uint32]:
    """float32 bits, with BCF's own missing value for NaN."""
    bits: NDArray[np.uint32] = np.ascontiguousarray(values, "<f4").view("<u4")
    bits[np.isnan(values)] = _MISSING_FLOAT
    return bits
