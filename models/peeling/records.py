"""What the data say about each peeled locus, and the header of a peeled file; `text` writes the records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

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
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="{gt}, paternal|maternal allele, or the one there is">',
    '##FORMAT=<ID=DS,Number=1,Type=Float,Description="ALT dosage">',
    '##FORMAT=<ID=GP,Number=G,Type=Float,Description="Genotype probabilities">',
    '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Phred-scaled posterior probability that GT is wrong">',
)  # fmt: skip


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


def locus_facts(
    gp4: NDArray[np.float32], observed: NDArray[np.bool_], haploid: NDArray[np.bool_] | None = None
) -> LocusFacts:
    """Frequencies and expected accuracies of loci.

    Args:
        gp4: (V, N, 4) probabilities.
        observed: (V, N) where there are data.
        haploid: (N,) animals with one copy; their alleles count once in frequencies, and as homozygotes otherwise.
    """
    het = gp4[..., 1].astype(np.float64) + gp4[..., 2]
    dosage = het + 2 * gp4[..., 3]
    spread = np.maximum(het + 4 * gp4[..., 3] - dosage**2, 0)
    mean = dosage.mean(axis=1)
    af, twice = mean / 2, 1.0
    if haploid is not None and haploid.any():
        copies = np.where(haploid, 1, 2)
        af, twice = (dosage / 2) @ copies / copies.sum(), float(1 + haploid.mean())
    within, around = spread.mean(axis=1), dosage.var(axis=1)
    expected = 2 * af * (1 - af) * twice  # the genotype of one copy varies twice as much
    return LocusFacts(
        af=af,
        r2=np.where(around + within > 1e-9, around / np.maximum(around + within, 1e-9), 0),
        info=np.where(expected > 1e-9, np.maximum(1 - within / np.maximum(expected, 1e-9), 0), 0),
        observed=observed.sum(axis=1),
        explained=((dosage - mean[:, None]) ** 2).sum(axis=0),
        spread=spread.sum(axis=0),
    )


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
