"""Accuracy and speed of peeling, beside the peers in one run: `python -m benchmarks.peeling [--seed 11]`.

Simulates a pedigree with the shared simulator (needs msprime), runs `tessera peel`, and AlphaPeel and AlphaImpute2
where `AP=` and `AI2=` name their programs, and scores all by the shared evaluation.
"""

from __future__ import annotations

import argparse
import datetime
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import hardware, timed

GROUPS = {
    "last_LD": "last generation, low density",
    "anc_LD": "ancestors, low density",
    "anc_NONE": "ancestors, untyped",
}


def read_calls(data: Path) -> tuple[list[str], Any]:
    """Ids and (L, S) calls of a simulated folder, -1 missing."""
    ids: list[str] = []
    rows: list[Any] = []
    for line in (data / "genotypes.txt").read_text().splitlines():
        name, _, calls = line.partition(" ")
        ids.append(name)
        rows.append(np.frombuffer(calls.encode(), np.uint8)[::2].astype(np.int8) - 48)
    codes = np.stack(rows, axis=1)
    return ids, np.where(codes == 9, -1, codes).astype(np.int8)


def positions(data: Path) -> list[int]:
    """Base pairs of the loci; the simulator has 1 cM/Mb, as `tessera peel` has without a map."""
    return [int(line.split()[2]) for line in (data / "map.txt").read_text().splitlines()]


def write_vcf(data: Path, path: Path) -> None:
    """The simulated calls as a VCF."""
    ids, codes = read_calls(data)
    text = np.array(["0/0", "0/1", "1/1", "./."])
    with path.open("w") as out:
        out.write("##fileformat=VCFv4.3\n##contig=<ID=1>\n")
        out.write('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n')
        out.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t" + "\t".join(ids) + "\n")
        for pos, row in zip(positions(data), codes, strict=True):
            out.write(f"1\t{pos + 1}\t.\tA\tC\t.\t.\t.\tGT\t" + "\t".join(text[row]) + "\n")


def to_text(vcf: Path, dosages: Path) -> None:
    """Dosages and, beside them, genotype probabilities of a peeled VCF in the form that the evaluation reads."""
    ds: list[list[str]] = []
    gp: list[list[list[str]]] = []
    names: list[str] = []
    with gzip.open(vcf, "rt") as lines:
        for line in lines:
            if line.startswith("##"):
                continue
            cells = line.rstrip("\n").split("\t")
            if line.startswith("#"):
                names = cells[9:]
                continue
            at = [cells[8].split(":").index(key) for key in ("DS", "GP")]
            fields = [cell.split(":") for cell in cells[9:]]
            ds.append([one[at[0]] for one in fields])
            gp.append([one[at[1]].split(",") for one in fields])
    with dosages.open("w") as doses, dosages.with_suffix(".gp").open("w") as probabilities:
        for k, name in enumerate(names):
            doses.write(name + " " + " ".join(row[k] for row in ds) + "\n")
            for state in range(3):
                probabilities.write(name + " " + " ".join(row[k][state] for row in gp) + "\n")


def warm(data: Path, cycles: int) -> None:
    """Print the cost of the kernels alone, compiled and on one thread."""
    from models.peeling.engine import Peeling
    from models.peeling.options import Options
    from models.peeling.pedigree import read_pedigree
    from models.peeling.penetrance import from_calls

    ids, codes = read_calls(data)
    pedigree = read_pedigree(data / "pedigree.txt")
    place = {name: row for row, name in enumerate(pedigree.ids)}
    columns = np.array([place[name] for name in ids])
    cm = np.array(positions(data)) / 1e6
    for counted in (1, cycles):
        options = Options(cycles=counted, threads=1)
        peeling = Peeling(pedigree, from_calls(codes), cm, options, columns=columns)
        started = time.process_time()
        peeling.run()
        took = time.process_time() - started
    print(f"tessera, warm: {took / peeling.seg[..., 0].size / cycles * 1e9:.0f} ns per child, locus, cycle and core")


