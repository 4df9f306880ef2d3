"""Rates learned once for all chromosomes, and accuracy on each, on stretches of bounded size."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.dae.evaluate import spread
from models.dae.plan import split_people
from models.dae.work import WorkFolder, read_json, write_json
from models.haplotypes.chromosome import Chromosome
from models.haplotypes.engine import CopyingOptions
from models.haplotypes.genome_options import GenomeOptions
from models.haplotypes.learn import (
    ERRORS,
    LEARNING_ARRAYS,
    LEARNING_PEOPLE,
    RATES,
    SCORING_PEOPLE,
    loss_of,
    loss_sums,
)
from models.haplotypes.stretches import HeldOut, Stretch, arrays_of, choose_stretches, refuse_no_arrays
from models.maf import MAF_EDGES, maf_bins

LEARNING_SITES: Final = 60_000  # of all stretches together
LEARNING_STRETCHES: Final = 6
SCORING_SITES: Final = 60_000  # of each chromosome
SCORING_STRETCHES: Final = 4
MOST_TRIALS: Final = 2 * (len(RATES) + len(ERRORS)) - 3  # pairs of rates, if no second round repeats one
RATES_FILE: Final = "rates.json"
ALIKE: Final = 1.005  # losses up to so many times the least are taken for the same
SCORES_FILE: Final = "scores.json"

Rows = Mapping[str, NDArray[np.int32]]
"""Rows that each array types, by its name."""
Trust = Callable[[Chromosome], NDArray[np.float32]]
"""(V,) calibration slopes of a chromosome's sites."""
Watch = Callable[[str, float], None]
"""Called with what is done now and the fraction of it; may raise to abort."""


def learn_rates(o: GenomeOptions, chromosomes: Sequence[Chromosome], work: WorkFolder, watch: Watch) -> CopyingOptions:
    """Choose switch rate and error on held-out people, one after the other, the same for all chromosomes.

    They belong to the panel's size and people, not to a chromosome (switches are counted by cM), and learned from one
    short chromosome alone they are the noisier. Every finished trial is kept in the work folder.

    Raises:
        TesseraError: `setup_invalid` when no array has two sites of the panel.
    """
    rows = {one.name: arrays_of(o, one) for one in chromosomes}
    refuse_no_arrays(list(rows.values()))
    usable = [one for one in chromosomes if rows[one.name]]
    stretches = choose_stretches(o, usable, LEARNING_SITES, LEARNING_STRETCHES)
    arrays = middling([rows[one.chromosome.name] for one in stretches], LEARNING_ARRAYS)
    learning = _Learning(o, stretches, rows, arrays, work, watch)
    rate, error = o.model.switches_per_cm, o.model.error
    for _ in range(2):
        losses = learning.losses([(r, error) for r in RATES])
        rate = min(RATES, key=lambda r: losses[r, error])
        losses = learning.losses([(rate, e) for e in ERRORS])
        error = min(ERRORS, key=lambda e: losses[rate, e])
    return replace(o.model, switches_per_cm=rate, error=middle(ERRORS, [losses[rate, e] for e in ERRORS]))


def middle(rates: Sequence[float], losses: Sequence[float]) -> float:
    """The geometric mean of the rates whose losses differ from the least by no more than chance may, see `ALIKE`."""
    alike = [math.log(rate) for rate, one in zip(rates, losses, strict=True) if one <= ALIKE * min(losses)]
    return float(f"{math.exp(sum(alike) / len(alike)):.2g}")


class _Learning:
    """Losses of pairs of rates over all stretches, each stretch in memory at a time."""

    def __init__(
        self,
        o: GenomeOptions,
        stretches: Sequence[Stretch],
        rows: Mapping[str, Rows],
        arrays: Sequence[str],
        work: WorkFolder,
        watch: Watch,
    ) -> None:
        self._o, self._stretches, self._rows, self._arrays, self._watch = o, stretches, rows, arrays, watch
        self._path = work.folder / RATES_FILE
        self._sums: dict[str, Any] = read_json(self._path)

    def losses(self, pairs: Sequence[tuple[float, float]]) -> dict[tuple[float, float], float]:
        """The loss of each pair of switch rate and error."""
        for number, stretch in enumerate(self._stretches):
            todo = [pair for pair in pairs if _key(number, pair) not in self._sums]
            if not todo:
                continue
            rows = self._rows[stretch.chromosome.name]
            shown = [rows[name] for name in self._arrays if name in rows]
            held = HeldOut.open(self._o, stretch, shown, _left_out(self._o, stretch), LEARNING_PEOPLE)
            for rate, error in todo:
                model = replace(self._o.model, switches_per_cm=rate, error=error)
                sums = [loss_sums(held.imputed(one, model), held.truth, held.af, held.untyped(one)) for one in shown]
                self._sums[_key(number, (rate, error))] = [one.tolist() for one in sums]
                write_json(self._path, self._sums)
                most = MOST_TRIALS * len(self._stretches)
                self._watch(f"rates: {rate:g} switches a cM, error {error:g}", min(1.0, len(self._sums) / most))
        return {pair: self._loss(pair) for pair in pairs}

    def _loss(self, pair: tuple[float, float]) -> float:
        """Mean over the arrays, each over the stretches that have it."""
        found: dict[str, NDArray[np.float64]] = {}
        for number, stretch in enumerate(self._stretches):
            names = [name for name in self._arrays if name in self._rows[stretch.chromosome.name]]
            for name, sums in zip(names, self._sums[_key(number, pair)], strict=True):
                found[name] = found.get(name, 0) + np.array(sums)
        return float(np.mean([loss_of(one) for one in found.values()]))


