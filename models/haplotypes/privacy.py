"""Can a library of haplotypes tell the people it was made of from others? A membership-inference test.

The library is made anew in the bundle's way without some people of the panel, drawn at random, and an attacker who has
a person's phased genotypes at all of the panel's sites (more than most have) is let loose on them and on as many of those within.
The two groups differ in nothing else. Scores, the higher the likelier a member:

- `alleles_found`: alleles of the person that the library has at all; what a list of its sites tells.
- `frequencies`: log odds of a member's alleles given the counts in the library, after Homer et al. (2008, PLoS Genetics
  4:e1000167) and Sankararaman et al. (2009, Nature Genetics 41:965): what any table of frequencies tells.
- `longest_stretch`: the longest stretch, in cM, identical to one haplotype of the library.
- `copying`: the likelihood that the person's haplotypes are copied from the library (Li and Stephens), beyond what the
  frequencies explain.
- `array`: the same for a person known at every fifth common site alone.
- `all_together`: a linear discriminant of them, fitted to other members and others (shadow models), crosswise.

Other attacks may tell more: a lower bound.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.dae.privacy import attack, residual
from models.haplotypes.library import Library
from models.haplotypes.matches import shared

OUTSIDERS: Final = 300  # people left out, at most
SHARE: Final = 0.15  # of the panel's people, at most
MOST_SITES: Final = 30_000  # of a chromosome, around its middle
SWITCHES_PER_CM: Final = 2.0
ERROR: Final = 3e-4
COMMON: Final = 0.05
EVERY: Final = 5
FOLDS: Final = 5
CLASSES: Final = np.array([0, 1, 2, 3, 4, 5, 7, 10, 15, 25, 50])  # least minor-allele counts of each class

Maker = Callable[[NDArray[np.int64]], Library]  # from (K,) haplotypes of the panel


def measure(alleles: NDArray[np.int8], cm: NDArray[np.float64], make: Maker, seed: int) -> dict[str, Any]:
    """The test.

    Args:
        alleles: (V, H) of the panel, the two haplotypes of a person side by side.
        cm: (V,) map positions.
        make: the library of some of the panel's haplotypes, made in the bundle's way.
        seed: who is left out.

    Returns:
        For the manifest: people of both kinds, cM and sites looked at, the longest stretches that both share with the
        library, and `attack` by each score.
    """
    people = alleles.shape[1] // 2
    order = np.random.default_rng([seed, 3]).permutation(people)
    out = order[: max(2, min(OUTSIDERS, int(SHARE * people)))]
    kept = np.sort(order[len(out) :])
    library = make(haplotypes_of(kept))
    inside = order[len(out) : 2 * len(out)]
    who = haplotypes_of(np.concatenate([inside, out]))
    minor = np.ascontiguousarray((alleles[:, who].astype(bool) ^ library.flipped[:, None]).T).view(np.uint8)
    member = np.arange(len(out) * 2) < len(out)
    scores, longest = scores_of(library, cm, minor, member, seed)
    at = [0.05, 0.5, 0.95, 1.0]
    return {
        "people": {"members": len(inside), "others": len(out), "left_out_for_the_test": len(out)},
        "sites": len(cm),
        "cm": round(float(cm[-1] - cm[0]), 2),
        "longest_stretch_cm": {
            "quantiles": at,
            "members": np.quantile(longest[member], at).round(3).tolist(),
            "others": np.quantile(longest[~member], at).round(3).tolist(),
        },
        "attacks": {name: attack(s[member], s[~member], seed) for name, s in scores.items()},
    }


def scores_of(
    library: Library, cm: NDArray[np.float64], minor: NDArray[np.uint8], member: NDArray[np.bool_], seed: int
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64]]:
    """(N,) of every score, and each person's longest stretch in cM.

    Args:
        library: V sites.
        cm: (V,) map positions.
        minor: (2 N, V) whether each haplotype carries the minor allele; a person's two side by side.
        member: (N,) who is in the library.
        seed: of the folds.
    """
    count = np.diff(library.starts)
    frequency = np.clip(count / library.haplotypes, 0.5 / library.haplotypes, 1 - 0.5 / library.haplotypes)
    by_frequency = _both(minor @ np.log(frequency / (1 - frequency)))
    longest, copying = _matches(library, cm, minor)
    common = np.flatnonzero(count >= COMMON * library.haplotypes)[::EVERY]
    scores = {
        "alleles_found": -_both((minor[:, count == 0]).sum(1)),
        "longest_stretch": longest.reshape(-1, 2).max(1),
        "copying": residual(_both(copying), by_frequency),
    }
    if len(common) > 1:
        few = _rows(library, common)
        stretch, seen = _matches(few, cm[common], np.ascontiguousarray(minor[:, common]))
        scores["array"] = residual(_both(seen), _both(minor[:, common] @ np.log(frequency / (1 - frequency))[common]))
        scores["array_longest_stretch"] = stretch.reshape(-1, 2).max(1)
    fold = np.random.default_rng([seed, 4]).permutation(len(member)) % FOLDS
    which = np.searchsorted(CLASSES, count, side="right") - 1
    carried = _both(np.stack([minor[:, which == c].sum(1) for c in range(len(CLASSES))], 1))
    scores["frequencies"] = discriminant(carried, member, fold)
    everything = np.column_stack([carried, *scores.values()])
    scores["all_together"] = discriminant(everything, member, fold)
    return scores, scores["longest_stretch"]


def discriminant(
    features: NDArray[np.float64], member: NDArray[np.bool_], fold: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(N,) scores by Fisher's linear discriminant, of each fold fitted to the others.

    Args:
        features: (N, F).
        member: (N,) the two classes.
        fold: (N,) which fold each person is in.
    """
    spread = features.std(0)
    scaled = (features - features.mean(0)) / np.where(spread > 0, spread, 1)
    out = np.zeros(len(member))
    for k in np.unique(fold):
        fit, rest = fold != k, fold == k
        means = [scaled[fit & group].mean(0) for group in (member, ~member)]
        inner = scaled[fit] - np.where(member[fit, None], means[0], means[1])
        within = inner.T @ inner / fit.sum() + 0.01 * np.eye(scaled.shape[1])
        direction = np.linalg.solve(within, means[0] - means[1])
        out[rest] = (scaled[rest] - (means[0] + means[1]) / 2) @ direction
    return out


