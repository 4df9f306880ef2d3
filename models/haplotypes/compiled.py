"""The decorator of this engine's kernels; `python -m models.haplotypes.compile` compiles them at installation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from models.kernels import Function, digest_of
from models.kernels import kernel as kernel_of

_SOURCES: Final = digest_of(Path(__file__).parent, ("select", "beam", "sweep", "person", "panel_index"))


def kernel(*, fastmath: bool = False, parallel: bool = False, nogil: bool = False) -> Callable[[Function], Function]:
    """Compile by numba; see `models.kernels.kernel`."""
    return kernel_of(_SOURCES, fastmath=fastmath, parallel=parallel, nogil=nogil)
