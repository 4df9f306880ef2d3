"""More operations on the vectors of `models.lanes`: lanes chosen by the bits of a mask, numbers of 16 bits.

A mask is a uint16, bit i for lane i of sixteen. On processors with mask registers each operation is one instruction; on
others LLVM makes a few of it.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from models.lanes import FLAGS, Vector, intrinsic

_I32 = ir.IntType(32)


def _lanes_of(builder: Any, mask: Any) -> Any:
    return builder.bitcast(mask, ir.VectorType(ir.IntType(1), 16))


def _plain(typing: Any, array: Any, at: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.load(builder.gep(data, [args[1]]))

    return array.dtype(array, types.intp), code


item = intrinsic(_plain)  # array[at] of a flat array, at not negative, without numba's test for that


@intrinsic
def fetch(typing: Any, array: Any, at: Any) -> Any:
    """Begin to load the line of memory that holds array[at] of a flat array, which is wanted soon."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        bytes_of = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [bytes_of, _I32, _I32, _I32])
        insert: Any = cgutils.get_or_insert_function
        function = insert(builder.module, kind, "llvm.prefetch.p0")
        read, near, of_data = (ir.Constant(_I32, number) for number in (0, 3, 1))
        builder.call(function, [builder.bitcast(builder.gep(data, [args[1]]), bytes_of), read, near, of_data])
        return context.get_dummy_value()

    return types.void(array, types.intp), code


@intrinsic
def choose(typing: Any, mask: Any, a: Any, b: Any) -> Any:
    """Lanes of `a` where `mask` has a bit, of `b` elsewhere."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(_lanes_of(builder, args[0]), args[1], args[2])

    if mask != types.uint16 or not isinstance(a, Vector) or a != b:
        return None
    return a(mask, a, b), code


def _adding(inverted: bool) -> Any:
    def typed(typing: Any, mask: Any, found: Any, x: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            more = builder.fadd(args[1], args[2], flags=FLAGS)
            chosen = (args[1], more) if inverted else (more, args[1])
            return builder.select(_lanes_of(builder, args[0]), *chosen)

        return found(mask, found, x), code

    return intrinsic(typed)


add_where, add_unless = _adding(False), _adding(True)  # (mask, found, x): found + x in lanes with, without a bit


@intrinsic
def store_sums(typing: Any, vectors: Any, out: Any, at: Any) -> Any:
    """The sums of the lanes of sixteen vectors (a tuple), stored as out[at:at + 16]."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        found = [builder.extract_value(args[0], i) for i in range(16)]
        size = 16
        while size > 1:  # each step halves the lanes of a sum and puts two vectors into one
            half = size // 2
            groups = range(0, 32, size)
            low = [group + i for group in groups for i in range(half)]
            orders = (low, [lane + half for lane in low])
            parts = []
            for a, b in zip(found[::2], found[1::2], strict=True):
                one, two = (
                    builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_I32, 16), order)) for order in orders
                )
                parts.append(builder.fadd(one, two, flags=FLAGS))
            found, size = parts, half
        data = context.make_array(signature.args[1])(context, builder, args[1]).data
        pointer = builder.bitcast(builder.gep(data, [args[2]]), found[0].type.as_pointer())
        builder.store(found[0], pointer).align = 4
        return context.get_dummy_value()

    return types.void(vectors, out, types.intp), code


def load_words(builder: Any, context: Any, kind: Any, array: Any, at: Any, lanes: int, bits: int) -> Any:
    """A vector of so many integers of so many bits, array[at:]."""
    data = context.make_array(kind)(context, builder, array).data
    pointer = builder.bitcast(builder.gep(data, [at]), ir.VectorType(ir.IntType(bits), lanes).as_pointer())
    found = builder.load(pointer)
    found.align = bits // 8
    return found


def splat(builder: Any, value: Any, lanes: int) -> Any:
    """A vector of one number."""
    kind = ir.VectorType(value.type, lanes)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(_I32, 0))
    return builder.shuffle_vector(
        one, ir.Constant(kind, ir.Undefined), ir.Constant(ir.VectorType(_I32, lanes), [0] * lanes)
    )


