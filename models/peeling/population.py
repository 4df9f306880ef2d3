"""The population in which a family lives: priors of founders from the haplotypes of the other founders.

Without a population every founder is a draw of independent loci from allele frequencies. Here its two haplotypes are
mosaics of a library (`copying`), and the library is made of the upload itself: the haplotypes of those founders that
are known at most loci, be it from their own calls or from their descendants, drawn anew in every round.

Nothing is counted twice. Only founders are in the library: a descendant's haplotypes are its founders' once more. A
founder never copies itself. And the prior that a founder gets at a locus is what its evidence at all *other* loci says
through the copying model, just as segregation is smoothed without the locus's own evidence; the peeling of the locus
adds its own evidence (calls and offspring) once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.peeling.copying import copy_some
from models.peeling.matching import LANES
from models.peeling.priors import copies, hardy_weinberg, largest_of_four, sum_of_four
from models.peeling.sweeper import in_threads

BYTES: Final = 120  # of a locus and founder at the peak
_TASK: Final = 8  # founders of a thread's task
_SETTLED: Final = 0.9  # share of loci that are known of a founder of which only phase is asked


@dataclass(frozen=True, slots=True)
class PopulationOptions:
    """Settings.

    Attributes:
        every: cycles of peeling between two draws of the haplotypes.
        burn_in: draws that the mean of the priors leaves out, as phase was not settled yet.
        states: haplotypes of the library that one founder may copy at a locus.
        settled_states: the same of a founder that is known at most loci, of which only phase is asked.
        library: most haplotypes of the library.
        least: founders that a library needs; with fewer the prior stays with allele frequencies, as a draw among a few
            haplotypes says more about the draw than about the founder.
        known: share of loci that must be known of a founder in the library.
        switches: expected switches of the copied haplotype per Morgan.
        mismatch: probability of another allele than the copied one.
        distrust: share of allele frequencies in the prior.
        window: cM of a window in which the copied haplotypes are chosen.
        seed: of the draws.
        memory: bytes that the founders may take; with more founders than fit only those with most data are looked at.
    """

    every: int = 2
    burn_in: int = 2
    states: int = 64
    settled_states: int = 24
    library: int = 800
    least: int = 24
    known: float = 0.5
    switches: float = 5.0
    mismatch: float = 2e-3
    distrust: float = 0.005
    window: float = 5.0
    seed: int = 1
    memory: int = 1 << 30


class Population:
    """The founders of one chromosome.

    Attributes:
        prior: (L, P, 4) float32 prior probabilities of the founders' phased genotypes.
    """

    def __init__(
        self,
        key: NDArray[np.int64],
        centimorgans: NDArray[np.float64],
        freq: NDArray[np.float64],
        single: NDArray[np.bool_],
        options: PopulationOptions,
        kind: NDArray[np.int32] | None = None,
    ) -> None:
        """Prepare.

        Args:
            key: (P,) of the founders, see `keys`: seeds their draws, and orders the library.
            centimorgans: (L,) map positions.
            freq: (L,) ALT frequencies.
            single: (P,) founders of one gamete.
            options: settings.
            kind: (P,) kind of each founder where there are metafounders, else all are of one.
        """
        self._options, self._single = options, single
        self._kind = np.zeros(len(key), np.int32) if kind is None else kind
        gaps = np.diff(np.asarray(centimorgans, np.float64), prepend=centimorgans[:1]) / 100
        self._rho = -np.expm1(-options.switches * np.maximum(gaps, 1e-7))
        span = float(centimorgans[-1] - centimorgans[0])
        self._window = max(1, int(len(centimorgans) * options.window / max(span, options.window)))
        self._key = key
        self.prior = np.empty((len(freq), len(key), 4), np.float32)
        self.forget(freq)
        self._drawn: NDArray[np.float32] | None = None
        self._sum: NDArray[np.float32] | None = None  # (P, L, 4) priors of the draws after the burn-in
        self._round = 0

    def state(self) -> dict[str, NDArray[Any]]:
        """What was learned, for `resume`."""
        learned = {"drawn": self._drawn, "sum": self._sum}
        found = {name: array for name, array in learned.items() if array is not None}
        return {"round": np.array(self._round), "prior": self.prior, **found}

    def resume(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take what another one had learned."""
        self._round, self._drawn, self._sum = int(state["round"]), state.get("drawn"), state.get("sum")
        self.prior[:] = state["prior"]

    def forget(self, freq: NDArray[np.float64], base: NDArray[np.float32] | None = None) -> None:
        """Priors from allele frequencies alone, or from those of (L, K, 4) kinds of founders."""
        if base is not None:
            self.prior[:] = base[:, self._kind]
            return
        self.prior[:] = hardy_weinberg(freq)[:, None]
        self.prior[:, self._single] = copies(freq)[:, None]

    def due(self, cycle: int, cycles: int) -> bool:
        """Whether the haplotypes are drawn after this cycle: not before phase has settled, nor after the last one."""
        left = cycles - 2 - cycle
        return cycle >= 2 and left >= 0 and left % self._options.every == 0

    def learn(
        self,
        like: NDArray[np.float32],
        freq: NDArray[np.float64],
        threads: int | None = None,
        base: NDArray[np.float32] | None = None,
    ) -> None:
        """One round: new priors.

        Args:
            like: (P, L, 4) float32 evidence of each founder without its prior, largest 1.
            freq: (L,) ALT frequencies.
            threads: None takes every core.
            base: (L, K, 4) priors of kinds of founders without the population, where there are metafounders.
        """
        o = self._options
        # (P or 1, L, 4): where all founders are of one kind they share it.
        flat = hardy_weinberg(freq)[None] if base is None else base.transpose(1, 0, 2)[self._kind]
        known = _known(like)
        like = like.copy() if self._single.any() else like
        # The maternal haplotype stands for both, and what the paternal one copies is left open.
        like[self._single] = like[self._single][..., [0, 3, 0, 3]]
        if self._drawn is None:
            gp4 = like * flat
            gp4 /= sum_of_four(gp4)[..., None]
            self._drawn = np.stack([gp4[..., 2] + gp4[..., 3], gp4[..., 1] + gp4[..., 3]], axis=2)
        members = np.flatnonzero(known > o.known)
        if len(members) < max(3, o.least):
            self.forget(freq, base)
            return
        members = members[np.lexsort((self._key[members], -known[members]))[: o.library // 2]]
        members = members[np.argsort(self._key[members], kind="stable")]
        own = np.zeros((len(like), 2), np.int64)
        own[members] = np.cumsum(2 - self._single[members])[:, None]
        own[members, 0] -= 2 - self._single[members]
        sides = np.stack([~self._single[members], np.ones(len(members), bool)], axis=1).ravel()
        library = self._drawn[members].transpose(1, 0, 2).reshape(len(freq), -1)[:, sides]
        filled = np.zeros((len(freq), -(-library.shape[1] // LANES) * LANES), np.float32)
        filled[:, : library.shape[1]] = library * np.float32(1 - 2 * o.mismatch) + np.float32(o.mismatch)
        least = -largest_of_four(-like)
        telling = np.flatnonzero((largest_of_four(like) - least).max(axis=1) > 1e-3)
        prior = np.repeat(flat, len(like) // len(flat), axis=0)
        drawn = np.zeros((*like.shape[:2], 2), np.float32)
        seeds = (o.seed * 1000003 + 7919 * self._round + self._key) % (1 << 32)
        settled = known[telling] > _SETTLED
        in_threads([
            partial(copy_some, like, who[first : first + _TASK], own, filled.reshape(-1), library.shape[1],
                    self._rho, freq, states, self._window, seeds, prior, drawn)
            for who, states in ((telling[~settled], o.states), (telling[settled], min(o.states, o.settled_states)))
            for first in range(0, len(who), _TASK)
        ], threads)  # fmt: skip
        self._drawn = drawn
        self._round += 1
        if self._sum is None or self._round <= o.burn_in:
            self._sum = prior
        else:
            self._sum += prior
        mixed = self._sum * ((1 - o.distrust) / sum_of_four(self._sum))[..., None]
        mixed += o.distrust * flat
        self.prior[:] = mixed.transpose(1, 0, 2)
        self.prior[:, self._single] = copies(mixed[self._single][..., [1, 3]].sum(axis=2).T)


def settled_priors(
    column: NDArray[np.int32], unseen: NDArray[np.int64], kinds: NDArray[np.int32] | None
) -> NDArray[np.int32]:
    """(N,) columns of founders' priors for exact chains: the population's word on typed founders alone.

    What it says of (U,) `unseen` ones goes back to the phase that the cycles took their offspring for; a chain that
    hears it at every locus would take that for certain. Instead they get their (U,) kinds' columns, or frequencies.
    """
    out = column.copy()
    out[unseen] = -1 if kinds is None else kinds
    return out


def _known(like: NDArray[np.float32]) -> NDArray[np.float64]:
    """(P,) share of loci whose genotype the evidence settles, phase aside."""
    both = np.maximum(like[..., 1], like[..., 2])
    total = like[..., 0] + both + like[..., 3]
    top = np.maximum(np.maximum(like[..., 0], like[..., 3]), both)
    known: NDArray[np.float64] = (top > 0.9 * total).mean(axis=1)
    return known
