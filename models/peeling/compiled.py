"""The decorators of this engine's kernels; `python -m models.peeling.compile` compiles them at installation."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from genotypes.kernels import digest_of
from genotypes.kernels import kernel as kernel_of
from models import lanes

NAMES: Final = (
    "cells", "conditioning", "copying", "lander_green", "locus", "matching", "messages", "peel", "segregation",
)  # fmt: skip
SOURCES: Final = digest_of(Path(__file__).parent, NAMES) + lanes.SOURCES


def kernel(function: Any) -> Any:
    """Compile for use by several Python threads at once; what is compiled stays beside the sources."""
    return kernel_of(SOURCES, nogil=True, error_model="numpy", fastmath=True)(function)


def making_kernel(function: Any) -> Any:
    """The same for a kernel that makes arrays."""
    return kernel_of(SOURCES, allocates=True, nogil=True, error_model="numpy", fastmath=True)(function)
