"""`tessera peel`: a VCF and a pedigree to the genotypes of every animal, without a server."""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from cli.impute import stage_bar
from cli.plain import err, out
from cli.submit import check_files
from cli.version import software_version


def peel(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=".vcf, .vcf.gz or .bcf; animals may miss most sites.")],
    pedigree: Annotated[Path, typer.Option("--pedigree", "-p", help="Pedigree: .ped, .fam, or id sire dam.")],
    output: Annotated[Path, typer.Option("--out", "-o", help="OUT.vcf.gz")],
    map: Annotated[Path | None, typer.Option("--map", help="Genetic map (cM); without it 1 cM/Mb.")] = None,
    only: Annotated[
        Path | None, typer.Option(help="File of the ids to write, one a line; without it every member.")
    ] = None,
    cycles: Annotated[int, typer.Option(min=1, help="Rounds of peeling.")] = 10,
    population: Annotated[
        bool, typer.Option("--population/--no-population", help="Founders also from each other's haplotypes.")
    ] = True,
    threads: Annotated[int, typer.Option("--threads", "-t", min=0, help="0: all cores.")] = 0,
) -> None:
    """Impute and phase a pedigree: GT paternal|maternal, DS, GP, GQ of every member, also those without data."""
    check_files([path for path in (file, pedigree, map, only) if path])
    if not output.name.endswith(".vcf.gz"):
        raise typer.BadParameter("the output is a .vcf.gz", param_hint="--out")
    started = time.monotonic()
    from models.peeling.engine import Options
    from models.peeling.offline import peel_file
    from models.peeling.population import PopulationOptions

    with stage_bar() as show:
        done = peel_file(
            file,
            pedigree,
            output,
            map_file=map,
            only=only.read_text().split() if only else None,
            options=Options(
                cycles=cycles,
                threads=threads or len(os.sched_getaffinity(0)),
                population=PopulationOptions() if population else None,
            ),
            software=f"tessera {software_version()}",
            command=shlex.join(["tessera", *sys.argv[1:]]).replace("\n", " "),
            progress=show,
        )
    if done.strangers:
        names = ", ".join(done.strangers[:5]) + (", ..." if len(done.strangers) > 5 else "")
        err.print(f"{len(done.strangers)} samples are not in the pedigree and were left out: {names}")
    if done.left_out:
        err.print(f"{done.left_out} sites without an ALT allele, or repeated, were left out.")
    took = time.monotonic() - started
    out.print(f"{done.animals} animals ({done.typed} typed), {done.sites} sites, {took:.1f} s")
    out.print(str(output))
