"""Accuracy and speed of peeling, beside the peers in one run: `python -m benchmarks.peeling [--seed 11]`.

Simulates a pedigree with the shared simulator (needs msprime), runs Tessera, and AlphaPeel and AlphaImpute2 where `AP=`
and `AI2=` name their programs, and scores all by the shared evaluation.
"""

from __future__ import annotations

import argparse
import datetime
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


def run_ours(data: Path, out: Path, cycles: int, threads: int) -> None:
    """Peel the simulated calls; writes dosages, and genotype probabilities beside them."""
    from models.peeling.engine import Options, Peeling
    from models.peeling.pedigree import read_pedigree
    from models.peeling.penetrance import from_calls
    from models.peeling.population import PopulationOptions

    ids: list[str] = []
    rows: list[Any] = []
    for line in (data / "genotypes.txt").read_text().splitlines():
        name, _, calls = line.partition(" ")
        ids.append(name)
        rows.append(np.frombuffer(calls.encode(), np.uint8)[::2].astype(np.int8) - 48)
    pedigree = read_pedigree(data / "pedigree.txt")
    place = {name: row for row, name in enumerate(pedigree.ids)}
    codes = np.full((len(rows[0]), len(pedigree)), -1, np.int8)
    for name, row in zip(ids, rows, strict=True):
        codes[:, place[name]] = np.where(row == 9, -1, row)
    cm = np.array([int(line.split()[2]) for line in (data / "map.txt").read_text().splitlines()]) / 1e6
    peeling = Peeling(
        pedigree, from_calls(codes), cm, Options(cycles=cycles, threads=threads, population=PopulationOptions())
    )
    started = time.perf_counter()
    peeling.run()
    unit = (time.perf_counter() - started) / peeling.seg[..., 0].size / cycles * 1e9
    gp = np.concatenate([block.gp() for block in peeling.blocks()])
    dosage = gp[..., 1] + 2 * gp[..., 2]
    with out.open("w") as doses, out.with_suffix(".gp").open("w") as probabilities:
        for name, row in place.items():
            doses.write(name + " " + " ".join(f"{x:.3f}" for x in dosage[:, row]) + "\n")
            for state in range(3):
                probabilities.write(name + " " + " ".join(f"{x:.4f}" for x in gp[:, row, state]) + "\n")
    print(f"{unit:.0f} ns per child, locus and cycle on {threads} threads")


def commands(data: Path, work: Path, cycles: int, threads: int) -> dict[str, tuple[list[str], Path]]:
    """Command and dosage file of every program."""
    own = work / "tessera.dosage.txt"
    ours = [sys.executable, "-m", "benchmarks.peeling", "--data", str(data), "--write", str(own)]
    found = {"tessera": ([*ours, "--cycles", str(cycles), "--threads", str(threads)], own)}
    files = {"geno": str(data / "genotypes.txt"), "ped": str(data / "pedigree.txt")}
    if program := os.environ.get("AP"):
        words = [program, "-geno_file", files["geno"], "-ped_file", files["ped"], "-method", "multi", "-n_cycle", "5",
                 "-est_alt_allele_prob", "-n_thread", str(threads), "-out_file", str(work / "ap")]  # fmt: skip
        found["AlphaPeel"] = (words, work / "ap.dosage.txt")
    if program := os.environ.get("AI2"):
        words = [program, "-genotypes", files["geno"], "-pedigree", files["ped"], "-maxthreads", str(threads),
                 "-out", str(work / "ai2")]  # fmt: skip
        found["AlphaImpute2"] = (words, work / "ai2.genotypes")
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
    cli.add_argument("--write", type=Path, help="only run Tessera on --data and write dosages there")
    a = cli.parse_args()
    if a.write:
        run_ours(a.data, a.write, a.cycles, a.threads)
        return
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
        for name, (words, dosage) in commands(data, work, a.cycles, a.threads).items():
            run = timed(name, words, dosage)
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
