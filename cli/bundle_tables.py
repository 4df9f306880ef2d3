"""What `tessera bundle` prints of a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from cli.words import duration
from genotypes.manifest import BundleManifest

if TYPE_CHECKING:
    from models.dae.estimate import Estimate


def show_manifest(manifest: BundleManifest, console: Console) -> None:
    """Print the facts and the accuracy table of a manifest."""
    size = sum(f.bytes for f in manifest.files.values()) / 1e6
    facts = Table(show_header=False, box=None)
    for key, value in (
        ("id", manifest.id),
        ("build", f"{manifest.species}, {manifest.build}"),
        ("panel", ", ".join(f"{k} {v}" for k, v in manifest.panel.items() if k != "populations")),
        ("populations", populations_text(manifest)),
        ("licence", manifest.licence),
        ("size", f"{size:.1f} MB"),
        ("made", f"{manifest.created} by {manifest.software}"),
    ):
        facts.add_row(key, value)
    console.print(facts)
    if manifest.accuracy:
        edges = [f"<={b['maf'][1]:g}" for b in manifest.accuracy[0]["bins"]]
        people = manifest.accuracy[0]["people"]
        table = Table(title=f"Aggregate r2 of {people} held-out people, by MAF")
        table.add_column("array", no_wrap=True)
        for edge in edges:
            table.add_column(edge, justify="right")
        for row in manifest.accuracy:
            cells = ["-" if b["r2"] is None else f"{b['r2']:.3f}" for b in row["bins"]]
            table.add_row(row["array"], *cells)
        console.print(table)


def populations_text(manifest: BundleManifest) -> str:
    """Populations whose frequencies the bundle holds, with their people; larger ones with their parts."""
    held = manifest.panel.get("populations", [])
    parts: dict[str, list[str]] = {one["name"]: [] for one in held if one["within"] is None}
    for one in held:
        if one["within"] is not None:
            parts[one["within"]].append(f"{one['name']} {one['people']}")
    people = {one["name"]: one["people"] for one in held}
    words = [f"{name} {people[name]}" + (f" ({', '.join(of)})" if of else "") for name, of in parts.items()]
    return ", ".join(words) or "none"


def show_estimate(cost: Estimate, workers: int, console: Console) -> None:
    """Print what a training will take."""
    table = Table(show_header=False, box=None, title="Estimate", title_justify="left")
    by = f" with {workers} workers" if workers > 1 else ""
    for key, value in (
        ("tiles", f"{cost.tiles}, {cost.parameters / 1e6:.1f} million parameters"),
        ("steps left", f"{cost.steps_left}, {cost.step_s:.3f} s each in the largest tile"),
        ("time", f"about {duration(cost.seconds)}{by}, then calibration and accuracy"),
        ("memory", f"about {cost.memory_bytes / 1e9:.1f} GB a worker, besides the program's own"),
        ("disk", f"{cost.work_bytes / 1e9:.2f} GB of checkpoints, a bundle of {cost.bundle_bytes / 1e6:.1f} MB"),
    ):
        table.add_row(key, value)
    console.print(table)


def show_disguise(manifest: BundleManifest, console: Console) -> None:
    """Print how synthetic haplotypes were made, and which sites were left out."""
    made = manifest.training.get("synthetic")
    if made:
        copied = made["copied_cm"]
        console.print(
            f"Copied from one person at a time: {copied['median']:g} cM (median), {copied['quantile95']:g} (95%), "
            f"{copied['longest']:g} (longest); crossovers sought at {made['generations']:g} a Morgan."
        )
    if (least := manifest.training.get("least_carriers", 1)) > 1:
        console.print(f"Sites whose minor allele has fewer than {least} carriers in the panel were left out.")


def show_privacy(manifest: BundleManifest, console: Console) -> None:
    """Print what the membership-inference test found, or that there was none."""
    found = manifest.training.get("privacy")
    if not found:
        console.print("Whether it tells the panel's people from others was not tested (tessera bundle privacy).")
        return
    people = found["people"]
    table = Table(
        "attack by",
        "AUC",
        "95% interval",
        "found at 5% false",
        "at 1%",
        title=f"Membership inference: {people['trained']} training people, {people['held_out']} held out",
    )
    for name, one in found["attacks"].items():
        low, high = one["interval95"]
        few = one.get("found_at_1pct_false")
        table.add_row(
            name.replace("_", " "),
            f"{one['auc']:.3f}",
            f"{low:.3f} to {high:.3f}",
            f"{one['found_at_5pct_false']:.1%}",
            "-" if few is None else f"{few:.1%}",
        )
    console.print(table)
    if "longest_stretch_cm" in found:
        shared = found["longest_stretch_cm"]
        console.print(
            f"Looked at {found['sites']:,} sites, {found['cm']:g} cM; more of the genome tells more. Longest stretch "
            f"identical to a haplotype held: {shared['trained'][1]:g} cM (median of the panel's people), "
            f"{shared['held_out'][1]:g} (of others)."
        )