def commands(data: Path, work: Path, cycles: int, threads: int) -> dict[str, tuple[list[str], Path]]:
    """Command and dosage file of every program."""
    program, own = str(Path(sys.executable).with_name("tessera")), work / "tessera.vcf.gz"
    ours = [program, "peel", str(work / "in.vcf"), "-p", str(data / "pedigree.txt"), "-o", str(own)]
    ours += ["--cycles", str(cycles), "-t", str(threads)]
    found = {"tessera": (ours, own), "tessera, pedigree alone": ([*ours, "--no-population"], own)}
    files = {"geno": str(data / "genotypes.txt"), "ped": str(data / "pedigree.txt")}
    if peer := os.environ.get("AP"):
        words = [peer, "-geno_file", files["geno"], "-ped_file", files["ped"], "-method", "multi", "-n_cycle", "5",
                 "-est_alt_allele_prob", "-n_thread_loci", str(threads), "-out_file", str(work / "ap")]  # fmt: skip
        found["AlphaPeel"] = (words, work / "ap.dosage.txt")
    if peer := os.environ.get("AI2"):
        words = [peer, "-genotypes", files["geno"], "-pedigree", files["ped"], "-maxthreads", str(threads),
                 "-out", str(work / "ai2")]  # fmt: skip
        found["AlphaImpute2"] = (words, work / "ai2.genotypes")
        found["AlphaImpute2, pedigree alone"] = ([*words, "-ped_only"], work / "ai2.genotypes")
    return found


def main() -> None:
    """Command line."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--shared", type=Path, default=Path("../shared"))
    cli.add_argument("--seed", type=int, default=11)
    cli.add_argument("--simulate", nargs=argparse.REMAINDER, default=[], help="more options of the simulator, last")
    cli.add_argument("--cycles", type=int, default=10)
    cli.add_argument("--threads", type=int, default=2)
    cli.add_argument("--data", type=Path, help="a simulated folder instead of a new one")
    a = cli.parse_args()
    bench = a.shared / "bench" / "peeling"
    if not bench.exists():
        sys.exit(f"There is no {bench}: give the shared folder by --shared.")
    if not a.data and find_spec("msprime") is None:
        sys.exit("Simulating needs msprime: pip install msprime, or give a simulated folder by --data.")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        data = a.data or work / "data"
        if not a.data:
            words = [sys.executable, bench / "simulate.py", "--out", data, "--seed", str(a.seed), *a.simulate]
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        print(f"{datetime.date.today()}  {hardware()}  python -m benchmarks.peeling {' '.join(sys.argv[1:])}")
        print("centred individual r / locus r / masked concordance (calibration error of GP)")
        write_vcf(data, work / "in.vcf")
        warm(data, a.cycles)
        for name, (words, dosage) in commands(data, work, a.cycles, a.threads).items():
            run = timed(name, words, dosage)
            if dosage.suffix == ".gz":
                to_text(dosage, work / "tessera.dosage.txt")
                dosage = work / "tessera.dosage.txt"
            gp = ["--gp", str(dosage.with_suffix(".gp"))] if dosage.with_suffix(".gp").exists() else []
            score = [sys.executable, str(bench / "evaluate.py"), str(data), str(dosage), *gp]
            result = json.loads(subprocess.run(score, check=True, capture_output=True, text=True).stdout)
            print(f"{name}: {run.wall:.1f} s wall, {run.cpu:.1f} s cpu, {run.memory:.0f} MB")
            for group, title in GROUPS.items():
                if group in result:
                    one = result[group]
                    ece = result.get(f"calib_{group}", {}).get("ece")
                    told = "" if ece is None else f" ({ece:.4f})"
                    print(f"  {title:<30} {one['r_ind_c']:.4f}/{one['r_loc']:.4f}/{one['conc_mask']:.4f}{told}")


if __name__ == "__main__":
    main()
