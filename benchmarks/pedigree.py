"""A small simulated herd for the example and for tests: `python -m benchmarks.pedigree --out examples/pedigree`.

Founders' haplotypes are mosaics of a few ancestral ones; every later generation is a gene drop with crossovers at
1 cM per Mb (Haldane). Two arrays of different density type most of the animals, a few calls are wrong, and the
pedigree file names one wrong sire, for the report to find. Scored by
`python -m benchmarks.pedigree --score peeled.vcf.gz`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pysam
from numpy.typing import NDArray

from genotypes.bgzf import BgzfWriter
from genotypes.index import index_vcf

CHROMOSOMES: Final = {"1": (60_000_000, 300), "2": (40_000_000, 200)}  # bp, loci
GENERATIONS, SIZE = 5, 24
SIRES: Final = 4  # of each generation
SPARSE: Final = 5  # every so manieth locus is on the sparse array
ERROR: Final = 0.001  # share of wrong calls
ANCESTRAL: Final = 12

Haplotypes = NDArray[np.int8]


@dataclass(frozen=True)
class Herd:
    """What was simulated.

    Attributes:
        ids: N animals, parents before offspring.
        sire: (N,) rows of the true sires, -1 for founders.
        dam: (N,) rows of the dams.
        pos: bp of the loci of each chromosome.
        haplotypes: (L, N, 2) alleles of each chromosome, paternal first.
        dense: rows of the animals on the dense array.
        sparse: rows of those on the sparse one.
        wrong: row of the animal whose sire the pedigree gets wrong, and row of the sire that it names.
    """

    ids: list[str]
    sire: NDArray[np.int64]
    dam: NDArray[np.int64]
    pos: dict[str, NDArray[np.int64]]
    haplotypes: dict[str, Haplotypes]
    dense: list[int]
    sparse: list[int]
    wrong: tuple[int, int]


def simulate(seed: int = 7) -> Herd:
    """Draw a herd."""
    rng = np.random.default_rng(seed)
    ids = [f"G{generation}-{number + 1:02d}" for generation in range(GENERATIONS) for number in range(SIZE)]
    sire, dam = np.full(len(ids), -1), np.full(len(ids), -1)
    for generation in range(1, GENERATIONS):
        before, now = (generation - 1) * SIZE, generation * SIZE
        sires, dams = before + np.arange(SIRES), before + SIRES + rng.permutation(SIZE - SIRES)[: SIZE // 2]
        dam[now : now + SIZE] = rng.permutation(np.repeat(dams, 2))
        sire[now : now + SIZE] = sires[dam[now : now + SIZE] % SIRES]  # full sibs share their sire
    pos, haplotypes = {}, {}
    for name, (length, loci) in CHROMOSOMES.items():
        pos[name] = np.sort(rng.choice(length // 100, loci, replace=False)) * 100 + 1
        haplotypes[name] = _drop(rng, sire, dam, pos[name])
    old, young = 3 * SIZE, len(ids)
    untyped = {*range(SIRES + 2, SIRES + 6), young - 1, young - 2, young - 3}
    child = 3 * SIZE + 5
    other = 2 * SIZE + (int(sire[child]) + 1) % SIRES
    dense = [row for row in range(old) if row not in untyped]
    return Herd(ids, sire, dam, pos, haplotypes, dense, [row for row in range(old, young) if row not in untyped],
                (child, other))  # fmt: skip


def _drop(
    rng: np.random.Generator, sire: NDArray[np.int64], dam: NDArray[np.int64], pos: NDArray[np.int64]
) -> Haplotypes:
    """(L, N, 2) alleles of a chromosome."""
    copies = rng.integers(1, ANCESTRAL, len(pos))  # every locus varies
    ancestral = (rng.random((len(pos), ANCESTRAL)).argsort(axis=1) < copies[:, None]).astype(np.int8)
    switch = (1 - np.exp(-2 * np.diff(pos) / 1e8)) / 2  # Haldane at 1 cM/Mb
    out = np.empty((len(pos), len(sire), 2), np.int8)
    for animal, parents in enumerate(zip(sire.tolist(), dam.tolist(), strict=True)):
        for side, parent in enumerate(parents):
            if parent < 0:
                new = np.concatenate([[True], rng.random(len(pos) - 1) < 20 * switch])  # twenty generations of mixing
                source = rng.integers(0, ANCESTRAL, len(pos))[
                    np.maximum.accumulate(np.where(new, np.arange(len(pos)), 0))
                ]
                out[:, animal, side] = ancestral[np.arange(len(pos)), source]
            else:
                crossed = np.concatenate([[rng.random() < 0.5], rng.random(len(pos) - 1) < switch])
                out[:, animal, side] = out[np.arange(len(pos)), parent, np.cumsum(crossed) % 2]
    return out


def write(herd: Herd, out: Path, seed: int = 7) -> list[Path]:
    """Write the pedigree, the two arrays and the truth into a folder; the paths."""
    rng = np.random.default_rng(seed + 1)
    out.mkdir(parents=True, exist_ok=True)
    lines = ["id,sire,dam"]
    for row, name in enumerate(herd.ids):
        sire = herd.wrong[1] if row == herd.wrong[0] else int(herd.sire[row])
        lines.append(f"{name},{herd.ids[sire] if sire >= 0 else ''},{herd.ids[herd.dam[row]] if sire >= 0 else ''}")
    pedigree = out / "pedigree.csv"
    pedigree.write_text("\n".join(lines) + "\n")
    everyone = list(range(len(herd.ids)))
    return [
        pedigree,
        _write_vcf(out / "dense.vcf.gz", herd, herd.dense, 1, rng),
        _write_vcf(out / "sparse.vcf.gz", herd, herd.sparse, SPARSE, rng),
        _write_vcf(out / "truth.vcf.gz", herd, everyone, 1, None),
    ]


def _write_vcf(path: Path, herd: Herd, rows: Sequence[int], every: int, rng: np.random.Generator | None) -> Path:
    """A VCF of some animals at every `every`-th locus: the truth in phase, or calls with errors."""
    head = ["##fileformat=VCFv4.3", *(f"##contig=<ID={name},length={bp}>" for name, (bp, _) in CHROMOSOMES.items())]
    head += ['##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    head.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT",
                           *(herd.ids[row] for row in rows)]))  # fmt: skip
    with BgzfWriter(path) as file:
        file.write(("\n".join(head) + "\n").encode())
        for name, positions in herd.pos.items():
            for locus in range(0, len(positions), every):
                pair = herd.haplotypes[name][locus, list(rows)]
                if rng is None:
                    calls = [f"{a}|{b}" for a, b in pair.tolist()]
                else:
                    wrong = rng.random(len(pair)) < ERROR
                    dosage = np.where(
                        wrong, (pair.sum(axis=1) + 1 + rng.integers(0, 2, len(pair))) % 3, pair.sum(axis=1)
                    )
                    calls = [("0/0", "0/1", "1/1")[one] for one in dosage.tolist()]
                site = [name, str(positions[locus]), f"m{name}_{locus + 1}", "A", "G", ".", "PASS", ".", "GT"]
                file.write(("\t".join([*site, *calls]) + "\n").encode())
    index_vcf(path)
    return path


def score(herd: Herd, result: Path) -> dict[str, tuple[int, float, float]]:
    """Accuracy of a peeled file of all animals: by group their number, mean r over loci (centred), concordance."""
    with pysam.VariantFile(str(result)) as file:
        if list(file.header.samples) != herd.ids:
            raise SystemExit(f"{result} does not hold the simulated animals in their order.")
        cells = [[(call["DS"], sum(call["GT"])) for call in record.samples.values()] for record in file]
    found = np.array(cells)  # (L, N, 2)
    truth = np.concatenate([one.sum(axis=2) for one in herd.haplotypes.values()]).astype(float)
    ds, right = found[..., 0], (found[..., 1] == truth).mean(axis=0)
    mean = truth.mean(axis=1, keepdims=True)
    one, other = ds - mean, truth - mean
    r = (one * other).sum(axis=0) / np.sqrt((one**2).sum(axis=0) * (other**2).sum(axis=0))
    typed = {*herd.dense, *herd.sparse, herd.wrong[0]}
    groups = {
        "dense array": herd.dense,
        "sparse array": [row for row in herd.sparse if row != herd.wrong[0]],
        "sparse array, wrong sire": [herd.wrong[0]],
        "founders without data": [row for row in range(SIZE) if row not in typed],
        "last generation without data": [row for row in range(SIZE, len(herd.ids)) if row not in typed],
    }
    return {name: (len(rows), float(r[rows].mean()), float(right[rows].mean())) for name, rows in groups.items()}


def main() -> None:
    """Command line."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--out", type=Path, default=Path("examples/pedigree"))
    cli.add_argument("--seed", type=int, default=7)
    cli.add_argument("--score", type=Path, metavar="RESULT", help="score a peeled file of the herd instead")
    a = cli.parse_args()
    if a.score:
        for name, (animals, r, right) in score(simulate(a.seed), a.score).items():
            print(f"{name:<30} {animals:>3}  r {r:.4f}  concordance {right:.4f}")
        return
    for path in write(simulate(a.seed), a.out, a.seed):
        print(path)


if __name__ == "__main__":
    main()
