"""What synthetic haplotypes cost in accuracy and what they hide: `python -m benchmarks.dae.resampling --help`.

For each setting: aggregate r2 by MAF of people held out of the panel, imputed from mosaics of the others, and the
membership-inference test of `models.haplotypes.privacy` on libraries made in the same way.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genotypes.arrays import read_manifest
from genotypes.maps import GeneticMap
from genotypes.panel import read_panel
from genotypes.sites import SiteTable
from models.dae.evaluate import score_bins
from models.dae.plan import split_people
from models.haplotypes import privacy
from models.haplotypes.engine import CopyingImputer, CopyingOptions
from models.haplotypes.learn import cut_tiles
from models.haplotypes.library import Library
from models.haplotypes.resample import Resampling, Stretches
from models.haplotypes.synthetic import Disguise, persons_of
from models.protocol import TypedGenotypes


def settings(words: list[str]) -> list[tuple[str, Resampling | None]]:
    """`plain`, or GENERATIONS:LONGEST_CM, with `:random` for partners drawn at random."""
    found: list[tuple[str, Resampling | None]] = []
    for word in words:
        parts = word.split(":")
        if word == "plain":
            found.append((word, None))
            continue
        o = Resampling(generations=float(parts[0]), longest_cm=float(parts[1]))
        found.append((word, replace(o, windows=()) if parts[2:] == ["random"] else o))
    return found


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--panel", type=Path, required=True)
    parser.add_argument("--map", type=Path, required=True)
    parser.add_argument("--array", type=Path, required=True, help="manifest of the array through which people are seen")
    parser.add_argument("--held-out", type=float, default=0.075, help="share of the people who are imputed")
    parser.add_argument("--no-privacy", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("setting", nargs="+", help=settings.__doc__)
    args = parser.parse_args()
    panel = read_panel(args.panel)
    cm = GeneticMap.read(args.map, panel.sites.chrom.removeprefix("chr")).cm(panel.sites.pos)
    typed = np.isin(panel.sites.pos, read_manifest(args.array))
    for name, o in settings(args.setting):
        stretches = Stretches()
        bins = accuracy(panel.haplotypes, panel.sites, cm, typed, Disguise(o, seed=args.seed), args.held_out, stretches)
        print(name, "r2", " ".join("-" if one is None else f"{one:.3f}"[1:] for one in bins))
        if o is not None:
            print("  copied cM", stretches.facts())
        if not args.no_privacy:
            show_privacy(panel.haplotypes, cm, Disguise(o, seed=args.seed), args.seed)
    return 0


def accuracy(
    alleles: NDArray[np.int8],
    sites: SiteTable,
    cm: NDArray[np.float64],
    typed: NDArray[np.bool_],
    disguise: Disguise,
    share: float,
    stretches: Stretches,
) -> list[float | None]:
    """Aggregate r2 of held-out people by MAF, the rarest first."""
    held_out, kept = split_people(alleles.shape[1] // 2, share, 7)
    people = alleles[:, 2 * held_out] + alleles[:, 2 * held_out + 1]
    others = np.ascontiguousarray(alleles[:, kept])
    af = others.mean(1, dtype=np.float32)
    seen = SiteTable(sites.chrom, sites.pos, sites.ref, sites.alt, sites.id, af)
    library = disguise.library(others, cm, kept // 2, stretches)
    imputer = CopyingImputer(seen, cut_tiles(cm, 60_000, 12.0, 2.5), library, CopyingOptions())
    rows = np.flatnonzero(typed).astype(np.int32)
    shown = TypedGenotypes(rows, people[rows], np.full(people.shape[1], 2, np.int8), phased=False)
    gp = np.concatenate([block.gp for block in imputer.impute(range(len(imputer.tiles)), shown)])
    return [one["r2"] for one in score_bins(gp[..., 1] + 2 * gp[..., 2], people, af, ~typed)]


def show_privacy(alleles: NDArray[np.int8], cm: NDArray[np.float64], disguise: Disguise, seed: int) -> None:
    """Print the membership-inference test of libraries made in this way."""

    def make(columns: NDArray[np.int64]) -> Library:
        return disguise.library(alleles[:, columns], cm, persons_of(len(columns), len(columns) // 2), Stretches())

    found = privacy.measure(alleles, cm, make, seed)
    print("  longest stretch, cM", found["longest_stretch_cm"])
    for name, one in found["attacks"].items():
        told = " ".join(f"{one[f'found_at_{k}pct_false']:.2f}" for k in (5, 1))
        print(f"  {name:22} AUC {one['auc']:.3f}  found at 5% and 1% false: {told}")


if __name__ == "__main__":
    sys.exit(main())
