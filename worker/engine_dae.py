"""The engines that ship, as the worker's plug-in. Importing this imports PyTorch, which only child processes may do."""

from __future__ import annotations

from pathlib import Path

import torch

from models import bundles
from models.dae.bundle import Bundle
from models.protocol import Imputer


def open_bundle(path: Path) -> Bundle:
    """Open a bundle.

    Raises:
        TesseraError: `bundle_invalid`.
    """
    return bundles.open_bundle(path)


def make_imputer(bundle: Bundle, chromosome: str, *, device: str, threads: int) -> Imputer:
    """Bind a chromosome to a device; `auto` is the GPU where PyTorch sees one."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return bundles.make_imputer(bundle, chromosome, device=device, threads=threads)
