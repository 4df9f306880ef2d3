"""Speed of quality control: `python -m benchmarks.qc [--sites 10000] [--samples 1000] [--runs 3]`.

Simulates people at `--sites` sites of a made-up bundle, spoils a tenth of the sites (REF and ALT swapped, other strand,
missing calls), and runs what a job of mode `qc` runs: reading (ingest), and matching, mending and testing (harmonise).
Each run is a fresh process on two cores; medians of --runs, start and imports included in the last column.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import hardware
from genotypes.manifest import BundleManifest, ChromosomeEntry
from genotypes.sites import SiteTable, strings
from models.protocol import Tile

CHROMOSOME = "20"


@dataclass(frozen=True, slots=True)
class MadeUpBundle:
    """What quality control asks of a bundle: sites and a manifest."""

    table: SiteTable

    @property
    def manifest(self) -> BundleManifest:
        """A manifest of one chromosome."""
        table = self.table
        entry = ChromosomeEntry(len(table), 0, 1, int(table.pos[0]), int(table.pos[-1]), None, "", "")
        panel = {"haplotypes": 4000}
        return BundleManifest("made-up", "1", "Homo sapiens", "GRCh37", {CHROMOSOME: entry}, panel, "CC0-1.0", {}, {})

    @property
    def digest(self) -> str:
        """Not asked for."""
        return ""

    @property
    def chromosomes(self) -> list[str]:
        """The one chromosome."""
        return [CHROMOSOME]

    def sites(self, chromosome: str) -> SiteTable:
        """Its sites."""
        return self.table

    def genetic_map(self, chromosome: str) -> None:
        """No recombination map."""
        return None

    def ancestry(self) -> None:
        """No map of populations."""
        return None

    def populations(self) -> None:
        """No frequencies by population."""
        return None

    def tiles(self, chromosome: str) -> list[Tile]:
        """None: nothing is imputed."""
        return []


def make(folder: Path, sites: int, samples: int) -> None:
    """Write `bundle.npz` (sites) and `upload.vcf.gz`."""
    rng = np.random.default_rng(1)
    ref = rng.integers(0, 4, sites)
    alt = (ref + rng.integers(1, 4, sites)) % 4
    bases = np.array(list("ACGT"))
    af = rng.beta(0.5, 1.5, sites).clip(0.001, 0.999).astype(np.float32)
    pos = np.cumsum(rng.integers(20, 200, sites)).astype(np.int32)
    ids = strings(["."] * sites)
    table = SiteTable(CHROMOSOME, pos, strings(bases[ref].tolist()), strings(bases[alt].tolist()), ids, af)
    table.save(folder / "bundle.npz")
    swap, flip = rng.random(sites) < 0.05, rng.random(sites) < 0.05
    flip &= ref + alt != 3  # A/T and C/G sites keep their strand
    first, second = np.where(flip, 3 - ref, ref), np.where(flip, 3 - alt, alt)
    first, second = np.where(swap, second, first), np.where(swap, first, second)
    calls = np.array(["0/0", "0/1", "1/1", "./."])
    with (folder / "upload.vcf").open("w") as file:
        file.write(f"##fileformat=VCFv4.2\n##contig=<ID={CHROMOSOME}>\n##FORMAT=<ID=GT,Number=1,Type=String,")
        file.write('Description="Genotype">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t')
        file.write("\t".join(f"S{one}" for one in range(samples)) + "\n")
        for row in range(sites):
            codes = rng.binomial(2, af[row], samples)
            codes = 2 - codes if swap[row] else codes
            codes[rng.random(samples) < 0.01] = 3
            fixed = f"{CHROMOSOME}\t{pos[row]}\t.\t{bases[first[row]]}\t{bases[second[row]]}\t.\tPASS\t.\tGT\t"
            file.write(fixed + "\t".join(calls[codes]) + "\n")
    subprocess.run(["bgzip", "-f", folder / "upload.vcf"], check=True)


def run_once(folder: Path) -> dict[str, Any]:
    """Quality control in this process: wall and CPU seconds of both stages, and of the whole process."""
    from worker.pipeline.harmonise import harmonise
    from worker.pipeline.ingest import ingest

    marks = [(time.perf_counter(), time.process_time())]
    bundle = MadeUpBundle(SiteTable.load(folder / "bundle.npz"))
    with tempfile.TemporaryDirectory(dir=folder) as work:
        ingest([folder / "upload.vcf.gz"], Path(work) / "in")
        marks.append((time.perf_counter(), time.process_time()))
        summary = harmonise(Path(work) / "in", bundle, Path(work) / "out")
        marks.append((time.perf_counter(), time.process_time()))
    (a, ca), (b, cb), (c, cc) = marks
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    counts = {name: summary.qc["chromosomes"][0][name] for name in ("swapped", "flipped", "ambiguous_strand", "hwe")}
    return {"ingest": (b - a, cb - ca), "harmonise": (c - b, cc - cb), "process": cc, "mb": peak, "counts": counts}


def main() -> None:
    """Command line."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--sites", type=int, default=10_000)
    cli.add_argument("--samples", type=int, default=1000)
    cli.add_argument("--runs", type=int, default=3)
    cli.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = cli.parse_args()
    if options.one:
        print(json.dumps(run_once(options.one)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, options.sites, options.samples)
        command = [sys.executable, "-m", "benchmarks.qc", "--one", name]
        cores = sorted(os.sched_getaffinity(0))[:2]
        runs = []
        for _ in range(options.runs):
            done = subprocess.run(
                ["taskset", "-c", ",".join(map(str, cores)), *command], check=True, capture_output=True
            )
            runs.append(json.loads(done.stdout))
        size = (folder / "upload.vcf.gz").stat().st_size / 2**20
    print(f"{hardware()}; {options.sites:,} sites x {options.samples:,} people, {size:.1f} MiB .vcf.gz")
    for stage in ("ingest", "harmonise"):
        wall, cpu = (statistics.median(run[stage][part] for run in runs) for part in (0, 1))
        print(f"{stage:<10} {wall:6.2f} s wall {cpu:6.2f} s CPU")
    cpu, peak = (statistics.median(run[part] for run in runs) for part in ("process", "mb"))
    print(f"{'process':<10} {'':>13} {cpu:6.2f} s CPU, {peak:.0f} MB; {runs[0]['counts']}")


if __name__ == "__main__":
    main()
