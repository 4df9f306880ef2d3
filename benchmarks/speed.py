"""Speed of Tessera, Beagle 5.4 and Minimac4, side by side in one run: `python -m benchmarks.speed [--times 10]`.

The people of the target are repeated --times over under new names. Every program reads a VCF and writes a bgzipped VCF
with GT:DS:GP. The floor is `bcftools view` writing Tessera's own output from BCF to bgzipped VCF. Medians of --runs.
Then a warm run by stage, and the limits (`benchmarks/stages.py`). --no-peers leaves Beagle and Minimac4 out.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.peers import Run, Task, hardware, require_programs, run_beagle, run_minimac, run_tessera, timed
from benchmarks.stages import print_stages


def repeat_people(target: Path, times: int, out: Path) -> Path:
    """The target with its people `times` over, renamed."""
    text = subprocess.run(["bcftools", "view", target], check=True, capture_output=True, text=True).stdout
    plain = out.with_suffix("")
    with plain.open("w") as file:
        for line in text.splitlines():
            if line.startswith("##"):
                file.write(line + "\n")
                continue
            fields = line.split("\t")
            people = fields[9:]
            if line.startswith("#CHROM"):
                again = [f"{name}_{k}" if k else name for k in range(times) for name in people]
            else:
                again = people * times
            file.write("\t".join(fields[:9] + again) + "\n")
    subprocess.run(["bgzip", "-f", plain], check=True)
    subprocess.run(["tabix", "-f", out], check=True)
    return out


def run_floor(task: Task, output: Path, threads: int) -> Run:
    """`bcftools view` writing the same output: what a VCF costs to write without any imputation."""
    bcf = task.work / "floor.bcf"
    subprocess.run(["bcftools", "view", output, "-Ob", "-o", bcf], check=True)
    command = ["bcftools", "view", str(bcf), "-Oz", "--threads", str(threads), "-o", str(task.work / "floor.vcf.gz")]
    return timed("bcftools", command, task.work / "floor.vcf.gz")


def median(runs: list[Run]) -> Run:
    """Medians of the figures of equal runs."""
    middle = {key: statistics.median(getattr(r, key) for r in runs) for key in ("wall", "cpu", "memory")}
    return replace(runs[0], **middle)


def main() -> None:
    """Command line."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--shared", type=Path, default=Path("../shared"))
    cli.add_argument("--bundle", type=Path, default=Path("bundles/kgp-chr20-demo"))
    cli.add_argument("--times", type=int, default=10)
    cli.add_argument("--runs", type=int, default=3)
    cli.add_argument("--threads", type=int, default=2)
    cli.add_argument("--no-peers", action="store_true", help="Tessera and bcftools alone")
    cli.add_argument("--array", default="global-screening-array-v.3")
    a = cli.parse_args()
    data = a.shared / "data" / "kgp-chr20"
    if not data.exists():
        sys.exit(f"There is no {data}: give the data folder by --shared.")
    require_programs()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        target = repeat_people(data / f"target.{a.array}.dev.vcf.gz", a.times, work / "target.vcf.gz")
        task = Task(data / "ref.bcf", target, a.shared / "data" / "maps" / "chr20.b37.gmap.gz", "20", work)
        rounds: list[list[Run]] = []
        for _ in range(a.runs):
            ours = run_tessera(task, a.bundle)
            floor = run_floor(task, ours.output, a.threads)
            if a.no_peers:
                rounds.append([ours, floor])
                continue
            beagle = run_beagle(task, a.threads)
            rounds.append([ours, beagle, run_minimac(task, beagle, a.threads), floor])
        print(f"{datetime.date.today()}  {hardware()}  python -m benchmarks.speed {' '.join(sys.argv[1:])}")
        print(f"chr20, {a.array}, {251 * a.times} people; medians of {a.runs}; minimac4 is without its phasing")
        ours = median([r[0] for r in rounds])
        for runs in zip(*rounds, strict=True):
            run = median(list(runs))
            figures = f"{run.wall:8.1f} s wall {run.cpu:8.1f} s cpu {run.memory:7.0f} MB"
            print(f"  {run.name:<10} {figures}   x{run.wall / ours.wall:.2f} of tessera")
        print_stages(target, a.bundle, work, a.threads, median([r[-1] for r in rounds]))


if __name__ == "__main__":
    main()
