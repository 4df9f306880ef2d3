"""Bundles of every kind, and the engine that each calls for."""

from __future__ import annotations

from pathlib import Path

from models.dae.bundle import Bundle
from models.haplotypes.bundle import KIND, HaplotypeBundle
from models.protocol import Imputer


def open_bundle(path: Path | str) -> Bundle:
    """Open a bundle folder or a `.tar` of one.

    Raises:
        TesseraError: `bundle_not_found`, `bundle_invalid`.
    """
    bundle = Bundle.open(path)
    if bundle.manifest.architecture.get("kind") == KIND:
        return HaplotypeBundle(bundle.folder, bundle.manifest)
    return bundle


def make_imputer(bundle: Bundle, chrom: str, *, device: str, threads: int | None) -> Imputer:
    """The engine of one chromosome; a library of haplotypes is read on the CPU whatever the device."""
    if isinstance(bundle, HaplotypeBundle):
        return bundle.imputer(chrom, threads)
    from models.dae.engine import DaeImputer

    return DaeImputer(bundle, chrom, device=device, threads=threads)
