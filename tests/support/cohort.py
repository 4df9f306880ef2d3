"""A cohort on chromosomes 1 to 12 and X of GRCh37 with a bundle of the same sites, for sample QC."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt
from genotypes.sites import SiteTable, strings
from tests.support.fake_engine import FakeBundle
from tests.support.vcf import gt_strings, write_vcf

AUTOSOMES = [str(number) for number in range(1, 13)]
SITES, X_SITES, PEOPLE = 120, 300, 60
MALES = 24  # samples 0 to 23
PAR = slice(0, 60)  # rows of X in PAR1; the last 20 lie in PAR2, the rest in nonPAR


def tables(seed: int = 6) -> dict[str, SiteTable]:
    """Sites a megabase apart, so that twelve chromosomes reach far enough for second-degree relatives."""
    rng = np.random.default_rng(seed)
    found = {}
    for name in [*AUTOSOMES, "X"]:
        pos = 1_000_000 * np.arange(1, SITES + 1)
        if name == "X":
            par1 = np.linspace(70_000, 2_690_000, 60)
            pos = np.concatenate(
                [par1, np.linspace(2_800_000, 154_000_000, 220), np.linspace(154_940_000, 155_200_000, 20)]
            )
        count = len(pos)
        letters = strings(["A"] * count), strings(["G"] * count)
        af = rng.uniform(0.2, 0.5, count).astype(np.float32)
        ids = strings([f"{name}_{k}" for k in range(count)])
        found[name] = SiteTable(name, pos.astype(np.int32), *letters, ids, af)
    return found


TABLES = tables()
BUNDLE = FakeBundle(TABLES, length=None, tile_sites=50)
NON_PAR = slice(60, 280)


def cohort(seed: int = 7) -> dict[str, gt.Codes]:
    """(V, PEOPLE) codes a chromosome: unrelated people, males of samples 0-23 haploid in nonPAR."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, table in TABLES.items():
        assert table.af is not None
        pair = (rng.random((len(table), PEOPLE, 2)) < table.af[:, None, None]).astype(np.int8)
        codes = pair.sum(2).astype(np.int8)
        if name == "X":
            codes[NON_PAR, :MALES] = np.where(pair[NON_PAR, :MALES, 0] == 1, gt.HAP_ALT, gt.HAP_REF)
        found[name] = codes
    return found


def child(codes: dict[str, gt.Codes], parents: tuple[int, int], row: int, seed: int = 8) -> None:
    """Make sample `row` a child of two others on the autosomes, segregating site by site."""
    rng = np.random.default_rng(seed)
    for name in AUTOSOMES:
        gametes: list[NDArray[np.int8]] = []
        for parent in parents:
            copies = codes[name][:, parent]
            gametes.append(np.where(copies == 1, rng.integers(0, 2, len(copies)), copies // 2).astype(np.int8))
        codes[name][:, row] = gametes[0] + gametes[1]


def write(path: Path, codes: dict[str, gt.Codes], *, phased: bool = False) -> Path:
    """One VCF of all chromosomes."""
    names = list(codes)
    table = [TABLES[name] for name in names]
    chrom = [name for name in names for _ in range(len(TABLES[name]))]
    return write_vcf(
        path,
        chrom,
        [int(p) for one in table for p in one.pos],
        [r for one in table for r in one.ref],
        [a for one in table for a in one.alt],
        [row for name in names for row in gt_strings(codes[name], phased)],
        [f"S{k}" for k in range(codes[names[0]].shape[1])],
        ids=[i for one in table for i in one.id],
    )


def changed(change: Callable[[dict[str, gt.Codes]], object]) -> dict[str, gt.Codes]:
    """A cohort that something was done to."""
    codes = cohort()
    change(codes)
    return codes
