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


def show_privacy(manifest: BundleManifest, console: Console) -> None:
    """Print what the membership-inference test found, or that there was none."""
    found = manifest.training.get("privacy")
    if not found:
        console.print("Whether the weights tell training people from others was not tested (tessera bundle privacy).")
        return
    people = found["people"]
    table = Table(
        "attack by",
        "AUC",
        "95% interval",
        "found at 5% false",
        title=f"Membership inference: {people['trained']} training people, {people['held_out']} held out",
    )
    for name, one in found["attacks"].items():
        low, high = one["interval95"]
        table.add_row(
            name.replace("_", " "), f"{one['auc']:.3f}", f"{low:.3f} to {high:.3f}", f"{one['found_at_5pct_false']:.1%}"
        )
    console.print(table)
