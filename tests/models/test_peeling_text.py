"""The kernel of VCF text against plain arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from genotypes.cells import BASE, quantise
from genotypes.sites import SiteTable, strings
from models.peeling.records import locus_facts
from models.peeling.text import contradictions, peeled_text


def probabilities(seed: int) -> NDArray[np.float32]:
    """(7, 40, 4), many of them close to certain, as peeling gives them, and some exactly."""
    rng = np.random.default_rng(seed)
    gp4 = rng.gamma(0.05, size=(7, 40, 4)) + 1e-12
    gp4[0, :4] = np.eye(4)
    gp4[1, 0] = 0.4985, 0.0005, 0.0005, 0.5005
    shares: NDArray[np.float32] = (gp4 / gp4.sum(axis=2, keepdims=True)).astype(np.float32)
    return shares


def cell(p: NDArray[Any], call: int, haploid: bool = False) -> str:
    """One genotype's text, `call` -1 where none is kept; of a haploid one allele and no heterozygote."""
    before = [p[0], p[1] + p[2], p[3]]
    if call >= 0:
        kept = p * np.array([[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]], np.float32)[call]
        even = np.array([[1, 0, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 0, 1]], np.float32)[call]
        p = kept / kept.sum() if kept.sum() > 1e-20 else even
    alt, het = divmod(int(quantise(np.array([[[p[0], p[1] + p[2], p[3]]]], np.float32))[0, 0]), BASE)
    gp = [1000 - alt - het, het, alt]
    best = int(np.argmax(gp))
    order = ("0|0", "1|0" if p[2] > p[1] else "0|1", "1|1")[best]
    quality = int(np.clip(np.rint(-10 * np.log10(max(1 - float(before[best]), 1e-10))), 0, 99))
    if haploid:
        return f"{order[0]}:{alt / 1000:.3f}:{gp[0] / 1000:.3f},{alt / 1000:.3f}:{quality}"
    return f"{order}:{(het + 2 * alt) / 1000:.3f}:" + ",".join(f"{x / 1000:.3f}" for x in gp) + f":{quality}"


@pytest.mark.parametrize("males", [True, False])
@pytest.mark.parametrize("keep", [True, False])
def test_text_is_that_of_plain_arithmetic(keep: bool, males: bool) -> None:
    """Every cell, with one and with two threads; haploids and calls that the probabilities rule out included."""
    gp4 = probabilities(3)
    calls = np.random.default_rng(4).integers(-1, 3, gp4.shape[:2]).astype(np.int8)
    n = len(gp4)
    sites = SiteTable("1", np.arange(n, dtype=np.int32) + 5, strings(["A"] * n), strings(["C"] * n), strings(["."] * n))
    facts = locus_facts(gp4, calls >= 0)
    counts = np.arange(n)
    haploid = np.arange(gp4.shape[1]) % 3 == 1 if males else None
    for threads in (1, 2):
        parts = peeled_text(sites, gp4, facts, counts, calls if keep else None, haploid, threads)
        lines = b"".join(head + bytes(cells) + b"\n" for head, cells in parts).decode().splitlines()
        assert [line.split("\t")[1] for line in lines] == [str(5 + k) for k in range(n)]
        assert ["CONTRADICTED=" in line for line in lines] == [False] + [True] * (n - 1)
        for row, line in enumerate(lines):
            wanted = [
                cell(gp4[row, s], int(calls[row, s]) if keep else -1, males and s % 3 == 1) for s in range(gp4.shape[1])
            ]
            assert line.split("\t")[9:] == wanted


def test_contradictions_are_the_calls_that_are_not_the_most_probable() -> None:
    """Row, animal, both genotypes and the probability of the observed one."""
    gp4 = probabilities(5)
    calls = np.full(gp4.shape[:2], -1, np.int8)
    calls[0, :4] = 0, 1, 0, 2  # the third is a heterozygote
    calls[1, 0] = 1
    found = contradictions(gp4, calls)
    assert [(one.row, one.animal, one.observed, one.probable) for one in found] == [(0, 2, 0, 1), (1, 0, 1, 2)]
    assert found[0].probability == 0
    assert found[1].probability == pytest.approx(0.001)
