"""`tessera peel`: genotypes and a pedigree to the genotypes of every animal, without a server."""

from __future__ import annotations

import os
import shlex
import sys
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.impute import installed, need_torch, open_bundle, stage_bar
from cli.options import Effort, EffortOption, Mending, SexSystem, mend_option
from cli.plain import err, out
from cli.submit import check_files
from genotypes.builds import base_pairs


def peel(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help=".vcf, .vcf.gz or .bcf with GT, PL, GL or AD, or AlphaGenes text (with --sites). Animals may miss "
            "most sites; files may hold different animals and sites.",
        ),
    ],
    pedigree: Annotated[Path, typer.Option("--pedigree", "-p", help="Pedigree: .ped, .fam, or id sire dam.")],
    output: Annotated[Path, typer.Option("--out", "-o", help="OUT.vcf.gz or OUT.bcf")],
    map: Annotated[
        list[Path] | None,
        typer.Option(
            "--map",
            help="Genetic map (cM; HapMap, PLINK or 'pos chr cM') of one or all chromosomes, may be repeated; or a "
            "folder of them: BUILD/chr1.map. Chromosomes without one have 1 cM/Mb.",
        ),
    ] = None,
    frequencies: Annotated[
        Path | None,
        typer.Option(
            help="Known allele frequencies of the pedigree's groups (MF_...): tabs, a header CHROM POS REF ALT GROUP..."
        ),
    ] = None,
    sites: Annotated[
        Path | None, typer.Option("--sites", help="Loci of AlphaGenes text: .map or .bim, a line a column.")
    ] = None,
    bundle: Annotated[
        str,
        typer.Option(
            "--bundle",
            "-b",
            help="Impute founders from this bundle (folder, .tar or name; auto chooses) and write all its sites.",
        ),
    ] = "none",
    effort: EffortOption = Effort.fast,
    build: Annotated[str, typer.Option(help="Genome build, to choose maps of a folder.")] = "auto",
    only: Annotated[
        Path | None,
        typer.Option("--only", "--samples", help="File of the ids to write, one a line; without it every member."),
    ] = None,
    only_new: Annotated[bool, typer.Option("--only-new", help="Write only members that no FILE holds.")] = False,
    keep_observed: Annotated[
        bool,
        typer.Option(
            "--keep-observed/--correct",
            help="GT keeps observed calls where the family contradicts them, or takes the most probable genotype.",
        ),
    ] = True,
    segregation: Annotated[
        bool, typer.Option("--segregation", help="Also write which grandparental haplotypes each animal inherited.")
    ] = False,
    haplotypes: Annotated[
        bool, typer.Option("--haplotypes", help="Also write the ALT dosage of each animal's two haplotypes.")
    ] = False,
    r2_min: Annotated[float, typer.Option(min=0, max=1, help="Leave out sites with a lower R2.")] = 0.0,
    doubled_haploids: Annotated[
        Path | None,
        typer.Option("--doubled-haploids", help="File of the ids of doubled haploids, besides those of a column 'dh'."),
    ] = None,
    non_par: Annotated[
        str | None,
        typer.Option(
            "--non-par",
            metavar="FIRST-LAST",
            help="Base pairs of X or Z between the pseudoautosomal regions; known of human builds.",
        ),
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where report and checks go.")] = None,
    sex_system: Annotated[
        SexSystem, typer.Option(help="Sex chromosome: males have one X, females one Z; auto: by the name.")
    ] = SexSystem.auto,
    strict: Annotated[bool, typer.Option("--strict/--no-strict", help="Refuse what could be mended.")] = False,
    mend: Mending = None,
    cycles: Annotated[int, typer.Option(min=1, help="Rounds of peeling.")] = 10,
    population: Annotated[
        bool, typer.Option("--population/--no-population", help="Founders also from each other's haplotypes.")
    ] = True,
    chains: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", envvar="TESSERA_CHAINS", help="Chain files, to lift to the bundle's build."),
    ] = None,
    threads: Annotated[int, typer.Option("--threads", "-t", min=0, help="0: all cores.")] = 0,
    device: Annotated[str, typer.Option(help="Of the bundle's engine: auto, cpu, cuda, cuda:1.")] = "auto",
) -> None:
    """Impute and phase a pedigree: GT paternal|maternal, DS, GP, GQ of every member, also those without data."""
    folder = next((path for path in map or () if path.is_dir()), None)
    maps = [path for path in map or () if path != folder]
    check_files([*files, *maps, *(path for path in (pedigree, sites, only, doubled_haploids, frequencies) if path)])
    if not output.name.endswith((".vcf.gz", ".bcf")):
        raise typer.BadParameter("the output is a .vcf.gz or a .bcf", param_hint="--out")
    try:
        bounds = None if non_par is None else base_pairs(non_par)
    except ValueError as problem:
        raise typer.BadParameter(str(problem), param_hint="--non-par") from problem
    started = time.monotonic()
    from genotypes.memory import one_arena
    from worker.pipeline.peel_folder import PeelOptions
    from worker.pipeline.peel_run import PeelOffline, peel_offline

    one_arena()
    options = PeelOptions(
        cycles=cycles,
        population=population,
        threads=threads or len(os.sched_getaffinity(0)),
        r2_min=r2_min,
        animals=only.read_text().split() if only else None,
        only_new=only_new,
        keep_observed=keep_observed,
        segregation=segregation,
        haplotypes=haplotypes,
        maps=folder,
        command=shlex.join(["tessera", *sys.argv[1:]]).replace("\n", " "),
    )
    doubled = doubled_haploids.read_text().split() if doubled_haploids else []
    mending = mend_option(mend, "tessera peel")
    job = PeelOffline(options, build, strict, mending, sites, report, doubled, bounds, maps=maps, chains=chains,
                      frequencies=frequencies)  # fmt: skip
    job = replace(job, sex_system=sex_system.value, effort=effort.value)
    if bundle != "none":
        job = replace(job, **bundles_for(bundle, options.threads, device, effort.value))
    with stage_bar() as show:
        done = peel_offline(files, pedigree, output, job, show)
    for note in done.qc["notes"]:
        where = f" (chromosome {note['chromosome']})" if note["chromosome"] else ""
        many = f" [{note['count']:,}]" if note["count"] > 1 else ""
        err.print(f"{note['message']}{many}{where}", markup=False, highlight=False)
    corrected = sum(one.corrected for one in done.chromosomes)
    if corrected:
        what = "were kept" if keep_observed else "gave way to the most probable genotype"
        err.print(
            f"Observed calls that the family contradicts: {corrected:,}. They {what}; .contradicted.tsv.gz has each."
        )
    members = done.qc["pedigree"]
    written = sum(one.sites for one in done.chromosomes)
    took = time.monotonic() - started
    out.print(f"{members['animals']} animals ({members['with_data']} typed), {written} sites, {took:.1f} s")
    for path in done.files:
        out.print(str(path), markup=False)


def bundles_for(name: str, threads: int, device: str, effort: str) -> dict[str, Any]:
    """Fields of `PeelOffline` for a bundle that is named, or for all installed ones where it is `auto`.

    Raises:
        TesseraError: `bundle_not_found` or `bundle_invalid`; `setup_invalid` without PyTorch.
    """
    with need_torch():
        from models.bundles import with_effort
        from worker.engine_dae import make_imputer
        from worker.pipeline.peel_meet import Offer
    opened = cache(open_bundle)
    if name == "auto":
        offer = Offer(None, installed(), opened)
        return {"offer": offer, "make_imputer": lambda one, chromosome: with_effort(make_imputer(
            opened(one), chromosome, device=device, threads=threads), effort)}  # fmt: skip
    view = opened(name)
    offer = Offer(view.manifest.content_id(), [], lambda _: view)
    return {"offer": offer, "make_imputer": lambda _, chromosome: with_effort(make_imputer(
        view, chromosome, device=device, threads=threads), effort)}  # fmt: skip