def haplotypes_of(people: NDArray[np.int64]) -> NDArray[np.int64]:
    """Columns of some people's haplotypes."""
    return np.stack([2 * people, 2 * people + 1], 1).ravel()


def _both(values: NDArray[Any]) -> NDArray[np.float64]:
    """Sums over a person's two haplotypes."""
    total: NDArray[np.float64] = (values[0::2] + values[1::2]).astype(np.float64)
    return total


def _rows(library: Library, rows: NDArray[np.int64]) -> Library:
    """The library at some sites."""
    parts = [library.carriers[library.starts[v] : library.starts[v + 1]] for v in rows.tolist()]
    starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
    return Library(library.haplotypes, library.flipped[rows], starts, np.concatenate(parts), library.cm[rows])


def _matches(
    library: Library, cm: NDArray[np.float64], minor: NDArray[np.uint8]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N,) longest stretch in cM and log likelihood of haplotypes."""
    step = np.diff(cm, prepend=cm[0])
    switch = -np.expm1(-SWITCHES_PER_CM * np.maximum(step, 1e-7))
    longest, likelihood = np.empty(len(minor)), np.empty(len(minor))

    def run(part: slice) -> None:
        shared(library.starts, library.carriers, library.haplotypes, cm, minor[part], switch, ERROR,
               longest[part], likelihood[part])  # fmt: skip

    with ThreadPoolExecutor() as pool:
        list(pool.map(run, [slice(k, k + 8) for k in range(0, len(minor), 8)]))
    return longest, likelihood
