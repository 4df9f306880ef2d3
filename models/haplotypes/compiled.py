"""The decorators of this engine's kernels; `python -m models.haplotypes.compile` compiles them at installation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from genotypes.kernels import Function, digest_of
from genotypes.kernels import kernel as kernel_of

_NAMES: Final = (
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
)
_HERE: Final = Path(__file__).parent
_SOURCES: Final = digest_of(_HERE, _NAMES) + digest_of(_HERE.parent / "peeling", ("lanes",))


def kernel(*, nogil: bool = False, allocates: bool = False) -> Callable[[Function], Function]:
    """Compile by numba; see `genotypes.kernels.kernel`."""
    return kernel_of(_SOURCES, allocates=allocates, fastmath=True, nogil=nogil, error_model="numpy")
