"""Peeled loci as VCF text: GT phased paternal|maternal, DS, GP and GQ; and what the data say about each locus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from genotypes.cells import BASE, quantise
from genotypes.sites import SiteTable

_HEADER: Final = (
    "##fileformat=VCFv4.3",
    '##FILTER=<ID=PASS,Description="All filters passed">',
    '##ALT=<ID=B,Description="The allele that the codes of an AlphaGenes file count">',
    '##INFO=<ID=AF,Number=A,Type=Float,Description="ALT frequency in the whole pedigree, from DS">',
    '##INFO=<ID=R2,Number=1,Type=Float,Description="Expected squared correlation of DS and true genotype in the whole '
    'pedigree: variance of DS over that plus the mean posterior variance">',
    '##INFO=<ID=INFO,Number=1,Type=Float,Description="1 - mean posterior variance over 2 AF (1 - AF)">',
    '##INFO=<ID=NOBS,Number=1,Type=Integer,Description="Animals of the pedigree with data at the site">',
    '##INFO=<ID=CONTRADICTED,Number=1,Type=Integer,Description="Observed calls that differ from the most probable '
    'genotype given the family">',
    '##INFO=<ID=IMPUTED,Number=0,Type=Flag,Description="Site of the bundle that nobody of the family was typed at">',
    '##INFO=<ID=TYPED,Number=0,Type=Flag,Description="Site of the bundle that somebody of the family was typed at">',
    '##INFO=<ID=TYPED_ONLY,Number=0,Type=Flag,Description="Typed site that the bundle lacks">',
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="{gt}, paternal|maternal allele">',
    '##FORMAT=<ID=DS,Number=1,Type=Float,Description="ALT dosage">',
    '##FORMAT=<ID=GP,Number=G,Type=Float,Description="Genotype probabilities">',
    '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Phred-scaled posterior probability that GT is wrong">',
)  # fmt: skip
_MAX_GQ: Final = 99
_BLOCK_GENOTYPES: Final = 256 << 10  # turned into text at once: some 8 MB
_MATCHES: Final = np.array([[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1], [1, 1, 1, 1]], np.float32)  # states of a call


@dataclass(frozen=True, slots=True, eq=False)
class LocusFacts:
    """What peeling says of V loci over all N animals.

    Attributes:
        af: (V,) float64 ALT frequency.
        r2: (V,) float64 expected squared correlation of dosage and genotype.
        info: (V,) float64 information measure, at least 0.
        observed: (V,) animals with data.
        explained: (N,) float64, sum over the loci of (DS - mean of the locus)^2.
        spread: (N,) float64, sum over the loci of the posterior variance.
    """

    af: NDArray[np.float64]
    r2: NDArray[np.float64]
    info: NDArray[np.float64]
    observed: NDArray[np.int64]
    explained: NDArray[np.float64]
    spread: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """An observed call that is not the most probable genotype."""

    row: int  # of the block
    animal: int
    observed: int  # ALT alleles
    probable: int
    probability: float  # of the observed genotype, given all data of the family


def peeled_header(
    samples: Sequence[str],
    contigs: Mapping[str, int | None],
    software: str,
    command: str,
    build: str | None = None,
    keep_observed: bool = False,
    bundle: str | None = None,
) -> bytes:
    """Header text, ending with the #CHROM line."""
    gt = "Observed genotype, else the most probable" if keep_observed else "Most probable genotype"
    lines = [line.replace("{gt}", gt) for line in _HEADER]
    assembly = f",assembly={build}" if build else ""
    lines += [
        f"##contig=<ID={name}{f',length={length}' if length else ''}{assembly}>" for name, length in contigs.items()
    ]
    lines += [f"##tessera_software={software}", f"##tessera_command={' '.join(command.split())}"]
    if bundle:
        lines.append(f"##tessera_bundle={bundle}")
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]
    return "\n".join([*lines, "\t".join(columns), ""]).encode()


def locus_facts(gp4: NDArray[np.float32], observed: NDArray[np.bool_]) -> LocusFacts:
    """Frequencies and expected accuracies of (V, N, 4) probabilities; `observed` is (V, N)."""
    het = gp4[..., 1].astype(np.float64) + gp4[..., 2]
    dosage = het + 2 * gp4[..., 3]
    spread = np.maximum(het + 4 * gp4[..., 3] - dosage**2, 0)
    mean = dosage.mean(axis=1)
    af = mean / 2
    within, around = spread.mean(axis=1), dosage.var(axis=1)
    expected = 2 * af * (1 - af)
    return LocusFacts(
        af=af,
        r2=np.where(around + within > 1e-9, around / np.maximum(around + within, 1e-9), 0),
        info=np.where(expected > 1e-9, np.maximum(1 - within / np.maximum(expected, 1e-9), 0), 0),
        observed=observed.sum(axis=1),
        explained=((dosage - mean[:, None]) ** 2).sum(axis=0),
        spread=spread.sum(axis=0),
    )


def contradictions(gp4: NDArray[np.float32], calls: NDArray[np.int8]) -> list[Contradiction]:
    """Observed calls, (V, N) ALT alleles or -1, that are not the most probable genotype of (V, N, 4) probabilities."""
    gp = unordered(gp4)
    best = quantised(gp).argmax(axis=2)
    found = []
    for row, animal in np.argwhere((calls >= 0) & (best != calls)).tolist():
        observed = int(calls[row, animal])
        probability = float(gp[row, animal, observed])
        found.append(Contradiction(row, animal, observed, int(best[row, animal]), probability))
    return found


