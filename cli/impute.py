"""`tessera impute`: the server's own pipeline on local files, without a server."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from cli.options import AfDiff, CallRate, Effort, EffortOption, Hwe, Mending, Population, SampleAction, mend_option
from cli.plain import err, out
from cli.submit import check_files
from cli.summary import show_summary
from errors import Code, TesseraError
from genotypes.manifest import FILE_NAME, BundleManifest, find_bundle, list_bundles
from genotypes.mending import QcOptions

if TYPE_CHECKING:
    from models.dae.bundle import Bundle
    from models.haplotypes.bundle import HaplotypeBundle
    from worker.pipeline.run import OfflineSummary
    from worker.pipeline.types import BundleView, Note


@contextmanager
def need_torch() -> Iterator[None]:
    """Turn a missing PyTorch into a sentence: an installation that only serves HTTP has none.

    Raises:
        TesseraError: `setup_invalid`.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise TesseraError(
            Code.setup_invalid,
            "This bundle holds networks, which need PyTorch; it is not installed here.",
            action="Run 'make setup', or: pip install 'tessera[worker]'.",
        ) from error


def impute(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="VCF, BCF, PLINK (all its files), array text, .zip or .tar.gz."),
    ],
    output: Annotated[
        Path, typer.Option("--out", "-o", help="OUT.vcf.gz or OUT.bcf, or a folder: a file a chromosome.")
    ],
    bundle: Annotated[
        str, typer.Option("--bundle", "-b", help="Its folder or .tar, or an installed one's name; auto chooses one.")
    ] = "auto",
    effort: EffortOption = Effort.fast,
    qc: Annotated[bool, typer.Option("--qc", help="Only check the files; OUT is the folder of the report.")] = False,
    build: Annotated[str, typer.Option(help="Genome build: auto, GRCh37, GRCh38.")] = "auto",
    r2_min: Annotated[float, typer.Option(min=0, max=1, help="Leave out sites imputed with a lower R2.")] = 0.0,
    strict: Annotated[bool, typer.Option("--strict/--no-strict", help="Refuse what could be mended.")] = False,
    mend: Mending = None,
    qc_call_rate: CallRate = None,
    qc_hwe: Hwe = None,
    qc_af_diff: AfDiff = None,
    population: Population = None,
    samples: Annotated[
        SampleAction | None,
        typer.Option(help="Samples that fail sample QC: drop them, or keep them with a flag. [drop]"),
    ] = None,
    chains: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", envvar="TESSERA_CHAINS", help="Chain files, to lift between builds."),
    ] = None,
    references: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", envvar="TESSERA_REFERENCES", help="Reference genomes, to align indels."),
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where report and QC go.")] = None,
    threads: Annotated[int, typer.Option("--threads", "-t", min=0, help="0: all cores.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1.")] = "auto",
    scratch: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="For what lies between; default: beside OUT.")
    ] = None,
) -> None:
    """Impute local files without a server. What comes out is what a server would give."""
    check_files(files)
    started = time.monotonic()
    from genotypes.memory import one_arena
    from models.bundles import with_effort
    from worker.engine_dae import make_imputer
    from worker.pipeline.choose import choose
    from worker.pipeline.run import OfflineOptions, run_offline
    from worker.pipeline.sample_policy import SamplePolicy

    one_arena()
    qc_settings, sample_settings = quality_settings()
    policy = sample_settings | ({"action": samples.value} if samples else {})
    thresholds = {"qc_call_rate": qc_call_rate, "qc_hwe": qc_hwe, "qc_af_diff": qc_af_diff}
    bundles = {} if bundle == "auto" else {"": open_bundle(bundle)}

    def chosen(ingested: Path) -> tuple[BundleView, Note]:
        choice = choose(ingested, installed(), lambda name: bundles.setdefault(name, open_bundle(name)), build)
        bundles[""] = bundles[choice.bundle]
        err.print(choice.note.message, markup=False)
        return bundles[""], choice.note

    cores = threads or len(os.sched_getaffinity(0))
    options = OfflineOptions(
        build=build,
        strict=strict,
        mend=mend_option(mend),
        qc=QcOptions.from_fields({name: value for name, value in thresholds.items() if value is not None}, qc_settings),
        chains=chains,
        references=references,
        population=population or "auto",
        r2_min=r2_min,
        effort=effort.value,
        command=shlex.join(["tessera", *sys.argv[1:]]).replace("\n", " "),
        threads=cores,
        report=report,
        samples=SamplePolicy(**policy),
        scratch=scratch,
        mode="qc" if qc else "impute",
    )
    with stage_bar() as show:
        made = run_offline(
            files,
            bundles.get("", chosen),
            lambda chromosome: with_effort(
                make_imputer(bundles[""], chromosome, device=device, threads=cores), effort.value
            ),
            output,
            options,
            show,
        )
    if not qc:
        show_made(made, time.monotonic() - started)
    for path in made.files:
        out.print(str(path), markup=False)


def quality_settings() -> tuple[dict[str, Any], dict[str, Any]]:
    """Fields of `jobs.slices.QcSettings` and `SampleSettings` as TESSERA_QC_* and TESSERA_SAMPLES_* set them.

    Raises:
        TesseraError: `setup_invalid`, naming each variable at fault.
    """
    from jobs.slices import QcSettings, SampleSettings

    if any(name.upper().startswith(("TESSERA_QC", "TESSERA_SAMPLES")) for name in os.environ):
        from jobs.settings import load_quality  # loading it takes a tenth of a second, and most runs need nothing of it

        found = load_quality()
        return found.qc.model_dump(), found.samples.model_dump()
    return QcSettings().model_dump(), SampleSettings().model_dump()


def show_made(made: OfflineSummary, seconds: float) -> None:
    """The summary of an imputation."""
    from worker.pipeline.quality_bins import merge_bins

    quality = [one.as_dict() for one in merge_bins(one.quality for one in made.chromosomes)]
    show_summary(quality, [asdict(one) for one in made.chromosomes], made.samples, seconds)


@need_torch()
def open_bundle(name: str) -> Bundle | HaplotypeBundle:
    """The bundle at a path, or the shipped one of that name or id.

    Raises:
        TesseraError: `bundle_not_found` or `bundle_invalid`.
    """
    from models import bundles

    path = Path(name)
    folder = _folder()
    if (path / FILE_NAME).is_file() or path.is_file():
        return bundles.open_bundle(path)
    try:
        return bundles.open_bundle(find_bundle(folder, name)[0])
    except TesseraError as error:
        if error.code is not Code.bundle_not_found:
            raise
        held = ", ".join(manifest.id for _, manifest in list_bundles(folder)) or "none"
        message = f"There is no bundle at {name!r}, and none of that name among the installed ones ({held})."
        raise TesseraError(
            Code.bundle_not_found, message, action="Name a bundle's folder or .tar by --bundle."
        ) from error


def installed() -> list[BundleManifest]:
    """The bundles that an automatic choice may take: those of `TESSERA_BUNDLES_DIR`, or the shipped ones."""
    return [manifest for _, manifest in list_bundles(_folder())]


def _folder() -> Path:
    from jobs.slices import SHIPPED_BUNDLES  # with all settings

    return Path(os.environ.get("TESSERA_BUNDLES_DIR") or SHIPPED_BUNDLES)


@contextmanager
def stage_bar() -> Iterator[Callable[[str, float], None]]:
    """One bar per stage; hands out the function that moves them."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
        tasks = {}

        def show(stage: str, fraction: float) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=1.0)
            progress.update(tasks[stage], completed=fraction)

        yield show
