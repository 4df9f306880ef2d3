"""What metafounders gain: a simulated herd of two breeds and their crosses, peeled with them and without.

`python -m benchmarks.breeds [--seed 1] [--split 100]`, needs msprime; with `AP=` the program AlphaPeel is run beside.
Founders are haplotypes of a coalescent of two populations that parted `--split` generations ago.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.peeling.engine import Peeling
from models.peeling.options import Options
from models.peeling.pedigree import Pedigree, read_pedigree
from models.peeling.penetrance import from_calls
from models.peeling.population import PopulationOptions

MORGAN_BP = 100_000_000
FOUNDERS = 40  # of each breed
SIZES = (80, 120, 160)  # animals of the generations after them


@dataclass(frozen=True, eq=False)
class Herd:
    """Truth and what is typed of N animals at L loci.

    Attributes:
        lines: id, sire and dam, unknown parents by group.
        genotypes: (L, N) ALT alleles.
        codes: (L, N) calls, -1 missing.
        pos: (L,) bp.
        generation: (N,).
    """

    lines: list[tuple[str, str, str]]
    genotypes: NDArray[np.int8]
    codes: NDArray[np.int8]
    pos: NDArray[np.int64]
    generation: NDArray[np.int64]


def founders(seed: int, split: int, loci: int) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """(4 * FOUNDERS, L) haplotypes, the first half of one breed, and (L,) positions."""
    msprime: Any = import_module("msprime")

    demography = msprime.Demography()
    for name, size in (("A", 150), ("B", 150), ("old", 3000)):
        demography.add_population(name=name, initial_size=size)
    demography.add_population_split(time=split, derived=["A", "B"], ancestral="old")
    trees = msprime.sim_ancestry({"A": FOUNDERS, "B": FOUNDERS}, demography=demography, random_seed=seed,
                                 sequence_length=MORGAN_BP, recombination_rate=1e-8)  # fmt: skip
    trees = msprime.sim_mutations(trees, rate=2e-8, random_seed=seed, discrete_genome=True,
                                  model=msprime.BinaryMutationModel())  # fmt: skip
    found = trees.genotype_matrix()
    common = np.flatnonzero((found.mean(axis=1) > 0.02) & (found.mean(axis=1) < 0.98))
    rng = np.random.default_rng(seed)
    kept = np.sort(rng.choice(common, loci, replace=False))
    return found[kept].T.astype(np.int8), np.array([trees.site(int(row)).position for row in kept], np.int64)


def simulate(seed: int, split: int = 100, loci: int = 1000) -> Herd:
    """Matings of any breed with any; every fifth dam after the founders is unknown, a draw of one breed."""
    rng = np.random.default_rng(seed)
    haplotypes, pos = founders(seed, split, loci)
    r = -np.expm1(-2 * np.diff(pos) / MORGAN_BP) / 2
    people = [haplotypes[2 * k : 2 * k + 2] for k in range(2 * FOUNDERS)]
    lines = [(f"F{k}", *(["MF_1", "MF_2"][k // FOUNDERS],) * 2) for k in range(2 * FOUNDERS)]
    generation = [0] * (2 * FOUNDERS)
    before = list(range(2 * FOUNDERS))

    def gamete(parent: NDArray[np.int8]) -> NDArray[np.int8]:
        side = np.cumsum(np.concatenate([[rng.random() < 0.5], rng.random(len(r)) < r])) % 2
        made: NDArray[np.int8] = np.where(side == 0, parent[0], parent[1]).astype(np.int8)
        return made

    for number, size in enumerate(SIZES, start=1):
        sires = rng.choice(before, 16, replace=False)
        dams = np.setdiff1d(before, sires)
        now = []
        for _ in range(size):
            sire, dam = int(rng.choice(sires)), int(rng.choice(dams))
            name = lines[dam][0]
            if rng.random() < 0.2:
                dam = int(rng.integers(2 * FOUNDERS))  # of the founders' kind, whom nobody recorded
                name = lines[dam][1]
            now.append(len(people))
            people.append(np.stack([gamete(people[sire]), gamete(people[dam])]))
            lines.append((f"G{number}-{len(now)}", lines[sire][0], name))
            generation.append(number)
        before = now
    genotypes = np.stack([one.sum(axis=0) for one in people], axis=1).astype(np.int8)
    codes, of = genotypes.copy(), np.array(generation)
    low = (of == len(SIZES)) | (rng.random(len(people)) < 0.5)
    codes[np.ix_(np.arange(loci) % 10 > 0, low)] = -1
    codes[:, (of < len(SIZES)) & (rng.random(len(people)) < 0.4)] = -1
    return Herd(lines, genotypes, codes, pos, of)


def score(herd: Herd, dosage: NDArray[np.floating], animals: NDArray[np.bool_]) -> str:
    """Centred correlation of animals and squared error, at genotypes that were not typed."""
    truth, hidden = herd.genotypes.astype(np.float64), (herd.codes < 0) & animals
    centre = truth.mean(axis=1, keepdims=True)
    r = [np.corrcoef((dosage - centre)[rows, k], (truth - centre)[rows, k])[0, 1]
         for k in np.flatnonzero(animals) if (rows := hidden[:, k]).any()]  # fmt: skip
    right = np.mean(np.rint(dosage[hidden]) == truth[hidden])
    return f"r {np.mean(r):.4f}, concordance {right:.4f}, squared error {np.mean((dosage - truth)[hidden] ** 2):.4f}"


def report(name: str, herd: Herd, dosage: NDArray[np.floating], seconds: float) -> None:
    """Print the scores of one program."""
    last, typed = herd.generation == len(SIZES), (herd.codes >= 0).any(axis=0)
    full = (herd.codes >= 0).all(axis=0)
    for group, who in (("last generation, low density", last), ("ancestors, low density", ~last & typed & ~full),
                       ("ancestors, untyped", ~last & ~typed)):  # fmt: skip
        print(f"{name:44s} {group:30s} {score(herd, dosage, who)}  ({seconds:.1f} CPU s)")


def true_frequencies(herd: Herd) -> NDArray[np.float64]:
    """(L, 2) frequencies of the founders of either breed."""
    halves = herd.genotypes[:, :FOUNDERS], herd.genotypes[:, FOUNDERS : 2 * FOUNDERS]
    return np.stack([half.mean(axis=1) / 2 for half in halves], axis=1)


def peel(herd: Herd, pedigree: Pedigree, population: bool) -> tuple[NDArray[np.float32], NDArray[np.float64] | None]:
    """(L, N) dosages, and (L, 2) frequencies of the groups where there are any."""
    options = Options(threads=1, population=PopulationOptions() if population else None)
    columns = np.array([pedigree.ids.index(name) for name, *_ in herd.lines])
    peeling = Peeling(pedigree, from_calls(herd.codes), herd.pos / 1e6, options, columns=columns)
    peeling.run()
    dosage = np.concatenate([block.dosage() for block in peeling.blocks()])[:, columns]
    return dosage, None if peeling.groups is None else peeling.groups.freq


def alphapeel(program: str, herd: Herd, folder: Path, grouped: bool) -> NDArray[np.float64]:
    """(L, N) dosages of the peer."""

    def name(one: str) -> str:
        return one if grouped or not one.startswith("MF_") else "0"

    trios = [(a, s, d) for a, s, d in herd.lines]
    if grouped:  # it asks for a stand-in where one parent is known
        stand_in = {a: f"X{k}" for k, (a, s, d) in enumerate(trios) if d.startswith("MF_") and not s.startswith("MF_")}
        extra = [(stand_in[a], d, d) for a, _, d in trios if a in stand_in]
        trios = [*extra, *((a, s, stand_in.get(a, d)) for a, s, d in trios)]
    (folder / "ped").write_text("".join(f"{a} {name(s)} {name(d)}\n" for a, s, d in trios))
    codes = np.where(herd.codes < 0, 9, herd.codes)
    (folder / "geno").write_text("".join(f"{a} {' '.join(map(str, codes[:, k]))}\n"
                                         for k, (a, *_) in enumerate(herd.lines)))  # fmt: skip
    words = [program, "-geno_file", folder / "geno", "-ped_file", folder / "ped", "-method", "multi", "-n_cycle", "10",
             "-est_alt_allele_prob", "-out_file", folder / "out"]  # fmt: skip
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)
    found = {fields[0]: fields[1:] for fields in map(str.split, (folder / "out.dosage.txt").read_text().splitlines())}
    return np.array([found[a] for a, *_ in herd.lines], np.float64).T


def main() -> None:
    """Simulate, peel, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--split", type=int, default=100)
    given = parser.parse_args()
    herd = simulate(given.seed, given.split)
    p, q = true_frequencies(herd).T
    fst = np.mean((p - q) ** 2) / np.mean(p * (1 - q) + q * (1 - p))
    print(f"{len(herd.lines)} animals, {len(herd.pos)} loci, Fst (Hudson) of the breeds {fst:.2f}")
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "pedigree.txt"
        path.write_text("".join(" ".join(line) + "\n" for line in herd.lines))
        pedigree = read_pedigree(path)
        for population in (False, True):
            for grouped in (True, False):
                started = time.process_time()
                one = pedigree if grouped else replace(pedigree, metafounders=None)
                dosage, freq = peel(herd, one, population)
                name = f"tessera{', population' if population else ''}{', metafounders' if grouped else ''}"
                report(name, herd, dosage, time.process_time() - started)
                if freq is not None:
                    print(f"{name}: frequencies off by {np.abs(freq - true_frequencies(herd)).mean():.3f} on average")
        for grouped in (True, False) if "AP" in os.environ else ():
            before = os.times()
            dosages = alphapeel(os.environ["AP"], herd, Path(scratch), grouped)
            after = os.times()
            took = after.children_user + after.children_system - before.children_user - before.children_system
            report(f"AlphaPeel{', metafounders' if grouped else ''}", herd, dosages, took)


if __name__ == "__main__":
    main()
