"""Bundles of every kind, and the engine that each calls for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.bundle_folder import BundleFolder
from models.haplotypes.bundle import HaplotypeBundle
from models.haplotypes.engine import CopyingImputer
from models.protocol import Imputer

if TYPE_CHECKING:
    from models.dae.bundle import Bundle


def open_bundle(path: Path | str) -> Bundle | HaplotypeBundle:
    """Open a bundle folder or a `.tar` of one; PyTorch is imported only for networks.

    Raises:
        TesseraError: `bundle_not_found`, `bundle_invalid`.
    """
    bundle = BundleFolder.open(path)
    if bundle.manifest.is_library:
        return HaplotypeBundle(bundle.folder, bundle.manifest)
    from models.dae.bundle import Bundle

    return Bundle(bundle.folder, bundle.manifest)


def make_imputer(bundle: Bundle | HaplotypeBundle, chrom: str, *, device: str, threads: int | None) -> Imputer:
    """The engine of one chromosome.

    A library of haplotypes is read on the CPU whatever the device. `auto` is the GPU where PyTorch sees one.
    """
    if isinstance(bundle, HaplotypeBundle):
        return bundle.imputer(chrom, threads)
    import torch

    from models.dae.engine import DaeImputer

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return DaeImputer(bundle, chrom, device=device, threads=threads)


def with_effort(imputer: Imputer, effort: str) -> Imputer:
    """The engine with one of `genotypes.effort.EFFORTS`; networks know one way to impute and stay as they are."""
    return imputer.with_effort(effort) if isinstance(imputer, CopyingImputer) else imputer
