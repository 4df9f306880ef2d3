"""Accuracy of Tessera, Beagle 5.4 and Minimac4 on the same people, scored in one run: `python -m benchmarks.accuracy`.

Scores by the harness's own accuracy.py: aggregate r2 over all untyped genotypes of a MAF bin, and its calibration
columns. Needs the data folder (--shared, default ../shared) and the peers' programs.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.peers import Task, hardware, require_programs, run_beagle, run_minimac, run_tessera

ARRAYS = ("global-screening-array-v.3", "Axiom_UKB_WCSG", "infinium-omni2.5.v1.5")
COLUMNS = ("r2", "r2site", "ece", "infocor")


def score(shared: Path, data: Path, target: Path, outputs: list[Path], work: Path) -> dict[str, Any]:
    """The harness's figures of each output, by path."""
    figures = work / "scores.json"
    command = [sys.executable, shared / "bench" / "accuracy.py", "--truth", data / "truth.dev.bcf"]
    command += ["--panel", data / "ref.bcf", "--typed", target, "--json", figures, *outputs]
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
    scores: dict[str, Any] = json.loads(figures.read_text())
    return scores


def print_table(scores: dict[str, Any], names: dict[str, str]) -> None:
    """One block of lines for each figure, one line for each program."""
    for column in COLUMNS:
        bins = [b["maf"] for b in next(iter(scores.values()))["bins"]]
        print(f"  {column:<10}" + "".join(f"{b:>15}" for b in bins))
        for path, result in scores.items():
            cells = [f"{b[column]:15.4f}" if column in b else f"{'-':>15}" for b in result["bins"]]
            print(f"    {names[path]:<8}" + "".join(cells))
    for path, result in scores.items():
        print(f"  {names[path]}: sites of the panel absent from the output: {result['absent_sites']}")


def main() -> None:
    """Command line."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--shared", type=Path, default=Path("../shared"))
    cli.add_argument("--region", default="kgp-chr20")
    cli.add_argument("--bundle", type=Path, default=Path("bundles/kgp-chr20-demo"))
    cli.add_argument("--arrays", nargs="+", default=list(ARRAYS))
    cli.add_argument("--threads", type=int, default=2)
    a = cli.parse_args()
    data = a.shared / "data" / a.region
    if not data.exists():
        sys.exit(f"There is no {data}: give the data folder by --shared.")
    require_programs()
    chrom = a.region.rsplit("chr", 1)[1]
    print(f"{datetime.date.today()}  {hardware()}  python -m benchmarks.accuracy {' '.join(sys.argv[1:])}")
    for array in a.arrays:
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            target = data / f"target.{array}.dev.vcf.gz"
            gmap = a.shared / "data" / "maps" / f"chr{chrom}.b37.gmap.gz"
            task = Task(data / "ref.bcf", target, gmap, chrom, work)
            runs = [run_tessera(task, a.bundle), run_beagle(task, a.threads)]
            runs.append(run_minimac(task, runs[1], a.threads))
            print(f"\n{a.region}, {array}")
            for run in runs:
                print(f"  {run.name:<10} {run.wall:7.1f} s wall {run.cpu:7.1f} s cpu {run.memory:7.0f} MB")
            scores = score(a.shared, data, target, [run.output for run in runs], work)
            print_table(scores, {str(run.output): run.name for run in runs})


if __name__ == "__main__":
    main()
