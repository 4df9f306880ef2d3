"""Can a library of haplotypes tell the people it was made of from others? A membership-inference test.

The library is made anew in the bundle's way without some people of the panel, drawn at random. An attacker who has
phased genotypes of them, and of as many of those within, tells who is within; the groups differ in nothing else.
By default the genotypes are known at all of the panel's sites, which is more than most would have. Scores:

- `alleles_found`: alleles of the person that the library has at all; what a list of its sites tells.
- `frequencies`: how many alleles the person carries that the library has once, twice and so on, weighed as
  `all_together` is: what any table of allele counts tells (Homer et al. 2008, PLoS Genetics 4:e1000167; Sankararaman
  et al. 2009, Nature Genetics 41:965).
- `longest_stretch`: the longest, in cM, that is identical to one haplotype of the library.
- `copying`: the likelihood that the person's haplotypes are copied from the library (Li and Stephens 2003), as far as
  allele frequencies do not explain it.
- `array_longest_stretch`, `array_copying`: the same for a person known at every fifth common site alone.
- `all_together`: Fisher's linear discriminant of all, fitted to other people of known membership.

It is a lower bound: other attacks may tell more. And it is about as much of the genome as it looked at: where each
part tells a little, many parts tell much.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.panel import read_panel
from models.dae.privacy import attack, residual
from models.haplotypes.bundle import HaplotypeBundle
from models.haplotypes.library import Library
from models.haplotypes.matches import shared
from models.haplotypes.resample import Stretches
from models.haplotypes.synthetic import Disguise, persons_of

OUTSIDERS: Final = 200  # people left out, at most
SHARE: Final = 0.15  # of the panel's people, at most
MOST_SITES: Final = 30_000  # of a chromosome, around its middle
SWITCHES_PER_CM: Final = 2.0
ERROR: Final = 3e-4
COMMON: Final = 0.05
EVERY: Final = 5
FOLDS: Final = 5
CLASSES: Final = np.array([0, 1, 2, 3, 4, 5, 7, 10, 15, 25, 50])  # least minor-allele counts of each class

Maker = Callable[[NDArray[np.int64]], Library]  # from (K,) haplotypes of the panel


def privacy_test(bundle: HaplotypeBundle, path: Path, chrom: str | None = None) -> dict[str, Any]:
    """The test of one chromosome of a bundle against its panel, on at most 30,000 sites around its middle.

    Raises:
        TesseraError: `setup_invalid` when it is another panel or has people with one haplotype; what `read_panel`
            raises.
    """
    manifest = bundle.manifest
    panel = read_panel(path, chrom)
    name = panel.sites.chrom.removeprefix("chr")
    table = bundle.sites(name)
    held = set(zip(table.pos.tolist(), table.alt, strict=True))
    people = len(panel.samples)
    missing = held.difference(zip(panel.sites.pos.tolist(), panel.sites.alt, strict=True))
    if missing or people != manifest.panel.get("samples") or panel.haplotypes.shape[1] != 2 * people:
        raise TesseraError(Code.setup_invalid, f"{path.name} is not the panel that {manifest.id} was made of.")
    middle = len(panel.sites) // 2
    rows = slice(max(0, middle - MOST_SITES // 2), middle + MOST_SITES // 2)
    cm = np.interp(
        panel.sites.pos[rows], table.pos, bundle.library(name).positions(np.arange(len(table), dtype=np.int32))
    )
    alleles = panel.haplotypes[rows]
    disguise = Disguise.of(manifest.training)

    def make(columns: NDArray[np.int64]) -> Library:
        part = alleles[:, columns]
        rare = np.ones(len(part), bool)
        rare[disguise.rows(part)] = False
        part[rare] = (part[rare].mean(axis=1) > 0.5)[:, None]  # the library lacks these sites
        return disguise.library(part, cm, persons_of(len(columns), len(columns) // 2), Stretches())

    return measure(alleles, cm, make, manifest.training.get("seed", 0))


def measure(alleles: NDArray[np.int8], cm: NDArray[np.float64], make: Maker, seed: int) -> dict[str, Any]:
    """The test.

    Args:
        alleles: (V, H) of the panel, the two haplotypes of a person side by side.
        cm: (V,) map positions.
        make: the library of some of the panel's haplotypes, made in the bundle's way.
        seed: who is left out.

    Returns:
        For the manifest: people of both kinds, sites and cM looked at, each person's longest stretch that is identical
        to a haplotype of the library, and `attack` by each score.
    """
    people = alleles.shape[1] // 2
    order = np.random.default_rng([seed, 3]).permutation(people)
    out = order[: max(2, min(OUTSIDERS, int(SHARE * people)))]
    library = make(haplotypes_of(np.sort(order[len(out) :])))
    who = haplotypes_of(order[: 2 * len(out)])
    member = np.arange(2 * len(out)) >= len(out)
    minor = np.ascontiguousarray((alleles[:, who].astype(bool) ^ library.flipped[:, None]).T).view(np.uint8)
    scores = scores_of(library, cm, minor, member, seed)
    quantiles = [0.05, 0.5, 0.95, 1.0]
    longest = scores["longest_stretch"]
    return {
        "people": {"trained": len(out), "held_out": len(out)},
        "sites": len(cm),
        "cm": round(float(cm[-1] - cm[0]), 2),
        "longest_stretch_cm": {
            "quantiles": quantiles,
            "trained": np.quantile(longest[member], quantiles).round(3).tolist(),
            "held_out": np.quantile(longest[~member], quantiles).round(3).tolist(),
        },
        "attacks": {name: attack(s[member], s[~member], seed) for name, s in scores.items()},
    }


def scores_of(
    library: Library, cm: NDArray[np.float64], minor: NDArray[np.uint8], member: NDArray[np.bool_], seed: int
) -> dict[str, NDArray[np.float64]]:
    """(N,) of every score.

    Args:
        library: V sites.
        cm: (V,) map positions.
        minor: (2 N, V) whether each haplotype carries the minor allele; a person's two side by side.
        member: (N,) who is in the library.
        seed: of the folds.
    """
    count = np.diff(library.starts)
    frequency = np.clip(count / library.haplotypes, 0.5 / library.haplotypes, 1 - 0.5 / library.haplotypes)
    odds = np.log(frequency / (1 - frequency))
    held = np.flatnonzero(count > 0)
    common = np.flatnonzero(count >= COMMON * library.haplotypes)[::EVERY]
    which = np.searchsorted(CLASSES, count, side="right") - 1
    carried = _both(np.stack([minor[:, which == c].sum(1) for c in range(len(CLASSES))], 1))
    fold = np.random.default_rng([seed, 4]).permutation(len(member)) % FOLDS
    scores = {"alleles_found": -carried[:, 0], "frequencies": discriminant(carried, member, fold)}
    for name, rows in (("", held), ("array_", common)):
        if len(rows) > 1:
            seen = np.ascontiguousarray(minor[:, rows])
            longest, copying = _matches(_rows(library, rows), cm[rows], seen)
            scores[f"{name}longest_stretch"] = longest.reshape(-1, 2).max(1)
            scores[f"{name}copying"] = residual(_both(copying), _both(seen @ odds[rows]))
    scores["all_together"] = discriminant(np.column_stack([carried, *scores.values()]), member, fold)
    return scores


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
