"""Peeled loci as VCF text: GT phased paternal|maternal, DS, GP and GQ. Importing this imports numba."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from genotypes.sites import SiteTable
from models.peeling.cells import WIDTH, find_contradictions, write_cells
from models.peeling.records import Contradiction, LocusFacts
from models.peeling.sweeper import in_threads

_BLOCK_GENOTYPES: Final = 256 << 10  # turned into text at once: some 8 MB
_TASKS: Final = 8  # of threads that turn them
_MATCHES: Final = np.array([[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]], np.float32)  # states of a call


def contradictions(gp4: NDArray[np.float32], calls: NDArray[np.int8]) -> list[Contradiction]:
    """Observed calls, (V, N) ALT alleles or -1, that are not the most probable genotype of (V, N, 4) probabilities."""
    gp4, calls = np.ascontiguousarray(gp4), np.ascontiguousarray(calls)
    cells = np.empty((find_contradictions(gp4, calls, np.empty((0, 3), np.int64)), 3), np.int64)
    find_contradictions(gp4, calls, cells)
    found = []
    for row, animal, best in cells.tolist():
        observed = int(calls[row, animal])
        found.append(Contradiction(row, animal, observed, best, float(gp4[row, animal] @ _MATCHES[observed])))
    return found


def peeled_text(
    sites: SiteTable,
    gp4: NDArray[np.float32],
    facts: LocusFacts,
    contradicted: NDArray[np.int64],
    calls: NDArray[np.int8] | None = None,
    haploid: NDArray[np.bool_] | None = None,
    threads: int | None = 1,
    flags: Sequence[str] | None = None,
) -> Iterator[tuple[bytes, NDArray[np.uint8]]]:
    """A block's records, each as its site columns and its cells, without the end of the line.

    The cells are overwritten some records later.

    Args:
        sites: its V sites.
        gp4: (V, S, 4) probabilities of the animals that are written, in column order.
        facts: of the V sites.
        contradicted: (V,) observed calls that are not the most probable genotype.
        calls: (V, S) observed calls that stay as they are; without them GT is the most probable genotype.
        haploid: (S,) animals that are written with one allele.
        threads: None takes every core.
        flags: V INFO flags, where a bundle's sites are imputed.
    """
    step = max(1, _BLOCK_GENOTYPES // max(1, gp4.shape[1]))
    rows = np.empty((min(step, len(sites)), gp4.shape[1] * WIDTH), np.uint8)
    ends = np.zeros(len(rows), np.int64)
    gp4 = np.ascontiguousarray(gp4)
    single = np.zeros(gp4.shape[1], bool) if haploid is None else np.ascontiguousarray(haploid)
    for first in range(0, len(sites), step):
        part = sites.slice(first, first + step)
        seen = np.empty((0, 0), np.int8) if calls is None else np.ascontiguousarray(calls[first : first + step])
        each = -(-len(part) // _TASKS)
        in_threads([
            partial(write_cells, gp4[first : first + step], seen, calls is not None, single, at,
                    min(at + each, len(part)), rows, ends)
            for at in range(0, len(part), each)
        ], threads)  # fmt: skip
        for k, (pos, ident, ref, alt) in enumerate(zip(part.pos.tolist(), part.id, part.ref, part.alt, strict=True)):
            at = first + k
            info = f"AF={facts.af[at]:.6g};R2={facts.r2[at]:.6g};INFO={facts.info[at]:.6g};NOBS={facts.observed[at]}"
            if contradicted[at]:
                info += f";CONTRADICTED={contradicted[at]}"
            if flags is not None:
                info += f";{flags[at]}"
            head = f"{part.chrom}\t{pos}\t{ident}\t{ref}\t{alt}\t.\tPASS\t{info}\tGT:DS:GP:GQ"
            yield head.encode(), rows[k, : ends[k]]
