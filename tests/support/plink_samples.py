"""plink2 and plink1.9 as judges of sample statistics; their tests are skipped where they are not installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from genotypes import codes as gt
from tests.support.vcf import gt_strings, write_vcf

needs_plink2 = pytest.mark.skipif(shutil.which("plink2") is None, reason="plink2 is not installed")
needs_plink19 = pytest.mark.skipif(shutil.which("plink1.9") is None, reason="plink1.9 is not installed")


def plink(program: str, *arguments: str | Path) -> None:
    """Run plink; an error fails the test."""
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def table(path: Path) -> list[dict[str, str]]:
    """A table with a header line, separated by white space."""
    lines = path.read_text().splitlines()
    names = lines[0].lstrip("#").split()
    return [dict(zip(names, line.split(), strict=True)) for line in lines[1:]]


def write_codes(path: Path, codes: gt.Codes, chrom: str | list[str] = "1", pos: list[int] | None = None) -> Path:
    """(V, S) codes as a VCF of samples S0, S1..."""
    sites, samples = codes.shape
    return write_vcf(
        path,
        chrom,
        pos or [1000 * (row + 1) for row in range(sites)],
        ["A"] * sites,
        ["G"] * sites,
        gt_strings(codes),
        [f"S{k}" for k in range(samples)],
        ids=[f"v{row}" for row in range(sites)],
    )


def family(sites: int = 4000, founders: int = 8, seed: int = 4) -> gt.Codes:
    """(V, founders + 5) codes: founders, three children of 0 and 1, a child of the first of them and 2, a copy of 0."""
    rng = np.random.default_rng(seed)
    af = rng.uniform(0.05, 0.5, sites)
    haplotypes = (rng.random((sites, founders, 2)) < af[:, None, None]).astype(np.int8)
    people = [haplotypes[:, k] for k in range(founders)]

    def child(a: int, b: int) -> None:
        picks = [people[p][np.arange(sites), rng.integers(0, 2, sites)] for p in (a, b)]
        people.append(np.stack(picks, axis=1))

    for _ in range(3):
        child(0, 1)
    child(founders, 2)
    people.append(people[0])
    codes: gt.Codes = np.stack([one.sum(1) for one in people], axis=1).astype(np.int8)
    codes[rng.random(codes.shape) < 0.02] = gt.MISSING
    return codes
