"""A simulated panel of sequence density, an array and people seen through it: what long chromosomes are measured on.

    python -m benchmarks.large_panel --mb 20 --people 2604 --out FOLDER [--chrom 1] [--targets 100] [--seed 12]

Needs msprime. Writes FOLDER/panel.bcf (some 28 sites a kb, most of them rare, as in a population that grew),
FOLDER/arrays/gsa-like/chrN.txt (a common site every 4.5 kb) and FOLDER/target.vcf (the panel's first people, unphased:
for time and memory, not for accuracy). Then, with the time and memory of GNU time:

    tessera bundle train --panel FOLDER/panel.bcf --arrays FOLDER/arrays --build GRCh38 --out FOLDER/bundle
    tessera impute FOLDER/target.vcf -b FOLDER/bundle -o FOLDER/imputed.vcf.gz
"""

from __future__ import annotations

import argparse
import math
import struct
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
import pysam

from genotypes.bcf import typed_string

SIZE_BEFORE, SIZE_NOW, GENERATIONS = 15_000, 1_000_000, 300
MUTATION, RECOMBINATION = 2.15e-8, 1.2e-8  # the former higher than in people, for the density of several populations
APART, COMMON = 4500, 0.05  # bp between sites of the array, and their least minor-allele frequency
NO_QUALITY: Final = 0x7F800001


def simulate(mb: float, people: int, seed: int) -> Any:
    """Haplotypes of people of a population that grew."""
    msprime: Any = import_module("msprime")
    demography = msprime.Demography()
    growth = math.log(SIZE_NOW / SIZE_BEFORE) / GENERATIONS
    demography.add_population(name="A", initial_size=SIZE_NOW, growth_rate=growth)
    demography.add_population_parameters_change(
        time=GENERATIONS, initial_size=SIZE_BEFORE, growth_rate=0, population="A"
    )
    trees = msprime.sim_ancestry(
        people, demography=demography, sequence_length=mb * 1e6, recombination_rate=RECOMBINATION, random_seed=seed
    )
    return msprime.sim_mutations(trees, rate=MUTATION, random_seed=seed, model=msprime.BinaryMutationModel())


def write(trees: Any, chrom: str, targets: int, out: Path) -> int:
    """Write panel, array and people; returns the sites."""
    people, rng = trees.num_individuals, np.random.default_rng(1)
    names = "\t".join(f"S{k}" for k in range(people))
    head = (
        '##fileformat=VCFv4.2\n##FILTER=<ID=PASS,Description="All filters passed">\n'
        f"##contig=<ID={chrom},length={int(trees.sequence_length)}>\n"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"
    )
    array = out / "arrays" / "gsa-like"
    array.mkdir(parents=True, exist_ok=True)
    last = typed = count = 0
    with (
        pysam.BGZFile(str(out / "panel.bcf"), "wb", None) as panel,
        (array / f"chr{chrom}.txt").open("w") as positions,
        (out / "target.vcf").open("w") as target,
    ):
        text = f"{head}{names}\n".encode() + b"\0"
        panel.write(b"BCF\x02\x02" + struct.pack("<I", len(text)) + text)
        target.write(head + "\t".join(f"T{k}" for k in range(targets)) + "\n")
        for site in trees.variants():
            pos, alleles = int(site.site.position), (site.genotypes > 0).astype(np.uint8)
            carriers = int(alleles.sum())
            if pos <= last or carriers in (0, 2 * people):
                continue
            last, count = pos, count + 1
            ref = int(rng.integers(4))
            bases = "ACGT"[ref], "ACGT"[(ref + 1 + int(rng.integers(3))) % 4]
            calls = (alleles + 1) << 1
            calls[1::2] |= 1
            shared = struct.pack("<iiiIHHI", 0, pos - 1, 1, NO_QUALITY, 0, 2, 1 << 24 | people)
            shared += b"".join(map(typed_string, (f"rs{pos}", *bases))) + b"\x11\x00"
            own = b"\x11\x01\x21" + calls.tobytes()
            panel.write(struct.pack("<II", len(shared), len(own)) + shared + own)
            if pos - typed >= APART and COMMON <= carriers / (2 * people) <= 1 - COMMON:
                typed = pos
                positions.write(f"{chrom}\t{pos}\n")
                seen = (alleles[0 : 2 * targets : 2] + alleles[1 : 2 * targets : 2]).tolist()
                cells = "\t".join(("0/0", "0/1", "1/1")[one] for one in seen)
                target.write(f"{chrom}\t{pos}\t.\t{bases[0]}\t{bases[1]}\t.\t.\t.\tGT\t{cells}\n")
    return count


def main() -> None:
    """Simulate and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=float, default=20)
    parser.add_argument("--people", type=int, default=2604)
    parser.add_argument("--targets", type=int, default=100)
    parser.add_argument("--chrom", default="1")
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--out", type=Path, required=True)
    a = parser.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    sites = write(simulate(a.mb, a.people, a.seed), a.chrom, a.targets, a.out)
    print(f"{sites:,} sites, {(a.out / 'panel.bcf').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
