"""Peeled loci as VCF text: GT phased paternal|maternal, DS, GP and GQ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from genotypes.cells import BASE, quantise
from genotypes.sites import SiteTable
from models.peeling.engine import PeeledBlock

_HEADER: Final = (
    "##fileformat=VCFv4.3",
    '##FILTER=<ID=PASS,Description="All filters passed">',
    '##INFO=<ID=AF,Number=A,Type=Float,Description="ALT frequency in the animals of the file, from DS">',
    '##INFO=<ID=R2,Number=1,Type=Float,Description="Estimated quality: variance of DS over its expectation">',
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Most probable genotype, paternal|maternal allele">',
    '##FORMAT=<ID=DS,Number=1,Type=Float,Description="ALT dosage">',
    '##FORMAT=<ID=GP,Number=G,Type=Float,Description="Genotype probabilities">',
    '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Phred-scaled probability that the genotype is wrong">',
)
_MAX_GQ: Final = 99
_BLOCK_GENOTYPES: Final = 256 << 10  # turned into text at once: some 8 MB


def peeled_header(samples: Sequence[str], contigs: Mapping[str, int | None], software: str, command: str) -> bytes:
    """Header text, ending with the #CHROM line."""
    lines = [*_HEADER]
    lines += [f"##contig=<ID={name}{f',length={length}' if length else ''}>" for name, length in contigs.items()]
    lines += [f"##tessera_software={software}", f"##tessera_command={' '.join(command.split())}"]
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]
    return "\n".join([*lines, "\t".join(columns), ""]).encode()


def peeled_text(sites: SiteTable, block: PeeledBlock, animals: NDArray[np.int64]) -> bytes:
    """Records of a block.

    Args:
        sites: its V sites.
        block: probabilities of all animals.
        animals: (S,) which of them are written, in column order.
    """
    step = max(1, _BLOCK_GENOTYPES // max(1, len(animals)))
    parts: list[bytes] = []
    for first in range(0, len(sites), step):
        gp4 = block.gp4[first : first + step][:, animals]
        rows, info = _cells(gp4)
        part = sites.slice(first, first + step)
        for k, (pos, ident, ref, alt) in enumerate(zip(part.pos.tolist(), part.id, part.ref, part.alt, strict=True)):
            line = rows[k]
            line = line[line != 0]
            line[-1] = 10
            head = f"{part.chrom}\t{pos}\t{ident}\t{ref}\t{alt}\t.\tPASS\tAF={info[0][k]:.6g};R2={info[1][k]:.6g}"
            parts += (head.encode(), b"\tGT:DS:GP:GQ\t", line.tobytes())
    return b"".join(parts)


def _cells(gp4: NDArray[np.float32]) -> tuple[NDArray[np.uint8], tuple[NDArray[Any], NDArray[Any]]]:
    """(V, S * width) characters, NUL where GQ has one digit, and AF and R2 of each locus."""
    gp = np.stack([gp4[..., 0], gp4[..., 1] + gp4[..., 2], gp4[..., 3]], axis=2)
    alt, het = np.divmod(quantise(gp), BASE)
    thousandths = np.stack([1000 - alt - het, het, alt], axis=2)
    best = thousandths.argmax(axis=2)
    pat = (best == 2) | ((best == 1) & (gp4[..., 2] > gp4[..., 1]))
    mat = (best == 2) | ((best == 1) & ~pat)
    wrong = 1 - np.take_along_axis(gp, best[..., None], axis=2)[..., 0].astype(np.float64)
    gq = np.minimum(np.rint(-10 * np.log10(np.maximum(wrong, 1e-10))), _MAX_GQ).astype(np.int32)
    dosage = het + 2 * alt
    out = np.zeros((*best.shape, 30), np.uint8)
    out[:] = np.frombuffer(b"0|0:0.000:0.000,0.000,0.000:00", np.uint8)
    out[..., 0] += pat
    out[..., 2] += mat
    for at, number in ((4, dosage), (10, thousandths[..., 0]), (16, thousandths[..., 1]), (22, thousandths[..., 2])):
        for place, unit in ((0, 1000), (2, 100), (3, 10), (4, 1)):
            out[..., at + place] += (number // unit % 10).astype(np.uint8)
    out[..., 28] = np.where(gq > 9, gq // 10 + 48, 0)
    out[..., 29] = gq % 10 + 48
    tabbed = np.concatenate([out, np.full((*best.shape, 1), 9, np.uint8)], axis=2)
    ds = dosage / 1000
    af = ds.mean(axis=1) / 2
    expected = 2 * af * (1 - af)
    r2 = np.where(expected > 1e-9, np.minimum(ds.var(axis=1) / np.maximum(expected, 1e-9), 1), 0)
    return tabbed.reshape(len(tabbed), -1), (af, r2)
