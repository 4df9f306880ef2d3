"""`tessera bundle train --architecture li-stephens`: a phased panel becomes a bundle of haplotypes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cli.bundle_tables import show_manifest
from cli.plain import err, out

if TYPE_CHECKING:
    from models.haplotypes.train import LibraryOptions

SAID = (
    "This bundle will hold the panel's haplotypes, without names: who has it has them. For a panel that may not be "
    "shared, hold synthetic ones (--synthetic) or train an autoencoder (--architecture tile-dae)."
)
SAID_SYNTHETIC = (
    "This bundle will hold mosaics of the panel's haplotypes. Its sites, allele counts and rare alleles can still tell "
    "who was in the panel: tessera bundle privacy."
)


def train_haplotypes(o: LibraryOptions) -> None:
    """Learn the rates, score on held-out people, write the bundle and print it."""
    from models.haplotypes.train import train_library

    err.print(SAID_SYNTHETIC if o.disguise.resampling else SAID, style="dim")
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as bar:
        task = bar.add_task("reading the panel")

        def progress(rate: float, error: float, loss: float) -> None:
            bar.update(task, description=f"{rate:g} switches a cM, error {error:g}: loss {loss:.4f}")

        manifest = train_library(o, progress)
    show_manifest(manifest, out)
