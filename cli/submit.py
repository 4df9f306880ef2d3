"""`tessera submit`: upload files as one job, and on request wait for it and download what comes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.bars import bytes_bar
from cli.client import Client, Job
from cli.options import (
    DEFAULT_SERVER,
    AfDiff,
    CallRate,
    Effort,
    Folder,
    Hwe,
    Mending,
    Population,
    SampleAction,
    Server,
    SexSystem,
)
from cli.plain import err, out
from cli.waiting import fetch_results, wait_for
from errors import Code, TesseraError


class Format(StrEnum):
    """Format of the imputed file."""

    vcf_gz = "vcf.gz"
    bcf = "bcf"


class Mode(StrEnum):
    """How far to go."""

    impute = "impute"
    qc = "qc"


class Engine(StrEnum):
    """Which engine imputes."""

    auto = "auto"
    dae = "dae"
    peeling = "peeling"


def submit(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE...]", help="VCF, BCF, PLINK (all its files), array text, .zip or .tar.gz."),
    ] = None,
    server: Server = DEFAULT_SERVER,
    pedigree: Annotated[Path | None, typer.Option(help="Pedigree: .ped, .fam or .csv.")] = None,
    genetic_map: Annotated[
        list[Path] | None,
        typer.Option("--map", help="With a pedigree: genetic map (cM) of one or all chromosomes; may be repeated."),
    ] = None,
    frequencies: Annotated[
        Path | None, typer.Option(help="With a pedigree: known allele frequencies of its groups (MF_...).")
    ] = None,
    bundle: Annotated[str | None, typer.Option("--bundle", "-b", help="Model bundle; default: auto.")] = None,
    build: Annotated[str | None, typer.Option(help="Genome build: auto, GRCh37, GRCh38.")] = None,
    engine: Annotated[Engine | None, typer.Option(help="Engine.")] = None,
    effort: Annotated[
        Effort | None, typer.Option(help="Of imputing from haplotypes: fast, or thorough, four times as slow.")
    ] = None,
    mode: Annotated[Mode | None, typer.Option(help="Impute, or only check the file.")] = None,
    qc: Annotated[bool, typer.Option("--qc", help="Only check the file and report: the same as --mode qc.")] = False,
    from_job: Annotated[
        str | None, typer.Option("--from", metavar="JOB", help="Take the upload of this job in place of files.")
    ] = None,
    r2_min: Annotated[float | None, typer.Option(min=0, max=1, help="Leave out sites imputed with a lower R2.")] = None,
    output_format: Annotated[Format | None, typer.Option("--format", "-f", help="Format of the result.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the job; default: the first file's.")] = None,
    peel: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="With a pedigree: segregation, haplotypes, correct, only_new."),
    ] = None,
    animals: Annotated[Path | None, typer.Option(help="With a pedigree: file of the ids to write.")] = None,
    doubled_haploids: Annotated[
        Path | None, typer.Option(help="With a pedigree: file of the ids of doubled haploids.")
    ] = None,
    non_par: Annotated[
        str | None,
        typer.Option(
            metavar="FIRST-LAST", help="With a pedigree: base pairs of X or Z between the pseudoautosomal regions."
        ),
    ] = None,
    sex_system: Annotated[
        SexSystem | None, typer.Option(help="With a pedigree: males have one X or females one Z; default: by the name.")
    ] = None,
    strict: Annotated[bool | None, typer.Option("--strict/--no-strict", help="Refuse what could be mended.")] = None,
    mend: Mending = None,
    qc_call_rate: CallRate = None,
    qc_hwe: Hwe = None,
    qc_af_diff: AfDiff = None,
    population: Population = None,
    samples: Annotated[
        SampleAction | None, typer.Option(help="Samples that fail sample QC: drop them, or keep them with a flag.")
    ] = None,
    recipient: Annotated[Path | None, typer.Option(help="Crypt4GH public key to encrypt results to.")] = None,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Wait for the job's end.")] = False,
    download: Annotated[bool, typer.Option("--download", "-d", help="Wait, then download the results.")] = False,
    folder: Folder = None,
) -> None:
    """Upload files as one job, or send an earlier upload on. Prints the job's id."""
    check_source([*(files or []), *(genetic_map or [])], pedigree or frequencies, from_job)
    if qc and mode is Mode.impute:
        raise TesseraError(Code.invalid_field, "--qc and --mode impute contradict each other.", action="Give one.")
    fields = {
        "bundle": bundle,
        "build": build,
        "engine": engine,
        "effort": None if effort is None else effort.value,
        "from_job": from_job,
        "mode": Mode.qc if qc else mode,
        "r2_min": None if r2_min is None else repr(r2_min),
        "format": output_format,
        "name": name,
        "peel": peel,
        "animals": None if animals is None else " ".join(animals.read_text().split()),
        "doubled_haploids": None if doubled_haploids is None else " ".join(doubled_haploids.read_text().split()),
        "non_par": non_par,
        "sex_system": sex_system,
        "strict": None if strict is None else str(strict).lower(),
        "mend": mend,
        "qc_call_rate": qc_call_rate,
        "qc_hwe": qc_hwe,
        "qc_af_diff": qc_af_diff,
        "population": population,
        "samples": None if samples is None else samples.value,
        "recipient": None if recipient is None else recipient.read_text().strip(),
    }
    with Client(server) as client:
        given = {key: str(value) for key, value in fields.items() if value is not None}
        job = send(client, files or [], given, pedigree, genetic_map or [], frequencies)
        out.print(job.id)
        err.print(f"Page: {page_of(client, job)}")
        if wait or download:
            wait_for(client, job.id)
        if download:
            fetch_results(client, job.id, folder)


def send(
    client: Client,
    files: list[Path],
    fields: Mapping[str, str],
    pedigree: Path | None = None,
    maps: Sequence[Path] = (),
    frequencies: Path | None = None,
) -> Job:
    """Upload with a progress bar.

    Raises:
        TesseraError: `empty_file` or `not_found` for what cannot be sent; otherwise the server's refusal.
    """
    every = [*files, *([pedigree] if pedigree else []), *maps, *([frequencies] if frequencies else [])]
    check_files(every)
    total = sum(path.stat().st_size for path in every)
    with bytes_bar("Uploading", total) as moved:
        return client.submit(files, fields, pedigree=pedigree, maps=maps, frequencies=frequencies, on_bytes=moved)


def check_source(files: list[Path], pedigree: Path | None, from_job: str | None) -> None:
    """Either files or an earlier job.

    Raises:
        TesseraError: `missing_field` or `invalid_field`.
    """
    if from_job is None and not files:
        message = "There is no file to submit."
        raise TesseraError(Code.missing_field, message, action="Name files, or an earlier job by --from JOB.")
    if from_job is not None and (files or pedigree):
        message = "--from takes the upload of an earlier job: no file can come with it."
        raise TesseraError(Code.invalid_field, message, action="Leave the files out, or leave --from out.")


def check_files(paths: Iterable[Path]) -> None:
    """Check what can be checked before anything is sent.

    Raises:
        TesseraError: `not_found` or `empty_file`, naming the file.
    """
    for path in paths:
        if not path.is_file():
            raise TesseraError(Code.not_found, f"There is no file {path}.", action="Check the path.")
        if path.stat().st_size == 0:
            raise TesseraError(Code.empty_file, f"{path} is empty.")


def page_of(client: Client, job: Job) -> str:
    """Address of the job's page in a browser."""
    page = job.links.get("page") or f"/jobs/{job.id}"
    return page if "://" in page else f"{client.server}{page}"
