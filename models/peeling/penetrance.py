"""Penetrances: how likely the observed data of an animal are under each of its four phased genotypes.

The four states are aa, aA, Aa, AA in that order (state = 2 * paternal allele + maternal allele, A is ALT). What was
observed is stored as one uint16 number per cell into a table of distinct likelihoods, so that calls, read depths and
PL of any mixture cost two bytes a genotype.

Sources: Whalen et al. 2018, Genet Sel Evol 50:67 (calls and reads); the VCF specification (PL).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt
from genotypes import likelihoods as gl

ERROR: Final = 1e-3  # share of wrong calls assumed before it is estimated
READ_ERROR: Final = 1e-3  # share of wrong bases
MAX_DEPTH: Final = 60  # reads of an allele beyond which more say nothing new
MAX_PL: Final = 60
N_CALLS: Final = 8  # rows of a table of calls: missing, then genotype codes 0-6
_CONFIDENT: Final = 0.95
_BLOCK: Final = 4 << 20  # observations counted at once

# Which states agree with a genotype code; row 0 is "missing", the codes 0-6 follow. A haploid call says as much about
# an autosome as a homozygous one.
_MATCHES: Final = np.array(
    [
        [1, 1, 1, 1],
        [1, 0, 0, 0],
        [0, 1, 1, 0],
        [0, 0, 0, 1],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
        [1, 0, 0, 0],
        [0, 0, 0, 1],
    ],
    np.float64,
)


@dataclass(frozen=True, slots=True, eq=False)
class Penetrance:
    """What was observed of N animals at L loci.

    Attributes:
        index: (L, N) uint16 rows of the table; row 0 is "nothing observed".
        table: (2 K, 4) float64 likelihoods, largest 1 in a row; the second half repeats the first with the state Aa
            ruled out, for the cells that `anchors` uses to break the symmetry of phase.
        calls: the table is one of genotype calls, and its error rate can be estimated.
    """

    index: NDArray[np.uint16]
    table: NDArray[np.float64]
    calls: bool

    @property
    def size(self) -> int:
        """K, the number of distinct observations."""
        return len(self.table) // 2

    @property
    def observed(self) -> NDArray[np.bool_]:
        """(L, N) whether anything was observed."""
        seen: NDArray[np.bool_] = self.index % self.size > 0
        return seen

    @property
    def heterozygous(self) -> NDArray[np.bool_]:
        """(2 K,) rows that say "heterozygous, phase unknown" with confidence."""
        share: NDArray[np.float64] = self.table / self.table.sum(axis=1, keepdims=True)
        found: NDArray[np.bool_] = (share[:, 1] + share[:, 2] > _CONFIDENT) & (share[:, 1] == share[:, 2])
        return found

    @property
    def homozygous(self) -> NDArray[np.bool_]:
        """(2 K,) rows that say "homozygous" with confidence, or the one allele of a haploid."""
        share: NDArray[np.float64] = self.table / self.table.sum(axis=1, keepdims=True)
        found: NDArray[np.bool_] = np.maximum(share[:, 0], share[:, 3]) > _CONFIDENT
        return found

    def contradicted(self, counts: NDArray[np.float64]) -> float | None:
        """Error rate of calls by (2 K, 4) sums of posteriors by observation, the share that contradicts; None without.

        One error in a thousand calls is added, and more than a twentieth is not believed.
        """
        called = (counts[: self.size] + counts[self.size :])[1:]
        total = float(called.sum())
        wrong = float((called * (self.table[1 : self.size] != 1)).sum())
        return min(0.05, (wrong + 1) / (total + 1000)) if total > 0 else None

    def with_error(self, error: float) -> Penetrance:
        """The same calls under another error rate."""
        return replace(self, table=_doubled(call_table(error)))


def call_table(error: float) -> NDArray[np.float64]:
    """(8, 4) likelihoods of "missing" and of the genotype codes 0-6.

    The right genotype is called with 1 - error, each of the two wrong ones with error / 2. The order of the alleles of
    a phased heterozygote is taken as paternal|maternal; a phase that is wrong counts as an error.
    """
    table = np.where(_MATCHES > 0, 1.0 - error, error / 2)
    table[0] = 1.0
    scaled: NDArray[np.float64] = table / table.max(axis=1, keepdims=True)
    return scaled


def from_calls(codes: gt.Codes, error: float = ERROR, parental: bool = False) -> Penetrance:
    """Penetrances of genotype calls.

    Args:
        codes: (L, N) int8 genotype codes.
        error: share of wrong calls.
        parental: phased heterozygotes are written paternal|maternal; otherwise their phase is not used, for phasing
            programs order haplotypes as they please.
    """
    seen = codes if parental else gt.unphase(codes)
    return Penetrance((seen + np.int8(1)).astype(np.uint16), _doubled(call_table(error)), True)


def from_reads(ref: NDArray[Any], alt: NDArray[Any], error: float = READ_ERROR) -> Penetrance:
    """Penetrances of read depths (AD): (1-e)^r e^a for aa, (1/2)^(r+a) for aA and Aa, e^r (1-e)^a for AA.

    Args:
        ref: (L, N) reads of REF, negative where missing.
        alt: (L, N) reads of ALT.
        error: share of wrong bases.
    """
    width = MAX_DEPTH + 1
    key = np.clip(ref, 0, MAX_DEPTH).astype(np.int32) * width + np.clip(alt, 0, MAX_DEPTH)
    r, a = np.divmod(np.arange(width * width), width)
    log = np.stack([r * np.log1p(-error) + a * np.log(error), (r + a) * np.log(0.5),
                    r * np.log(error) + a * np.log1p(-error)], axis=1)  # fmt: skip
    return _compact(key, log)


def from_pl(pl: NDArray[Any]) -> Penetrance:
    """Penetrances of phred-scaled genotype likelihoods (PL).

    Args:
        pl: (L, N, 3) PL of 0/0, 0/1 and 1/1; negative where missing.
    """
    missing = (pl[..., 0] < 0) | (pl[..., 1] < 0) | (pl[..., 2] < 0)
    above = np.clip(pl - pl.min(axis=2, keepdims=True), 0, MAX_PL)
    capped = np.where(np.expand_dims(missing, 2), 0, above).astype(np.int64)
    width = MAX_PL + 1
    key = (capped[..., 0] * width + capped[..., 1]) * width + capped[..., 2]
    number = np.arange(width**3)
    log = np.stack([number // width**2, number // width % width, number % width], axis=1) * (-np.log(10) / 10)
    return _compact(key, log)


def from_observations(seen: gl.Observations, error: float = ERROR) -> Penetrance:
    """Penetrances of calls and likelihoods in any mixture.

    Args:
        seen: (L, N) observation numbers, see `genotypes.likelihoods`.
        error: share of wrong calls; estimated by the engine only where there are calls alone.
    """
    counts = np.zeros(gl.FIRST + len(gl.triples()), np.int64)
    step = max(1, _BLOCK // max(1, seen.shape[1]))
    for first in range(0, len(seen), step):
        counts += np.bincount(seen[first : first + step].ravel(), minlength=len(counts))
    counts[:N_CALLS] = 1
    used = np.flatnonzero(counts)
    if len(used) == N_CALLS:
        return Penetrance(seen, _doubled(call_table(error)), True)
    log = gl.triples()[used[N_CALLS:] - gl.FIRST] * (-np.log(10) / 10)
    table = np.concatenate([call_table(error), np.exp(log)[:, [0, 1, 1, 2]]])
    row = np.zeros(len(counts), np.uint16)
    row[used] = np.arange(len(used))
    return Penetrance(row[seen], _doubled(table), False)


def confident_calls(seen: gl.Observations) -> NDArray[np.int8]:
    """ALT alleles (0-2) of the observations that leave little doubt, -1 for the others; same shape as `seen`.

    Calls count as they are, likelihoods where one genotype has 95% of their sum.
    """
    likelihood = 10.0 ** (-gl.triples() / 10)
    share = likelihood / likelihood.sum(axis=1, keepdims=True)
    sure = np.where(share.max(axis=1) > _CONFIDENT, share.argmax(axis=1), -1)
    calls = np.array([-1, 0, 1, 2, 1, 1, 0, 2])
    table = np.concatenate([calls, sure]).astype(np.int8)
    return table[seen]


def _compact(key: NDArray[Any], log: NDArray[np.float64]) -> Penetrance:
    """A table of the keys that occur; key 0 must be "nothing observed" and becomes row 0."""
    used = np.union1d([0], np.unique(key))
    likelihood = np.exp(log[used] - log[used].max(axis=1, keepdims=True))
    table = likelihood[:, [0, 1, 1, 2]]
    return Penetrance(np.searchsorted(used, key).astype(np.uint16), _doubled(table), False)


def _doubled(table: NDArray[np.float64]) -> NDArray[np.float64]:
    anchored = table.copy()
    anchored[:, 2] = 0
    return np.concatenate([table, anchored])
