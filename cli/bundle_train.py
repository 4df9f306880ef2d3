"""`tessera bundle train`: a phased panel becomes a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.bundle_library import train_haplotypes
from cli.bundle_tables import show_estimate, show_manifest
from cli.plain import err, out
from cli.training_bar import training_bar
from errors import Code, TesseraError

if TYPE_CHECKING:
    from models.dae.plan import TrainOptions
    from models.population_table import Labels

SYNTHETIC = "Synthetic haplotypes (--architecture li-stephens)"
NETWORK, DENSE, WHO = "Network", "The published dense network (--architecture published-dense)", "Who trains"


def train(
    panel: Annotated[
        list[str],
        typer.Option(
            metavar="FILE",
            help="Phased VCF or BCF of the training people; may be repeated, and hold patterns: 'chr{1..22}.bcf'.",
        ),
    ],
    target: Annotated[Path, typer.Option("--out", help="Folder of the new bundle.")],
    build: Annotated[str, typer.Option(help="Assembly of the panel, such as GRCh37.")],
    map: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Genetic map, as many as there are; without one 1 cM/Mb."),
    ] = None,
    arrays: Annotated[Path | None, typer.Option(help="Folder of ARRAY/chrN.* manifests.", exists=True)] = None,
    chrom: Annotated[str | None, typer.Option(help="The only contig to take of the panel.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the bundle; the folder's by default.")] = None,
    work: Annotated[Path | None, typer.Option(help="Folder for checkpoints; OUT.work by default.")] = None,
    steps: Annotated[int, typer.Option(help="Training steps of each tile.", min=1)] = 6000,
    batch: Annotated[int, typer.Option(help="Training people of a step.", min=2)] = 256,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 1,
    panel_name: Annotated[str, typer.Option(help="What the panel is called in the manifest.")] = "",
    licence: Annotated[str, typer.Option(help="Licence of the bundle.")] = "unspecified",
    populations: Annotated[
        Path | None,
        typer.Option(help="Table with a header: sample id, population, larger population. [clusters]", exists=True),
    ] = None,
    ancestry: Annotated[
        bool, typer.Option("--ancestry/--no-ancestry", help="Frequencies by population, and a map of the people.")
    ] = True,
    dry_run: Annotated[bool, typer.Option(help="Say what it would cost, and end.")] = False,
    tile: Annotated[
        list[int] | None, typer.Option(help="Train this tile and no other (may be repeated).", rich_help_panel=WHO)
    ] = None,
    workers: Annotated[
        int, typer.Option(help="Processes that share the tiles, or the files.", min=1, rich_help_panel=WHO)
    ] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda (all GPUs in turn) or cuda:1.", rich_help_panel=WHO)] = "cpu",
    celery: Annotated[
        str | None,
        typer.Option(metavar="QUEUE", help="Leave the tiles to Tessera's workers of this queue.", rich_help_panel=WHO),
    ] = None,
    architecture: Annotated[
        str, typer.Option(help="li-stephens (the panel's haplotypes), tile-dae or published-dense.")
    ] = "li-stephens",
    synthetic: Annotated[
        bool,
        typer.Option(
            "--synthetic",
            help="Hold mosaics of the panel's haplotypes, none of them a person's.",
            rich_help_panel=SYNTHETIC,
        ),
    ] = False,
    longest_cm: Annotated[
        float,
        typer.Option(help="No mosaic follows one person for longer.", min=0.01, rich_help_panel=SYNTHETIC),
    ] = 1.0,
    generations: Annotated[
        float, typer.Option(help="Crossovers a Morgan that are sought.", min=1, rich_help_panel=SYNTHETIC)
    ] = 1000.0,
    least_carriers: Annotated[
        int,
        typer.Option(help="Leave out sites with fewer minor alleles in the panel.", min=1, rich_help_panel=SYNTHETIC),
    ] = 1,
    tile_sites: Annotated[
        int | None,
        typer.Option(help="Sites of a tile, at most about; 8000, dense: 2000.", min=100, rich_help_panel=NETWORK),
    ] = None,
    tile_cm: Annotated[
        float, typer.Option(help="cM of a tile, at most about.", min=0.01, rich_help_panel=NETWORK)
    ] = 1.2,
    context: Annotated[
        float, typer.Option(help="cM that a tile reads on both sides.", min=0, rich_help_panel=NETWORK)
    ] = 2.0,
    width: Annotated[int, typer.Option(help="Width of the trunk.", min=16, rich_help_panel=NETWORK)] = 1024,
    latent: Annotated[int, typer.Option(help="Latent size of a block.", min=4, rich_help_panel=NETWORK)] = 128,
    n_layers: Annotated[int, typer.Option(help="Linear layers.", min=2, rich_help_panel=DENSE)] = 4,
    size_ratio: Annotated[
        float, typer.Option(help="Width of a layer over the one before it.", min=0.01, max=1, rich_help_panel=DENSE)
    ] = 1.0,
    activation: Annotated[str, typer.Option(help="relu, leakyrelu, tanh or sigmoid.", rich_help_panel=DENSE)] = "tanh",
    loss: Annotated[str, typer.Option(help="bce or focal.", rich_help_panel=DENSE)] = "bce",
    l1: Annotated[float, typer.Option(help="Weight of the L1 norm.", min=0, rich_help_panel=DENSE)] = 1e-6,
    sparsity: Annotated[float, typer.Option(help="Weight of the code's KL.", min=0, rich_help_panel=DENSE)] = 0.0,
    mask_low: Annotated[float, typer.Option(help="Hidden at first.", min=0, max=1, rich_help_panel=DENSE)] = 0.8,
    mask_high: Annotated[float, typer.Option(help="Hidden at last.", min=0, max=1, rich_help_panel=DENSE)] = 0.99,
) -> None:
    """Make a bundle from a phased panel.

    The default bundle holds the panel's haplotypes: most accurate, minutes to make, and for panels that may be shared;
    it takes any number of chromosomes, in one file or several. With --synthetic it holds mosaics of them, none of which
    follows one person for longer than --longest-cm: nearly as accurate, but who has somebody's genotypes can still tell
    that they were in the panel. The networks (tile-dae, published-dense) keep the panel with its owner, a chromosome a
    bundle. A training that was stopped goes on when it is run again; run on several machines with one --work folder on
    a shared file system, they share the tiles, or the files and chromosomes.
    """
    from genotypes.manifest import LIBRARY_KIND
    from models.haplotypes.genome_options import GenomeOptions, expand
    from models.population_table import read_populations

    panels, maps = expand(panel, "--panel"), expand(map or (), "--map")
    labels = read_populations(populations) if populations else None
    if architecture != LIBRARY_KIND and (synthetic or least_carriers > 1):
        raise TesseraError(
            Code.setup_invalid, f"--synthetic and --least-carriers are for --architecture {LIBRARY_KIND}."
        )
    if architecture == LIBRARY_KIND:
        from models.haplotypes.resample import Resampling
        from models.haplotypes.synthetic import Disguise

        resampling = Resampling(generations, longest_cm) if synthetic else None
        options = GenomeOptions(
            panels=panels,
            maps=maps,
            out=target,
            name=name or target.name,
            build=build,
            chrom=chrom,
            arrays=arrays,
            work=work,
            labels=labels,
            ancestry=ancestry,
            panel_name=panel_name,
            licence=licence,
            seed=seed,
            disguise=Disguise(resampling, least_carriers),
        )
        train_haplotypes(options, workers, dry_run=dry_run)
        return
    if len(panels) != 1 or len(maps) > 1:
        message = f"{architecture} is trained on one chromosome, from one panel and one map."
        raise TesseraError(Code.setup_invalid, message, action="Train a bundle a chromosome, or li-stephens.")
    from models.dae.fit import FitOptions
    from models.dae.plan import TrainOptions
    from models.dae.published.objective import dense_training

    dense = dense_training(n_layers, size_ratio, activation, loss, l1, sparsity, mask_low, mask_high)
    settings = TrainOptions(
        panel=panels[0].absolute(),
        map=maps[0].absolute() if maps else None,
        out=target,
        name=name or target.name,
        build=build,
        chrom=chrom,
        arrays=arrays.absolute() if arrays else None,
        work=work,
        panel_name=panel_name,
        licence=licence,
        tile_sites=tile_sites or (8000 if architecture == "tile-dae" else 2000),
        tile_cm=tile_cm,
        context=context,
        seed=seed,
        device=device,
        fit=FitOptions(steps=steps, batch=batch),
        network={"width": width, "latent": latent},
        architecture=architecture,
        dense=dense,
    )
    _run(settings, dry_run=dry_run, tiles=tile, workers=workers, queue=celery)
    if ancestry and target.exists():
        _describe_people(target, panels[0], labels, chrom)


def _describe_people(bundle: Path, panel: Path, labels: Labels | None, chrom: str | None) -> None:
    """Give a new bundle frequencies by population and a map, which changes its id; say so where it can have none."""
    from models.populations import describe_people

    try:
        made = describe_people(bundle, [panel], labels, chrom=chrom)
    except TesseraError as error:
        if error.code not in (Code.setup_invalid, Code.malformed_record):  # the latter of panels that are not sorted
            raise
        # The bundle was trained for minutes or days and serves without them.
        err.print(f"No frequencies by population and no map: {error.message}", markup=False)
        return
    out.print(f"Frequencies of {len(made.populations)} populations: {', '.join(made.populations)}.", markup=False)
    if made.unmapped:
        err.print(f"No map: {made.unmapped}", markup=False)
    out.print(f"With them its id is {made.manifest.id}.")


def _run(o: TrainOptions, *, dry_run: bool, tiles: list[int] | None, workers: int, queue: str | None) -> None:
    """Say what it costs, have the tiles trained by whoever shall, and write the bundle."""
    from models.dae import train as training
    from models.dae.estimate import estimate
    from models.dae.parallel import train_parallel
    from models.dae.plan import make_plan
    from models.dae.work import WorkFolder

    training.refuse_existing(o)
    plan = make_plan(o)
    if dry_run:
        folder = WorkFolder(o.work_folder) if o.work_folder.exists() else None
        show_estimate(estimate(plan, o, folder, workers), workers, out)
        return
    work = training.open_work(plan, o)
    show_estimate(estimate(plan, o, work, workers), workers, err)
    with training_bar(work, len(plan.tiles), o.fit.steps):
        if tiles:
            training.train_some(plan, o, work, tiles, lambda tile, step, loss: None)
            return
        if queue:
            from worker.training import train_by_workers

            train_by_workers(plan, o, work, queue)
        if workers > 1:
            train_parallel(o, workers)
        training.train_tiles(plan, o, work, lambda tile, step, loss: None)
        manifest = training.finish_bundle(plan, o, work)
    show_manifest(manifest, out)
