"""Runs of Tessera, Beagle 5.4 and Minimac4 on the same target and panel, each timed from outside the process.

Needs Debian's beagle, minimac4, bcftools, tabix and time. Minimac4 needs phased input: it gets Beagle's phase, and its
time is its own.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("beagle", "minimac4", "bcftools", "tabix", "/usr/bin/time")


@dataclass(frozen=True)
class Run:
    """One finished command."""

    name: str
    output: Path
    wall: float  # s
    cpu: float  # s, user and system
    memory: float  # MB, peak of the largest process


@dataclass(frozen=True)
class Task:
    """What is imputed from what."""

    panel: Path  # phased BCF
    target: Path  # unphased VCF, typed sites only
    map: Path  # pos chr cM
    chrom: str
    work: Path


def require_programs() -> None:
    """End with one plain line when a peer is not installed."""
    if missing := [p for p in PROGRAMS if not shutil.which(p)]:
        sys.exit(f"Not installed: {', '.join(missing)}. On Debian: apt-get install beagle minimac4 bcftools tabix time")


def timed(name: str, command: Sequence[str], output: Path, *, filter_stdout: Path | None = None) -> Run:
    """Run a command under GNU time; its own output goes to a log beside `output`."""
    figures = output.with_name(f"{name}.time")
    log = filter_stdout or output.with_name(f"{name}.log")
    with log.open("wb") as out:
        full = ["/usr/bin/time", "-f", "%e %U %S %M", "-o", str(figures), *command]
        subprocess.run(full, check=True, stdout=out, stderr=subprocess.STDOUT)
    wall, user, system, memory = map(float, figures.read_text().split()[-4:])
    return Run(name, output, wall, user + system, memory / 1024)


def panel_vcf(task: Task) -> Path:
    """The panel as bgzipped VCF, which both peers read."""
    path = task.work / "panel.vcf.gz"
    if not path.exists():
        subprocess.run(["bcftools", "view", task.panel, "-Oz", "-o", path], check=True)
        subprocess.run(["tabix", "-f", path], check=True)
    return path


def run_beagle(task: Task, threads: int) -> Run:
    """Beagle 5.4: phases and imputes."""
    plink_map = task.work / "plink.map"
    with gzip.open(task.map, "rt") as lines, plink_map.open("w") as out:
        next(lines)
        for line in lines:
            pos, _, cm = line.split()
            out.write(f"{task.chrom} . {cm} {pos}\n")
    prefix = task.work / "beagle"
    command = ["beagle", f"gt={task.target}", f"ref={panel_vcf(task)}", f"map={plink_map}", f"out={prefix}"]
    return timed("beagle", [*command, "gp=true", f"nthreads={threads}"], task.work / "beagle.vcf.gz")


def run_minimac(task: Task, beagle: Run, threads: int) -> Run:
    """Minimac4 on Beagle's phase of the typed sites."""
    phased = task.work / "phased.vcf.gz"
    view = f"bcftools view -e 'INFO/IMP=1' {beagle.output} -Oz -o {phased} && tabix -f {phased}"
    subprocess.run(["bash", "-c", view], check=True)
    compressed = task.work / "panel.msav"
    with compressed.open("wb") as out:
        command = ["minimac4", "--compress-reference", str(panel_vcf(task))]
        subprocess.run(command, check=True, stdout=out, stderr=subprocess.DEVNULL)
    output = task.work / "minimac.vcf.gz"
    command = ["minimac4", str(compressed), str(phased), "-o", str(output), "-f", "GT,DS,GP", "-t", str(threads)]
    return timed("minimac4", command, output)


def run_tessera(task: Task, bundle: Path) -> Run:
    """`tessera impute` from a cold start: reading, imputing, writing, indexing."""
    output = task.work / "tessera.vcf.gz"
    program = Path(sys.executable).with_name("tessera")
    return timed("tessera", [str(program), "impute", str(task.target), "-b", str(bundle), "-o", str(output)], output)


def hardware() -> str:
    """Processor and cores, for the head of a table."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown processor")
    return f"{os.cpu_count()} cores, {model}"
