"""The decorators of this engine's kernels; `python -m models.haplotypes.compile` compiles them at installation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from genotypes.kernels import Function, digest_of
from genotypes.kernels import kernel as kernel_of
from models import lanes

NAMES: Final = (
    "masks",
    "scans",
    "select",
    "states",
    "beam",
    "sweep",
    "emit",
    "person",
    "panel_index",
    "slots",
    "matches",
    "slope_sums",
)
SOURCES: Final = digest_of(Path(__file__).parent, NAMES) + lanes.SOURCES


def kernel(*, nogil: bool = False, allocates: bool = False) -> Callable[[Function], Function]:
    """Compile by numba; see `genotypes.kernels.kernel`."""
    return kernel_of(SOURCES, allocates=allocates, fastmath=True, nogil=nogil, error_model="numpy")