@intrinsic
def store_bits(
    typing: Any, words: Any, base: Any, numbers: Any, at: Any, apart: Any, out: Any, to: Any, stride: Any
) -> Any:
    """Turn 16 words of 32 bits over: bit b of words[base + numbers[at + i] * apart] is bit i of out[to + b * stride].

    `words` is a flat array of uint32, `numbers` of int32, `out` of uint16.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        source = context.make_array(kinds[0])(context, builder, args[0]).data
        which = load_words(builder, context, kinds[2], args[2], args[3], 16, 32)
        vector = ir.Constant(ir.VectorType(_I32, 16), ir.Undefined)
        for i in range(16):
            lane = ir.Constant(_I32, i)
            number = builder.sext(builder.extract_element(which, lane), args[1].type)
            place = builder.add(args[1], builder.mul(number, args[4]))
            vector = builder.insert_element(vector, builder.load(builder.gep(source, [place])), lane)
        data = context.make_array(kinds[5])(context, builder, args[5]).data
        place = args[6]
        zero = ir.Constant(vector.type, [0] * 16)
        for bit in range(32):
            one = ir.Constant(vector.type, [1 << bit] * 16)
            found = builder.icmp_unsigned("!=", builder.and_(vector, one), zero)
            builder.store(builder.bitcast(found, ir.IntType(16)), builder.gep(data, [place]))
            place = builder.add(place, args[7])
        return context.get_dummy_value()

    places = types.intp
    return types.void(words, places, numbers, places, places, out, places, places), code


@intrinsic
def alike(typing: Any, a: Any, b: Any, at: Any) -> Any:
    """Mask of the sixteen numbers of two flat arrays of int32, from place `at` on, that are the same."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        one, two = (
            load_words(builder, context, kind, array, args[2], 16, 32)
            for kind, array in zip(signature.args[:2], args[:2], strict=True)
        )
        return builder.bitcast(builder.icmp_signed("==", one, two), ir.IntType(16))

    return types.uint16(a, b, types.intp), code


def _compare(sign: str) -> Any:
    def typed(typing: Any, array: Any, at: Any, limit: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            vector = load_words(builder, context, signature.args[0], args[0], args[1], 32, 16)
            found = builder.icmp_signed(sign, vector, splat(builder, args[2], 32))
            return builder.bitcast(found, ir.IntType(32))

        return types.uint32(array, types.intp, types.int16), code

    return intrinsic(typed)


above, equal = _compare(">"), _compare("==")  # bit i: array[at + i] of int16 is above, equals the limit; 32 numbers


@intrinsic
def trailing(typing: Any, x: Any) -> Any:
    """Number of zero bits of a uint32 below its lowest set bit; 32 of 0."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        flag = ir.IntType(1)
        function = builder.module.declare_intrinsic("llvm.cttz", [_I32], ir.FunctionType(_I32, [_I32, flag]))
        return builder.call(function, [args[0], ir.Constant(flag, 0)])

    return types.uint32(types.uint32), code


@intrinsic
def set_bits(typing: Any, x: Any) -> Any:
    """Number of bits of a uint32 that are set."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = args[0].type
        function = builder.module.declare_intrinsic("llvm.ctpop", [kind], ir.FunctionType(kind, [kind]))
        return builder.call(function, [args[0]])

    return types.uint32(types.uint32), code


def numbers_at(builder: Any, context: Any, kind: Any, array: Any, at: Any, bits: int) -> Any:
    """Pointer to 16 numbers."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), ir.VectorType(ir.IntType(bits), 16).as_pointer())


def _bits_of(builder: Any, values: Any) -> Any:
    return builder.bitcast(values, ir.VectorType(_I32, 16))


@intrinsic
def load_both(typing: Any, array: Any, at: Any) -> Any:
    """Two vectors from sixteen numbers of a flat array of uint32, each two bfloat16: of the lower and upper halves."""
    kind: Any = types.UniTuple(Vector(types.float32), 2)  # type: ignore[no-untyped-call]

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bits = load_words(builder, context, signature.args[0], args[0], args[1], 16, 32)
        low = builder.shl(bits, ir.Constant(bits.type, [16] * 16))
        high = builder.and_(bits, ir.Constant(bits.type, [0xFFFF0000] * 16))
        floats = ir.VectorType(ir.FloatType(), 16)
        return context.make_tuple(builder, kind, [builder.bitcast(one, floats) for one in (low, high)])

    return kind(array, types.intp), code


@intrinsic
def store_both(typing: Any, array: Any, at: Any, low: Any, high: Any) -> Any:
    """Write two vectors, not negative and finite, rounded to bfloat16, as `load_both` reads them."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.VectorType(_I32, 16)
        half, upper = ir.Constant(kind, [1 << 15] * 16), ir.Constant(kind, [0xFFFF0000] * 16)
        one, two = (builder.add(_bits_of(builder, values), half) for values in args[2:])
        both = builder.or_(builder.lshr(one, ir.Constant(kind, [16] * 16)), builder.and_(two, upper))
        builder.store(both, numbers_at(builder, context, signature.args[0], args[0], args[1], 32)).align = 4
        return context.get_dummy_value()

    return types.void(array, types.intp, low, high), code


@intrinsic
def store_high(typing: Any, values: Any, out: Any, at: Any) -> Any:
    """The upper halves of sixteen float32 as out[at:at + 16] of int16; the order of numbers not below zero stays."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bits = builder.bitcast(args[0], ir.VectorType(_I32, 16))
        high = builder.lshr(bits, ir.Constant(bits.type, [16] * 16))
        place = numbers_at(builder, context, signature.args[1], args[1], args[2], 16)
        builder.store(builder.trunc(high, ir.VectorType(ir.IntType(16), 16)), place).align = 2
        return context.get_dummy_value()

    return types.void(values, out, types.intp), code
