"""Genotype likelihoods of a file (PL, GL or AD) as one uint16 number a genotype.

An observation number says everything that was seen of a diploid genotype:

    0        nothing
    1-7      a call: genotype code + 1 (see genotypes.codes)
    8-       a triple of phred-scaled likelihoods of 0/0, 0/1 and 1/1 whose smallest is 0

Triples are rounded to `LEVELS`, so that a file has some hundred of them and not ten thousand. Read depths become such
triples too. Other ALT alleles of a multiallelic record count as REF, as they do for calls.

Sources: the VCF specification 4.3 (PL, GL, AD, order of genotypes); Whalen et al. 2018, Genet Sel Evol 50:67 (reads).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt

FIRST: Final = 8  # number of the first triple
MAX_PL: Final = 60
READ_ERROR: Final = 1e-3  # share of wrong bases
FIELDS: Final = ("PL", "GL", "AD")  # the first that a record has is read
LEVELS: Final = np.array([*range(11), *range(12, 31, 2), *range(35, MAX_PL + 1, 5)])
_MEMO: Final = 1 << 18  # texts remembered

Observations = NDArray[np.uint16]


def _nearest() -> NDArray[np.int64]:
    every = np.arange(MAX_PL + 1)
    return np.asarray(np.abs(every[:, None] - LEVELS[None, :]).argmin(axis=1), np.int64)


_LEVEL: Final = _nearest()  # (61,) rank of the level of each PL
_N: Final = len(LEVELS)


def observe(codes: gt.Codes, likelihoods: Observations | None) -> Observations:
    """Calls and likelihoods of the same genotypes in one array; a likelihood that says something counts before a call.

    Args:
        codes: (V, S) int8 genotype codes; their phase is not used.
        likelihoods: (V, S) numbers of triples, 0 where there is none.
    """
    seen: Observations = (gt.unphase(codes) + np.int8(1)).astype(np.uint16)
    return seen if likelihoods is None else np.where(likelihoods > 0, likelihoods, seen)


def encode(pl: NDArray[Any]) -> Observations:
    """Numbers of PL triples.

    Args:
        pl: (..., 3) phred-scaled likelihoods of 0/0, 0/1, 1/1; NaN or negative where missing.
    """
    values = np.asarray(pl, np.float64)
    missing = np.asarray(~(values >= 0).all(axis=-1))
    values = np.where(np.expand_dims(missing, -1), 0.0, values)
    above = np.minimum(np.rint(values - values.min(axis=-1, keepdims=True)), MAX_PL).astype(np.int64)
    a, b, c = np.moveaxis(_LEVEL[above], -1, 0)
    # Three faces of a cube: the smallest of the three is level 0.
    number = np.where(a == 0, b * _N + c, np.where(b == 0, _N * _N + a * _N + c, 2 * _N * _N + a * _N + b))
    out: Observations = np.where(missing | ((a == 0) & (b == 0) & (c == 0)), 0, number + FIRST).astype(np.uint16)
    return out


@lru_cache(maxsize=1)
def triples() -> NDArray[np.int64]:
    """(3 * len(LEVELS)^2, 3) PL of the triple numbers from `FIRST`."""
    one, two = np.divmod(np.arange(_N * _N), _N)
    zero = np.zeros_like(one)
    faces = [np.stack(face, axis=1) for face in ((zero, one, two), (one, zero, two), (one, two, zero))]
    return np.asarray(LEVELS[np.concatenate(faces)], np.int64)


def swap_alleles(seen: Observations) -> Observations:
    """The same observations when REF and ALT change places."""
    table = np.concatenate([(gt.swap_alleles(np.arange(-1, 7, dtype=np.int8)) + 1).astype(np.uint16),
                            encode(triples()[:, ::-1])])  # fmt: skip
    return table[seen]


def reads_to_pl(ref: NDArray[Any], alt: NDArray[Any]) -> NDArray[np.float64]:
    """(..., 3) phred-scaled likelihoods of read depths: (1-e)^r e^a, (1/2)^(r+a), e^r (1-e)^a; NaN where negative."""
    r, a = np.asarray(ref, np.float64), np.asarray(alt, np.float64)
    right, wrong, half = (-10 * np.log10(x) for x in (1 - READ_ERROR, READ_ERROR, 0.5))
    out: NDArray[np.float64] = np.stack([r * right + a * wrong, (r + a) * half, r * wrong + a * right], axis=-1)
    out[(r < 0) | (a < 0)] = np.nan
    return out


def to_pl(field: str, values: NDArray[np.float64], n_alts: int, number: int) -> NDArray[np.float64]:
    """(S, 3) PL of a field's values with respect to one ALT allele.

    Args:
        field: PL, GL or AD.
        values: (S, W) values, NaN where missing.
        n_alts: ALT alleles of the record.
        number: which of them, from 1.

    Returns:
        NaN where the field has no diploid value.
    """
    nothing = np.full((len(values), 3), np.nan)
    if field == "AD":
        if values.shape[1] != n_alts + 1:
            return nothing
        alt = values[:, number]
        return reads_to_pl(values.sum(axis=1) - alt, alt)
    if values.shape[1] != (n_alts + 1) * (n_alts + 2) // 2:
        return nothing
    if field == "GL":
        values = -10 * values
    copies = np.array([(i == number) + (j == number) for j in range(n_alts + 1) for i in range(j + 1)])
    out = np.stack([values[:, copies == k].min(axis=1) for k in range(3)], axis=1)
    return np.asarray(out - out.min(axis=1, keepdims=True))


class TextLikelihoods:
    """Reads the first of PL, GL and AD that a line of a VCF text has; texts that were met are remembered."""

    def __init__(self) -> None:
        """Start with nothing remembered."""
        self._memo: dict[tuple[str, int, int], dict[bytes, int]] = {}

    def read(self, fmt: bytes, columns: bytes, n_alts: int, number: int) -> Observations | None:
        """(S,) numbers for ALT `number` of a record; None when the record has no such field.

        Raises:
            ValueError: a value is no number.
        """
        keys = fmt.split(b":")
        field = next((name for name in FIELDS if name.encode() in keys), None)
        if field is None or number == 0:
            return None
        at = keys.index(field.encode())
        memo = self._memo.setdefault((field, n_alts, number), {})
        if len(memo) > _MEMO:
            memo.clear()
        out = np.zeros(columns.count(b"\t") + 1, np.uint16)
        for sample, cell in enumerate(columns.split(b"\t")):
            parts = cell.split(b":")
            text = parts[at] if len(parts) > at else b"."
            found = memo.get(text)
            if found is None:
                values = [np.nan if one in (b".", b"") else float(one) for one in text.split(b",")]
                found = memo[text] = int(encode(to_pl(field, np.array([values]), n_alts, number))[0])
            out[sample] = found
        return out


def bcf_values(raw: bytes, kind: int, samples: int, width: int) -> NDArray[np.float64]:
    """(S, W) values of a BCF field, NaN where missing or ended; `kind` is BCF's type number.

    Raises:
        ValueError: no numeric field, or it ends early.
    """
    types = {1: "<i1", 2: "<i2", 3: "<i4", 5: "<f4"}
    if kind not in types:
        raise ValueError("expected numbers")
    values = np.frombuffer(raw, types[kind], samples * width).reshape(samples, width)
    if kind == 5:
        with np.errstate(invalid="ignore"):  # BCF's missing value is a signalling NaN
            return values.astype(np.float64)
    out = values.astype(np.float64)
    out[values < np.iinfo(values.dtype).min + 8] = np.nan
    return out
