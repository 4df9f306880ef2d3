"""Numba kernels that are kept beside their sources, and compiled anew when any source that went into them changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def digest_of(folder: Path, names: Sequence[str]) -> str:
    """sha256 (hex) over the modules of a folder that kernels call one another across."""
    return hashlib.sha256(b"".join((folder / f"{name}.py").read_bytes() for name in names)).hexdigest()


def kernel(sources: str, **flags: bool | str) -> Callable[[Function], Function]:
    """Decorator: compile by numba with these flags and keep the result.

    Numba looks at a kernel's own file alone to tell whether what it kept is stale; `sources` (see `digest_of`) takes
    the place of that file's time stamp.
    """

    def compiled(function: Function) -> Function:
        njit: Any = numba.njit
        made = njit(cache=True, **flags)(function)
        made._cache._cache_file._source_stamp = sources
        found: Function = made
        return found

    return compiled