def _left_out(o: GenomeOptions, stretch: Stretch) -> NDArray[np.int64]:
    return split_people(stretch.chromosome.haplotypes // 2, o.held_out, o.seed)[0]


def _key(number: int, pair: tuple[float, float]) -> str:
    return f"{number}/{pair[0]:g}/{pair[1]:g}"


def middling(rows: Sequence[Rows], count: int) -> list[str]:
    """Up to so many arrays of middling density; the sparsest and the densest are left out where there are enough."""
    names = sorted({name for one in rows for name in one})
    typed = {name: np.concatenate([one.get(name, np.empty(0, np.int32)) for one in rows]) >= 0 for name in names}
    chosen = spread(typed, count + 2)
    return chosen[1:-1] if len(chosen) == count + 2 else chosen[:count]


def score(o: GenomeOptions, one: Chromosome, model: CopyingOptions, trust: Trust, watch: Watch) -> None:
    """Sums behind the accuracy on a chromosome's stretches, into the work folder, unless they are there.

    The people may be those that rates were learned on: two rates from coarse grids cannot be fitted to them. Neither
    can slopes, one number a site of thousands of haplotypes, theirs among them.
    """
    path = one.folder / SCORES_FILE
    if path.exists():
        return
    rows = arrays_of(o, one)
    stretches = choose_stretches(o, [one], SCORING_SITES, SCORING_STRETCHES) if rows else []
    sums = {name: np.zeros((len(MAF_EDGES) - 1, 6)) for name in rows}
    people = done = 0
    for stretch in stretches:
        held = HeldOut.open(o, stretch, list(rows.values()), _left_out(o, stretch), SCORING_PEOPLE, trust(one))
        people = held.truth.shape[1]
        for name, array in rows.items():
            gp = held.imputed(array, model)
            sums[name] += r2_sums(gp[..., 1] + 2 * gp[..., 2], held.truth, held.af, held.untyped(array))
            done += 1
            watch(f"accuracy on chromosome {one.name}", done / (len(stretches) * len(rows)))
    scored = sum(stretch.tile.end - stretch.tile.first for stretch in stretches)
    tables = {name: found.tolist() for name, found in sums.items()}
    which = maf_bins(one.frequencies())
    bins = len(MAF_EDGES) - 1
    sites = np.bincount(which, minlength=bins)
    untyped = {name: (sites - np.bincount(which[array], minlength=bins)).tolist() for name, array in rows.items()}
    counts = {"held": sites.tolist(), "untyped": untyped}
    write_json(path, {"people": people, "scored": scored, "sums": tables} | counts)


def accuracy(scores: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For each array {array, people, bins: [{maf, sites, r2}]} over some chromosomes' scores.

    r2 is over the untyped sites of the stretches that were scored; `sites` are all untyped sites of the chromosomes, as
    those who read the manifest reckon the array's density by them.
    """
    table = []
    for name in sorted({name for one in scores for name in one["sums"]}):
        own = [one for one in scores if name in one["sums"]]
        sums = np.sum([np.array(one["sums"][name]) for one in own], axis=0)
        sites = np.sum([one["untyped"].get(name, one["held"]) for one in scores], axis=0).tolist()
        bins = [
            {"maf": [low, high], "sites": count, "r2": _r2(row)}
            for (low, high), count, row in zip(pairwise(MAF_EDGES), sites, sums, strict=True)
        ]
        table.append({"array": name, "people": max(one["people"] for one in own), "bins": bins})
    return table


def r2_sums(
    ds: NDArray[np.float32], truth: NDArray[np.int8], af: NDArray[np.float32], count: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(bins, 6) n, and sums of x, y, xx, yy, xy of minor-allele dosages of each MAF bin.

    Args:
        ds: (V, B) dosages.
        truth: (V, B) true ones.
        af: (V,) ALT frequency.
        count: (V,) the sites that count.
    """
    which, flip = maf_bins(af), (af > 0.5)[:, None]
    out = np.zeros((len(MAF_EDGES) - 1, 6))
    for b in range(len(out)):
        rows = np.flatnonzero((which == b) & count)
        x = np.where(flip[rows], 2 - ds[rows], ds[rows]).astype(np.float64).ravel()
        y = np.where(flip[rows], 2 - truth[rows], truth[rows]).astype(np.float64).ravel()
        out[b] = len(x), x.sum(), y.sum(), x @ x, y @ y, x @ y
    return out


def _r2(sums: NDArray[np.float64]) -> float | None:
    """Squared correlation; None where either is constant."""
    n, x, y, xx, yy, xy = sums.tolist()
    if n == 0:
        return None
    left, right, both = xx / n - (x / n) ** 2, yy / n - (y / n) ** 2, xy / n - x * y / n**2
    return None if min(left, right) < 1e-12 else round(both**2 / (left * right), 4)
