"""The decorators of this engine's kernels; `python -m models.haplotypes.compile` compiles them at installation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from models.kernels import Function, digest_of
from models.kernels import kernel as kernel_of

_NAMES: Final = ("masks", "select", "states", "beam", "sweep", "emit", "person", "panel_index", "slots")
_SOURCES: Final = digest_of(Path(__file__).parent, _NAMES) + digest_of(Path(__file__).parents[1] / "peeling", ("lanes",))


def kernel(*, nogil: bool = False) -> Callable[[Function], Function]:
    """Compile by numba; see `models.kernels.kernel`."""
    return kernel_of(_SOURCES, fastmath=True, nogil=nogil, error_model="numpy")
