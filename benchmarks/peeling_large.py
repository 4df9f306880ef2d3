"""Memory and time of peeling a large pedigree: `python -m benchmarks.peeling_large [--chromosomes 1]`.

20,000 animals in ten generations, 600 of them typed, chromosomes of 2,000 loci on a Morgan (25 of them make the 50,000
loci of a chip). Founders' haplotypes are independent draws, so that no program could borrow from a population; meioses
follow Haldane. `--one-chromosome LOCI` peels a single dense chromosome by the library instead, without writing text.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import hardware, timed

Calls = NDArray[np.int8]


def parents_of(
    rng: np.random.Generator, generations: int, size: int, sires: int, dams: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(N,) sire and dam of each animal, -1 in the first generation; every dam has one mate."""
    sire, dam = np.full(generations * size, -1), np.full(generations * size, -1)
    for generation in range(1, generations):
        before = (generation - 1) * size + rng.permutation(size)
        mothers = before[sires : sires + dams]
        mates = rng.choice(before[:sires], dams)
        pair = np.arange(size) % dams
        rows = slice(generation * size, (generation + 1) * size)
        sire[rows], dam[rows] = mates[pair], mothers[pair]
    return sire, dam


def gametes(rng: np.random.Generator, pairs: Calls, parent: NDArray[np.int64]) -> Calls:
    """(M, L) a gamete of each of M parents, from (P, 2, L) haplotypes on a Morgan."""
    loci = pairs.shape[2]
    r = -np.expm1(-2 / loci) / 2
    out = np.empty((len(parent), loci), np.int8)
    for row, one in enumerate(parent.tolist()):
        switch = rng.random(loci, np.float32) < r
        switch[0] = rng.random() < 0.5
        out[row] = np.where(np.logical_xor.accumulate(switch), pairs[one, 1], pairs[one, 0])
    return out


def typed_calls(
    rng: np.random.Generator,
    sire: NDArray[np.int64],
    dam: NDArray[np.int64],
    size: int,
    typed: NDArray[np.int64],
    loci: int,
) -> tuple[Calls, NDArray[np.int64], Calls]:
    """(L, T) calls of typed animals, and (L, U) true genotypes of their untyped parents, with who those are."""
    is_typed = np.zeros(len(sire), bool)
    is_typed[typed] = True
    shown = np.setdiff1d(np.unique(np.concatenate([sire[typed], dam[typed]])), np.append(typed, -1))
    freq = rng.uniform(0.05, 0.95, loci)
    kept: dict[int, Calls] = {}
    wanted = set(typed.tolist()) | set(shown.tolist())
    before = np.empty((0, 2, loci), np.int8)
    for first in range(0, len(sire), size):
        if first == 0:
            now = np.empty((size, 2, loci), np.int8)
            for animal in range(size):
                now[animal] = rng.random((2, loci)) < freq
        else:
            rows = slice(first, first + size)
            now = np.stack([gametes(rng, before, of[rows] - (first - size)) for of in (sire, dam)], axis=1)
        for animal in range(first, first + size):
            if animal in wanted:
                kept[animal] = now[animal - first].sum(axis=0, dtype=np.int8)
        before = now
    calls = np.stack([kept[a] for a in typed.tolist()], axis=1)
    calls[rng.random(calls.shape) < 0.005] = -1
    return calls, shown, np.stack([kept[a] for a in shown.tolist()], axis=1)


