"""Vectors of 64 bytes inside numba kernels: eight float64 or sixteen float32 lanes, each a locus or a child of its own.

Numba leaves vectorisation to LLVM, which gives up on the many short loops of the engines' kernels. These few operations
make LLVM vectors of it by hand; on processors with narrower registers LLVM splits them. Arrays are flat and contiguous.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numba
import numpy as np
from llvmlite import ir
from numba import extending, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model

from genotypes.kernels import digest_of

WIDTH: Final = 8  # float64 lanes of a vector
FLAGS: Final = ("fast",)
SOURCES: Final = digest_of(Path(__file__).parent, ("lanes",))  # part of those of every kernel that uses these


def intrinsic(function: Any) -> Any:
    """Numba's decorator, whose own types know nothing of what becomes of a function."""
    return extending.intrinsic(function)


class Vector(types.Type):
    """The numba type of a vector."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        self.lanes = 64 * 8 // dtype.bitwidth
        super().__init__(name=f"Vector({dtype})")


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    """In LLVM it is a vector."""

    def __init__(self, manager: Any, kind: Vector) -> None:
        super().__init__(manager, kind, ir.VectorType(_scalar(kind), kind.lanes))  # type: ignore[no-untyped-call]


def _scalar(kind: Vector) -> Any:
    return ir.DoubleType() if kind.dtype == types.float64 else ir.FloatType()


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, at: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    kind = context.get_value_type(Vector(array_type.dtype))
    return builder.bitcast(builder.gep(data, [at]), kind.as_pointer())


@intrinsic
def load(typing: Any, array: Any, at: Any) -> Any:
    """The vector that begins at place `at` of a flat array."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        found = builder.load(_pointer(context, builder, signature.args[0], args[0], args[1]))
        found.align = signature.args[0].dtype.bitwidth // 8
        return found

    return Vector(array.dtype)(array, types.intp), code


@intrinsic
def store(typing: Any, array: Any, at: Any, value: Any) -> Any:
    """Write a vector to place `at` of a flat array."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        done = builder.store(args[2], _pointer(context, builder, signature.args[0], args[0], args[1]))
        done.align = signature.args[0].dtype.bitwidth // 8
        return context.get_dummy_value()

    return types.void(array, types.intp, value), code


@intrinsic
def fill(typing: Any, number: Any) -> Any:
    """A vector of one number."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.VectorType(args[0].type, signature.return_type.lanes)
        one = builder.insert_element(ir.Constant(kind, ir.Undefined), args[0], ir.Constant(ir.IntType(32), 0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), [0] * kind.count)
        return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), mask)

    return Vector(number)(number), code


def _binary(emit: Callable[[Any, Any, Any], Any]) -> Any:
    def typed(typing: Any, a: Any, b: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return emit(builder, args[0], args[1])

        return a(a, b), code

    return intrinsic(typed)


most = _binary(lambda builder, a, b: builder.select(builder.fcmp_ordered(">", a, b), a, b))


class _SameKind(AbstractTemplate):
    """Two vectors of one kind give a third."""

    def generic(self, args: Any, kws: Any) -> Any:
        """Type of the result; None leaves the operator to numba."""
        return signature(args[0], *args) if isinstance(args[0], Vector) and args[0] == args[-1] else None  # type: ignore[no-untyped-call]


def _operator(symbol: Any, name: str) -> None:
    infer_global(symbol)(type(f"Vector{name}", (_SameKind,), {}))  # type: ignore[no-untyped-call]

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return getattr(builder, name)(args[0], args[1], flags=FLAGS)

    lower_builtin(symbol, Vector, Vector)(code)  # type: ignore[no-untyped-call]


_operator(operator.add, "fadd")
_operator(operator.sub, "fsub")
_operator(operator.mul, "fmul")
_operator(operator.truediv, "fdiv")


def _swapped(distance: int) -> Any:
    def typed(typing: Any, a: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            lanes = signature.return_type.lanes
            order = [lane ^ distance for lane in range(lanes)]
            return builder.shuffle_vector(args[0], args[0], ir.Constant(ir.VectorType(ir.IntType(32), lanes), order))

        return a(a), code

    return intrinsic(typed)


swap_1, swap_2 = _swapped(1), _swapped(2)  # lane k gets lane k ^ 1, k ^ 2


@intrinsic
def largest(typing: Any, a: Any) -> Any:
    """The largest lane."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        top = builder.extract_element(args[0], ir.Constant(ir.IntType(32), 0))
        for lane in range(1, signature.args[0].lanes):
            one = builder.extract_element(args[0], ir.Constant(ir.IntType(32), lane))
            top = builder.select(builder.fcmp_ordered(">", one, top), one, top)
        return top

    return a.dtype(a), code


@intrinsic
def total(typing: Any, a: Any) -> Any:
    """The sum of the lanes."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        found, lanes = args[0], signature.args[0].lanes
        while lanes > 1:  # halves are added until one lane is left
            lanes //= 2
            parts = [
                builder.shuffle_vector(found, found, ir.Constant(ir.VectorType(ir.IntType(32), lanes), order))
                for order in (list(range(lanes)), list(range(lanes, 2 * lanes)))
            ]
            found = builder.fadd(*parts, flags=FLAGS)
        return builder.extract_element(found, ir.Constant(ir.IntType(32), 0))

    return a.dtype(a), code


def inlined(function: Any) -> Any:
    """A part of kernels, always inlined by LLVM; it makes no arrays."""
    njit: Any = numba.njit
    return njit(nogil=True, error_model="numpy", fastmath=True, forceinline=True, _nrt=False)(function)


@numba.njit(nogil=True, error_model="numpy", forceinline=True)
def aligned(size: int, dtype: Any) -> Any:
    """A new flat array that begins on a cache line, which no load or store of a vector then straddles."""
    out = np.empty(size + 16, dtype)
    skipped = (64 - out.ctypes.data % 64) % 64 // out.itemsize
    return out[skipped : skipped + size]
