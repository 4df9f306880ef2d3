"""Numba kernels that are kept beside their sources, and compiled anew when any source that went into them changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import numba
from numba.core import caching, runtime

Function = TypeVar("Function", bound=Callable[..., Any])

_Base: Any = caching.FunctionCache  # untyped
_runtime: Any = runtime


def digest_of(folder: Path, names: Sequence[str]) -> str:
    """sha256 (hex) over the modules of a folder that kernels call one another across, and over this one."""
    files = [*(folder / f"{name}.py" for name in names), Path(__file__)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


class _Kept(_Base):  # type: ignore[misc]  # numba is untyped
    """Numba's cache of one kernel, without what only compiling needs.

    Before it looks for a kept kernel, numba's own cache makes known everything that kernels could call: a third of a
    second in every process. Machine code needs none of it, and a compiler that finds nothing kept does the same for
    itself.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was kept for the argument types `sig`; None where there is nothing."""
        _runtime.rtsys.initialize(target_context)  # what allocates arrays, the one thing that machine code does call
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)


def kernel(sources: str, *, allocates: bool = False, **flags: bool | str) -> Callable[[Function], Function]:
    """Decorator: compile by numba with these flags and keep the result.

    Numba looks at a kernel's own file alone to tell whether what it kept is stale; `sources` (see `digest_of`) takes
    the place of that file's time stamp.

    A kernel that makes no arrays does not count references to those that it is given. Threads that count the same
    arrays wait for one another: a seventh of the time of peeling, before.

    Args:
        sources: digest of all sources that go into the kernel.
        allocates: the kernel makes arrays.
        flags: of `numba.njit`.
    """

    def compiled(function: Function) -> Function:
        njit: Any = numba.njit
        made = njit(cache=True, _nrt=allocates, **flags)(function)
        made._cache = _Kept(function)
        made._cache._cache_file._source_stamp = sources
        found: Function = made
        return found

    return compiled


NAMES: Final = (
    "bcf_sites", "bits", "cell_sums", "cells", "celltext", "codes", "counts", "hwe", "kinship", "mosaic",
    "packed_pairs", "pair_cells", "sample_stats",
)  # fmt: skip
_SOURCES: Final = digest_of(Path(__file__).parent, NAMES)


def genotype_kernel(function: Function) -> Function:
    """Decorator of the kernels of this package, which several Python threads may run at once and make no arrays."""
    return kernel(_SOURCES, nogil=True, error_model="numpy")(function)


def making_genotype_kernel(function: Function) -> Function:
    """Decorator of those that make arrays."""
    return kernel(_SOURCES, allocates=True, nogil=True, error_model="numpy")(function)