def with_calls(gp4: NDArray[np.float32], calls: NDArray[np.int8]) -> NDArray[np.float32]:
    """(V, N, 4) probabilities given that observed calls are right, each heterozygote in its more probable order."""
    kept = gp4 * _MATCHES[calls]
    total = kept.sum(axis=2, keepdims=True)
    even = _MATCHES[calls] / _MATCHES[calls].sum(axis=2, keepdims=True)
    out: NDArray[np.float32] = np.where(total > 1e-20, kept / np.maximum(total, 1e-20), even).astype(np.float32)
    return out


def peeled_text(
    sites: SiteTable,
    gp4: NDArray[np.float32],
    facts: LocusFacts,
    contradicted: NDArray[np.int64],
    calls: NDArray[np.int8] | None = None,
    flags: Sequence[str] | None = None,
) -> bytes:
    """Records of a block.

    Args:
        sites: its V sites.
        gp4: (V, S, 4) probabilities of the animals that are written, in column order.
        facts: of the V sites.
        contradicted: (V,) observed calls that are not the most probable genotype.
        calls: (V, S) observed calls that stay as they are; without them GT is the most probable genotype.
        flags: V INFO flags, where a bundle's sites are imputed.
    """
    step = max(1, _BLOCK_GENOTYPES // max(1, gp4.shape[1]))
    parts: list[bytes] = []
    for first in range(0, len(sites), step):
        rows = _cells(gp4[first : first + step], None if calls is None else calls[first : first + step])
        part = sites.slice(first, first + step)
        for k, (pos, ident, ref, alt) in enumerate(zip(part.pos.tolist(), part.id, part.ref, part.alt, strict=True)):
            line = rows[k]
            line = line[line != 0]
            at = first + k
            info = f"AF={facts.af[at]:.6g};R2={facts.r2[at]:.6g};INFO={facts.info[at]:.6g};NOBS={facts.observed[at]}"
            if contradicted[at]:
                info += f";CONTRADICTED={contradicted[at]}"
            if flags is not None:
                info += f";{flags[at]}"
            head = f"{part.chrom}\t{pos}\t{ident}\t{ref}\t{alt}\t.\tPASS\t{info}\tGT:DS:GP:GQ"
            parts += (head.encode(), line.tobytes(), b"\n")
    return b"".join(parts)


def unordered(gp4: NDArray[np.float32]) -> NDArray[np.float32]:
    """(..., 3) probabilities of 0, 1 and 2 ALT alleles."""
    return np.stack([gp4[..., 0], gp4[..., 1] + gp4[..., 2], gp4[..., 3]], axis=-1)


def quantised(gp: NDArray[np.float32]) -> NDArray[Any]:
    """(V, S, 3) thousandths that sum to 1000."""
    alt, het = np.divmod(quantise(gp), BASE)
    return np.stack([1000 - alt - het, het, alt], axis=2)


def _cells(gp4: NDArray[np.float32], calls: NDArray[np.int8] | None) -> NDArray[np.uint8]:
    """(V, S * width) characters, each cell after a tab, NUL where GQ has one digit."""
    before = unordered(gp4)
    if calls is not None:
        gp4 = with_calls(gp4, calls)
    thousandths = quantised(unordered(gp4))
    best = thousandths.argmax(axis=2)
    pat = (best == 2) | ((best == 1) & (gp4[..., 2] > gp4[..., 1]))
    mat = (best == 2) | ((best == 1) & ~pat)
    # Kept calls have the quality that the family gives them, not that of a certainty.
    wrong = 1 - np.take_along_axis(before, best[..., None], axis=2)[..., 0].astype(np.float64)
    gq = np.clip(np.rint(-10 * np.log10(np.maximum(wrong, 1e-10))), 0, _MAX_GQ).astype(np.int32)
    dosage = thousandths[..., 1] + 2 * thousandths[..., 2]
    out = np.zeros((*best.shape, 31), np.uint8)
    out[:] = np.frombuffer(b"\t0|0:0.000:0.000,0.000,0.000:00", np.uint8)
    out[..., 1] += pat
    out[..., 3] += mat
    for at, number in ((5, dosage), (11, thousandths[..., 0]), (17, thousandths[..., 1]), (23, thousandths[..., 2])):
        for place, unit in ((0, 1000), (2, 100), (3, 10), (4, 1)):
            out[..., at + place] += (number // unit % 10).astype(np.uint8)
    out[..., 29] = np.where(gq > 9, gq // 10 + 48, 0)
    out[..., 30] = gq % 10 + 48
    return out.reshape(len(out), -1)


def decimals(values: NDArray[Any], separators: bytes) -> NDArray[np.uint8]:
    """Text of (V, S, K) values from 0 to 9.999, three decimals each: (V, S * 6 K) characters, a tab before every S.

    Args:
        values: the numbers.
        separators: K - 1 characters between the K numbers.
    """
    number = np.rint(np.asarray(values, np.float64) * 1000).astype(np.int64)
    out = np.zeros((*number.shape, 6), np.uint8)
    out[:] = np.frombuffer(b"\t0.000", np.uint8)
    for k, letter in enumerate(separators, start=1):
        out[:, :, k, 0] = letter
    for place, unit in ((1, 1000), (3, 100), (4, 10), (5, 1)):
        out[..., place] += (number // unit % 10).astype(np.uint8)
    return out.reshape(len(out), -1)
