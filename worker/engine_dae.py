"""The tile autoencoder as the worker's engine. Importing this imports PyTorch, which only child processes may do."""

from __future__ import annotations

from pathlib import Path

import torch

from models.dae.bundle import Bundle
from models.dae.engine import DaeImputer
from models.protocol import Imputer


def open_bundle(path: Path) -> Bundle:
    """Open a bundle.

    Raises:
        TesseraError: `bundle_invalid`.
    """
    return Bundle.open(path)


def make_imputer(bundle: Bundle, chromosome: str, *, device: str, threads: int) -> Imputer:
    """Bind a chromosome to a device; `auto` is the GPU where PyTorch sees one."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return DaeImputer(bundle, chromosome, device=device, threads=threads)
