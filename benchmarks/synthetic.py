"""Synthetic people for examples: haplotypes of real people recombined along the genetic map, seen through an array.

    python -m benchmarks.synthetic --people PHASED.bcf --map MAP --array MANIFEST --out FOLDER [--count 50] [--seed 7]

Writes FOLDER/NAME.vcf.gz (array sites only, unphased) and FOLDER/NAME.truth.bcf (all sites, phased).
No synthetic person is a copy of a real one: each haplotype changes its source at the map's own rate times --switches.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pysam
from numpy.typing import NDArray

from genotypes.arrays import read_manifest
from genotypes.index import index_vcf
from genotypes.maps import GeneticMap
from genotypes.mosaic import mosaics
from genotypes.panel import Panel, read_panel


def make_people(panel: Panel, genetic_map: GeneticMap, count: int, switches: float, seed: int) -> NDArray[np.int8]:
    """(V, 2 * count) haplotypes of synthetic people; `switches` per cM."""
    rng = np.random.default_rng(seed)
    rows = np.ascontiguousarray(panel.haplotypes.T)
    return mosaics(rng, rows, genetic_map.cm(panel.sites.pos), 2 * count, switches).T


def write_people(
    path: Path, panel: Panel, haplotypes: NDArray[np.int8], rows: Iterable[int], build: str, phased: bool
) -> None:
    """Write the sites `rows` of (V, 2S) haplotypes as VCF or BCF by the suffix, and its index."""
    header = pysam.VariantHeader()
    header.add_line("##source=Tessera synthetic people (mosaics of real haplotypes; no real person)")
    header.contigs.add(panel.sites.chrom, assembly=build)
    header.add_line('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
    count = haplotypes.shape[1] // 2
    for k in range(count):
        header.add_sample(f"SYN{k + 1:03d}")
    sites = panel.sites
    with pysam.VariantFile(str(path), "wb" if path.suffix == ".bcf" else "wz", header=header) as out:
        for v in rows:
            record = out.new_record(
                contig=sites.chrom,
                start=int(sites.pos[v]) - 1,
                alleles=(sites.ref[v], sites.alt[v]),
                id=sites.id[v],
                filter="PASS",
            )
            for k, call in enumerate(record.samples.values()):
                pair = haplotypes[v, 2 * k : 2 * k + 2]
                call["GT"] = tuple(int(a) for a in (pair if phased else np.sort(pair)))
                call.phased = phased
            out.write(record)
    index_vcf(path)


def main() -> None:
    """Command line."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--people", type=Path, required=True)
    cli.add_argument("--map", type=Path, required=True)
    cli.add_argument("--array", type=Path, required=True)
    cli.add_argument("--out", type=Path, required=True)
    cli.add_argument("--name", default="gsa-chr20")
    cli.add_argument("--build", default="GRCh37")
    cli.add_argument("--count", type=int, default=50)
    cli.add_argument("--switches", type=float, default=0.5)
    cli.add_argument("--seed", type=int, default=7)
    a = cli.parse_args()
    panel = read_panel(a.people)
    haplotypes = make_people(panel, GeneticMap.read(a.map, panel.sites.chrom), a.count, a.switches, a.seed)
    typed = np.flatnonzero(np.isin(panel.sites.pos, read_manifest(a.array)))
    a.out.mkdir(parents=True, exist_ok=True)
    write_people(a.out / f"{a.name}.vcf.gz", panel, haplotypes, typed.tolist(), a.build, phased=False)
    write_people(a.out / f"{a.name}.truth.bcf", panel, haplotypes, range(len(panel.sites)), a.build, phased=True)
    print(f"{a.count} synthetic people, {len(typed)} typed of {len(panel.sites)} sites, in {a.out}")


if __name__ == "__main__":
    main()
