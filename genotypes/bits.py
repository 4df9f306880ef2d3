"""Where the set bits of a word are, inside numba kernels: an instruction each."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_intrinsic: Any = intrinsic  # its own types know nothing of the first argument, which numba fills in


@_intrinsic  # type: ignore[untyped-decorator]
def lowest(typing: Any, bits: Any) -> Any:
    """Zero bits below the lowest set bit of a uint64, which is not 0."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.cttz(values[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), code


@_intrinsic  # type: ignore[untyped-decorator]
def highest(typing: Any, bits: Any) -> Any:
    """Zero bits above the highest set bit of a uint64, which is not 0."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.ctlz(values[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), code