def write(folder: Path, sire: NDArray[np.int64], dam: NDArray[np.int64], typed: NDArray[np.int64],
          chromosomes: list[Calls]) -> None:  # fmt: skip
    """A VCF and a pedigree."""
    text = np.array(["./.", "0/0", "0/1", "1/1"])
    with (folder / "in.vcf").open("w") as out:
        out.write("##fileformat=VCFv4.3\n")
        out.write("".join(f"##contig=<ID={k + 1}>\n" for k in range(len(chromosomes))))
        out.write('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n')
        names = "\t".join(f"a{one}" for one in typed.tolist())
        out.write(f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{names}\n")
        for k, calls in enumerate(chromosomes):
            for locus, row in enumerate(calls):
                out.write(f"{k + 1}\t{1 + locus * 50_000}\t.\tA\tC\t.\t.\t.\tGT\t" + "\t".join(text[row + 1]) + "\n")
    pairs = zip(sire.tolist(), dam.tolist(), strict=True)
    lines = (f"a{k} {f'a{s}' if s >= 0 else 0} {f'a{d}' if d >= 0 else 0}\n" for k, (s, d) in enumerate(pairs))
    (folder / "pedigree.txt").write_text("".join(lines))


def dense(folder: Path, threads: int) -> None:
    """Peel one chromosome of a Morgan by the library."""
    from models.peeling.engine import Peeling
    from models.peeling.options import Options
    from models.peeling.pedigree import read_pedigree
    from models.peeling.penetrance import from_calls

    data = np.load(folder / "data.npz")
    pedigree = read_pedigree(folder / "pedigree.txt")
    row = {name: k for k, name in enumerate(pedigree.ids)}
    columns = np.array([row[f"a{one}"] for one in data["typed"].tolist()])
    asked = np.array([row[f"a{one}"] for one in data["shown"].tolist()])
    calls, truth = data["calls"], data["truth"]
    peeling = Peeling(pedigree, from_calls(calls), np.linspace(0, 100, len(calls)), Options(threads=threads),
                      columns=columns)  # fmt: skip
    peeling.run()
    print(f"{len(peeling.kept)} loci for segregation, {peeling.seg.shape[1]} telling children", flush=True)
    dosage = np.concatenate([block.dosage()[:, asked] for block in peeling.blocks()])
    shares = truth.mean(axis=1, keepdims=True)
    r = np.corrcoef((dosage - shares).ravel(), (truth - shares).ravel())[0, 1]
    print(f"centred r with the truth of {len(asked)} untyped parents: {r:.3f}")


def main() -> None:
    """Command line."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--generations", type=int, default=10)
    cli.add_argument("--size", type=int, default=2000, help="animals of a generation")
    cli.add_argument("--typed", type=int, default=600, help="half of the last generation, half of the two before")
    cli.add_argument("--chromosomes", type=int, default=1)
    cli.add_argument("--loci", type=int, default=2000, help="of a chromosome")
    cli.add_argument("--one-chromosome", type=int, metavar="LOCI", help="a single dense chromosome, by the library")
    cli.add_argument("--threads", type=int, default=2)
    cli.add_argument("--seed", type=int, default=5)
    cli.add_argument("--data", type=Path, help="only peel this folder by the library")
    a = cli.parse_args()
    if a.data:
        dense(a.data, a.threads)
        return
    rng = np.random.default_rng(a.seed)
    sire, dam = parents_of(rng, a.generations, a.size, a.size // 50, a.size // 5)
    last = (a.generations - 1) * a.size
    half = a.typed // 2
    young, old = rng.choice(a.size, half, replace=False) + last, rng.choice(2 * a.size, a.typed - half, replace=False)
    typed = np.sort(np.concatenate([young, old + last - 2 * a.size]))
    print(f"{datetime.date.today()}  {hardware()}  python -m benchmarks.peeling_large {' '.join(sys.argv[1:])}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if a.one_chromosome:
            calls, shown, truth = typed_calls(rng, sire, dam, a.size, typed, a.one_chromosome)
            write(folder, sire, dam, typed, [])
            np.savez(folder / "data.npz", calls=calls, shown=shown, truth=truth, typed=typed)
            words = [sys.executable, "-m", "benchmarks.peeling_large", "--data", name, "--threads", str(a.threads)]
            run = timed("library", words, folder / "data.npz")
            print(f"{len(sire)} x {len(calls)}: {run.wall:.0f} s wall, {run.cpu:.0f} s cpu, {run.memory:.0f} MB")
            print((folder / "library.log").read_text(), end="")
            return
        drops = [typed_calls(rng, sire, dam, a.size, typed, a.loci) for _ in range(a.chromosomes)]
        write(folder, sire, dam, typed, [calls for calls, _, _ in drops])
        del drops
        program, output = str(Path(sys.executable).with_name("tessera")), folder / "out.vcf.gz"
        words = [program, "peel", str(folder / "in.vcf"), "-p", str(folder / "pedigree.txt"), "-o", str(output)]
        run = timed("tessera", [*words, "-t", str(a.threads)], output)
        cells = len(sire) * a.loci * a.chromosomes
        print(f"{cells / 1e6:.0f} million cells: {run.wall:.0f} s wall, {run.cpu:.0f} s cpu, {run.memory:.0f} MB")


if __name__ == "__main__":
    main()
