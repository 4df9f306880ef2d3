"""The engines that ship, as the worker's plug-in. A bundle of networks imports PyTorch, for child processes only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models import bundles
from models.protocol import Imputer

if TYPE_CHECKING:
    from models.dae.bundle import Bundle
    from models.haplotypes.bundle import HaplotypeBundle


def open_bundle(path: Path) -> Bundle | HaplotypeBundle:
    """Open a bundle.

    Raises:
        TesseraError: `bundle_invalid`.
    """
    return bundles.open_bundle(path)


def make_imputer(bundle: Bundle | HaplotypeBundle, chromosome: str, *, device: str, threads: int) -> Imputer:
    """Bind a chromosome to a device; `auto` is the GPU where PyTorch sees one."""
    return bundles.make_imputer(bundle, chromosome, device=device, threads=threads)
