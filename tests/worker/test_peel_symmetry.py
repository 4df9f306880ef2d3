"""What must not matter: the order of lines and columns, how files are cut, which allele is called REF."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pysam
import pytest
from numpy.typing import NDArray

from tests.reference.peeling_exact import Parents
from tests.support.pedigrees import drop
from tests.support.vcf import write_vcf
from worker.pipeline.peel_folder import PeelOptions
from worker.pipeline.peel_run import PeelOffline, peel_offline

LOCI = 50
PARENTS = [(None, None), (None, None), (0, 1), (0, 1), (0, 1), (None, None), (2, 5), (2, 5), (6, None)]
IDS = [f"a{k}" for k in range(len(PARENTS))]
TEXT = ("0/0", "0/1", "1/1")


Dosages = dict[str, NDArray[np.float64]]  # of each animal, by locus
Peel = Callable[..., Dosages]


class Family:
    """Three generations without loops; one parent and one child have no data, others every third locus."""

    def __init__(self) -> None:
        rng = np.random.default_rng(8)
        haplotypes = drop(rng, PARENTS, rng.integers(0, 2, (8, LOCI)).astype(np.int8), 0.02)
        self.calls: NDArray[np.int8] = haplotypes.sum(axis=1).T.astype(np.int8)  # (L, N)
        self.calls[:, [1, 7]] = -1
        self.calls[np.arange(LOCI) % 3 != 0, 4] = -1
        self.calls[np.arange(LOCI) % 3 != 1, 8] = -1
        self.pos = [1_000_000 * (k + 1) for k in range(LOCI)]

    def write(
        self, path: Path, columns: Sequence[int], rows: Sequence[int], *, swap: bool = False, pl: bool = False
    ) -> Path:
        def cell(call: int) -> str:
            if call < 0:
                return "./.:." if pl else "./."
            call = 2 - call if swap else call
            phred = ",".join("0" if k == call else "33" for k in range(3))
            return f"./.:{phred}" if pl else TEXT[call]

        cells = [[cell(int(self.calls[row, column])) for column in columns] for row in rows]
        ref, alt = ("C", "A") if swap else ("A", "C")
        return write_vcf(path, "1", [self.pos[row] for row in rows], [ref] * len(rows), [alt] * len(rows), cells,
                         [IDS[column] for column in columns], fmt="GT:PL" if pl else "GT")  # fmt: skip


def lines(order: Sequence[int]) -> str:
    names = [[IDS[k], *(IDS[p] if p is not None else "0" for p in PARENTS[k])] for k in order]
    return "".join(" ".join(one) + "\n" for one in names)


@pytest.fixture
def peel(tmp_path: Path) -> Peel:
    """Runs the file route on files and a pedigree whose lines come in an order."""

    def run(files: Sequence[Path], order: Sequence[int] = range(len(IDS))) -> Dosages:
        (tmp_path / "p.txt").write_text(lines(order))
        out = tmp_path / "out.vcf.gz"
        peel_offline(files, tmp_path / "p.txt", out, PeelOffline(PeelOptions(cycles=8)))
        with pysam.VariantFile(str(out)) as file:
            samples = list(file.header.samples)
            ds = np.array([[call["DS"] for call in record.samples.values()] for record in file])
        return dict(zip(samples, ds.T, strict=True))

    return run


EVERYBODY = [0, 2, 3, 4, 5, 6, 8]


@pytest.fixture
def family() -> Family:
    return Family()


@pytest.fixture
def plain(peel: Peel, family: Family, tmp_path: Path) -> Dosages:
    return peel([family.write(tmp_path / "all.vcf", EVERYBODY, range(LOCI))])


def assert_close(one: Dosages, other: Dosages, by: float) -> None:
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_allclose(one[name], other[name], atol=by, err_msg=name)


def test_lines_and_columns_may_come_in_any_order(peel: Peel, family: Family, plain: Dosages, tmp_path: Path) -> None:
    # The order decides in which the cycles near the fixed point, so that the last digits differ.
    rng = np.random.default_rng(1)
    for _ in range(3):
        columns, order = rng.permutation(EVERYBODY).tolist(), rng.permutation(len(IDS)).tolist()
        assert_close(peel([family.write(tmp_path / "x.vcf", columns, range(LOCI))], order), plain, 0.02)


def test_ref_and_alt_change_places(peel: Peel, family: Family, plain: Dosages, tmp_path: Path) -> None:
    turned = peel([family.write(tmp_path / "x.vcf", EVERYBODY, range(LOCI), swap=True)])
    assert_close({name: 2 - ds for name, ds in turned.items()}, plain, 2.1e-3)  # of rounding to thousandths


def test_draws_do_not_depend_on_which_allele_is_alt(tmp_path: Path) -> None:
    """Sixty founders who copy from each other: a draw that falls on the other side by a last digit would be seen."""
    rng = np.random.default_rng(2)
    loci = 60
    parents: Parents = [(None, None)] * 60 + [(2 * k, 2 * k + 1) for k in range(30)]
    ancestors = rng.integers(0, 2, (6, loci)).astype(np.int8)
    pick = np.cumsum(rng.random((120, loci)) < 0.05, axis=1) + rng.integers(6, size=(120, 1))
    founders = np.take_along_axis(ancestors, pick % 6, axis=0)
    calls = drop(rng, parents, founders, 0.01).sum(axis=1).T.astype(np.int8)
    calls[rng.random(calls.shape) < 0.4] = -1
    names = [f"a{k}" for k in range(90)]
    (tmp_path / "p.txt").write_text("".join(f"{names[c]} {names[s]} {names[d]}\n"
                                            for c, (s, d) in enumerate(parents) if s is not None))  # fmt: skip
    found = []
    for half in (0, 1):
        swapped = (np.arange(loci) % 2 == 0) & (half == 1)
        shown = np.where(swapped[:, None] & (calls >= 0), 2 - calls, calls)
        cells = [[TEXT[call] if call >= 0 else "./." for call in row] for row in shown.tolist()]
        ref = ["C" if one else "A" for one in swapped.tolist()]
        alt = ["A" if one else "C" for one in swapped.tolist()]
        pos = [1_000_000 * (k + 1) for k in range(loci)]
        path = write_vcf(tmp_path / f"{half}.vcf", "1", pos, ref, alt, cells, names)
        peel_offline([path], tmp_path / "p.txt", tmp_path / "out.vcf.gz", PeelOffline(PeelOptions(cycles=6)))
        with pysam.VariantFile(str(tmp_path / "out.vcf.gz")) as file:
            gp = np.array([[call["GP"] for call in record.samples.values()] for record in file])
        found.append(np.where(swapped[:, None, None], gp[..., ::-1], gp))
    np.testing.assert_allclose(found[0], found[1], atol=1.001e-3)  # what rounding to thousandths may leave


def test_a_file_may_be_cut_by_animals_or_sites_and_half_of_it_turned(
    peel: Peel, family: Family, plain: Dosages, tmp_path: Path
) -> None:
    halves = [EVERYBODY[:3], EVERYBODY[3:]]
    by_animals = [family.write(tmp_path / f"a{k}.vcf", half, range(LOCI)) for k, half in enumerate(halves)]
    assert_close(peel(by_animals), plain, 1e-9)
    by_sites = [family.write(tmp_path / f"s{k}.vcf", EVERYBODY, range(k, LOCI, 2)) for k in range(2)]
    assert_close(peel(by_sites), plain, 1e-9)
    turned = [by_animals[0], family.write(tmp_path / "t.vcf", halves[1], range(LOCI), swap=True)]
    assert_close(peel(turned), plain, 1e-9)


def test_likelihoods_as_sure_as_calls_say_the_same(peel: Peel, family: Family, plain: Dosages, tmp_path: Path) -> None:
    assert_close(peel([family.write(tmp_path / "x.vcf", EVERYBODY, range(LOCI), pl=True)]), plain, 0.05)
