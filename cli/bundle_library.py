"""`tessera bundle train --architecture li-stephens`: phased panels become a bundle of haplotypes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from cli.bundle_tables import show_manifest
from cli.genome_bar import genome_bar
from cli.plain import err, out
from cli.words import duration, size

if TYPE_CHECKING:
    from models.haplotypes.genome_estimate import GenomeCost
    from models.haplotypes.genome_options import GenomeOptions

SAID = (
    "This bundle will hold the panel's haplotypes, without names: who has it has them. For a panel that may not be "
    "shared, hold synthetic ones (--synthetic) or train an autoencoder (--architecture tile-dae)."
)
SAID_SYNTHETIC = (
    "This bundle will hold mosaics of the panel's haplotypes. Its sites, allele counts and rare alleles can still tell "
    "who was in the panel: tessera bundle privacy."
)


def train_haplotypes(o: GenomeOptions, workers: int, *, dry_run: bool) -> None:
    """Say what it costs, learn the rates, calibrate, score on held-out people, write the bundle and print it."""
    from models.dae.work import WorkFolder
    from models.haplotypes.genome import open_work, refuse_existing, train_genome
    from models.haplotypes.genome_estimate import estimate_genome
    from models.haplotypes.genome_workers import reading_workers

    refuse_existing(o)
    if dry_run:
        folder = WorkFolder(o.work_folder) if o.work_folder.exists() else None
        show_cost(estimate_genome(o, folder, workers), workers, out)
        return
    err.print(SAID_SYNTHETIC if o.disguise.resampling else SAID, style="dim")
    work = open_work(o)
    with genome_bar() as watch:
        watch("estimate", 0.0)
        show_cost(estimate_genome(o, work, workers), workers, err)
        with reading_workers(o, min(workers, len(o.panels)) - 1):
            made = train_genome(o, watch)
    show_manifest(made.manifest, out)
    people = made.people
    if people is None:
        return
    if not people.names:
        err.print(f"No frequencies by population and no map: {people.unmapped}", markup=False)
        return
    out.print(f"Frequencies of {len(people.names)} populations: {', '.join(people.names)}.", markup=False)
    if people.unmapped:
        err.print(f"No map: {people.unmapped}", markup=False)


def show_cost(cost: GenomeCost, workers: int, console: Console) -> None:
    """Print what a training will take."""
    table = Table(show_header=False, box=None, title="Estimate", title_justify="left")
    by = f" with {workers} workers" if workers > 1 else ""
    files = "1 file" if cost.files == 1 else f"{cost.files} files"
    for key, value in (
        ("panel", f"{files}, {size(cost.panel_bytes)}, {cost.people:,} people, about {cost.sites:,} sites"),
        ("reading", f"about {duration(cost.read_s)}{by}"),
        ("rates", f"about {duration(cost.rates_s)}"),
        ("calibration", f"about {duration(cost.calibration_s)}"),
        ("accuracy", f"about {duration(cost.accuracy_s)}"),
        *([("mixing", f"about {duration(cost.mixing_s)}")] if cost.mixing_s else []),
        ("memory", f"about {size(cost.memory_bytes)} a worker"),
        ("disk", f"a bundle of about {size(cost.bundle_bytes)}"),
    ):
        table.add_row(key, value)
    console.print(table)
