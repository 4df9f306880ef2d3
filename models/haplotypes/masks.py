"""More operations on the vectors of `models.peeling.lanes`: lanes chosen by the bits of a mask, and scans of numbers.

A mask is a uint16, bit i for lane i of sixteen. On processors with mask registers each operation is one instruction; on
others LLVM makes a few of it.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from models.peeling.lanes import FLAGS, Vector, intrinsic

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


def _load_words(builder: Any, context: Any, kind: Any, array: Any, at: Any, lanes: int, bits: int) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    pointer = builder.bitcast(builder.gep(data, [at]), ir.VectorType(ir.IntType(bits), lanes).as_pointer())
    found = builder.load(pointer)
    found.align = bits // 8
    return found


def _splat(builder: Any, value: Any, lanes: int) -> Any:
    kind = ir.VectorType(value.type, lanes)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(_I32, 0))
    return builder.shuffle_vector(
        one, ir.Constant(kind, ir.Undefined), ir.Constant(ir.VectorType(_I32, lanes), [0] * lanes)
    )


@intrinsic
def store_bits(typing: Any, words: Any, at: Any, out: Any, to: Any, stride: Any) -> Any:
    """Turn 16 words of 32 bits over: bit b of words[at + i] becomes bit i of out[to + b * stride].

    `words` is a flat array of uint32, `out` of uint16.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = _load_words(builder, context, signature.args[0], args[0], args[1], 16, 32)
        data = context.make_array(signature.args[2])(context, builder, args[2]).data
        place = args[3]
        zero = ir.Constant(vector.type, [0] * 16)
        for bit in range(32):
            one = ir.Constant(vector.type, [1 << bit] * 16)
            found = builder.icmp_unsigned("!=", builder.and_(vector, one), zero)
            builder.store(builder.bitcast(found, ir.IntType(16)), builder.gep(data, [place]))
            place = builder.add(place, args[4])
        return context.get_dummy_value()

    return types.void(words, types.intp, out, types.intp, types.intp), code


def _compare(sign: str) -> Any:
    def typed(typing: Any, array: Any, at: Any, limit: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            vector = _load_words(builder, context, signature.args[0], args[0], args[1], 32, 16)
            found = builder.icmp_signed(sign, vector, _splat(builder, args[2], 32))
            return builder.bitcast(found, ir.IntType(32))

        return types.uint32(array, types.intp, types.int16), code

    return intrinsic(typed)


above, equal = _compare(">"), _compare("==")  # bit i: array[at + i] of int16 is above, equals the limit; 32 numbers


def _scan(name: str) -> Any:
    def typed(typing: Any, x: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = args[0].type
            function = builder.module.declare_intrinsic(f"llvm.{name}", [kind], ir.FunctionType(kind, [kind, ir.IntType(1)]))
            return builder.call(function, [args[0], ir.Constant(ir.IntType(1), 0)])

        return types.uint32(types.uint32), code

    return intrinsic(typed)


trailing = _scan("cttz")  # zero bits of a uint32 below the lowest set bit; 32 of 0


@intrinsic
def set_bits(typing: Any, x: Any) -> Any:
    """Number of bits of a uint32 that are set."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = args[0].type
        function = builder.module.declare_intrinsic("llvm.ctpop", [kind], ir.FunctionType(kind, [kind]))
        return builder.call(function, [args[0]])

    return types.uint32(types.uint32), code


def _query(builder: Any, context: Any, signature: Any, args: Any) -> Any:
    """Mismatches of 16 haplotypes' words with a person's, where those are known."""
    words = _load_words(builder, context, signature.args[0], args[0], args[1], 16, 32)
    differing = builder.xor(words, _splat(builder, args[2], 16))
    return builder.and_(differing, _splat(builder, args[3], 16))


def _call(builder: Any, name: str, x: Any) -> Any:
    flag = ir.IntType(1)
    kind = ir.FunctionType(x.type, [x.type, flag])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v16i32")
    return builder.call(function, [x, ir.Constant(flag, 0)])


def _at_most(builder: Any, x: Any, most: int) -> Any:
    limit = ir.Constant(x.type, [most] * 16)
    return builder.select(builder.icmp_signed("<", x, limit), x, limit)


def _numbers(builder: Any, context: Any, kind: Any, array: Any, at: Any, bits: int) -> Any:
    """Pointer to 16 numbers."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), ir.VectorType(ir.IntType(bits), 16).as_pointer())


WORD = 32  # typed sites of a window
HIGHEST = 16383  # scores are told apart up to this
# Scores of shared stretches are log likelihood ratios, a unit is 0.23 nats: -log(1 - f) for the major allele, about
# -log(f) for a minor one of frequency f below .02, below .1 and above; log(f / error) against an allele not shared.
SHARED = 1
MINOR = (20, 12, 6)
DIFFERING = 20


def _splat_of(kind: Any, number: int) -> Any:
    return ir.Constant(kind, [number] * 16)


def _popcount(builder: Any, x: Any) -> Any:
    kind = ir.FunctionType(x.type, [x.type])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.ctpop.v16i32"), [x])


def _count_zeros(builder: Any, name: str, x: Any) -> Any:
    flag = ir.IntType(1)
    kind = ir.FunctionType(x.type, [x.type, flag])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v16i32")
    return builder.call(function, [x, ir.Constant(flag, 0)])


def _at_most(builder: Any, x: Any, most: int) -> Any:
    limit = _splat_of(x.type, most)
    return builder.select(builder.icmp_signed("<", x, limit), x, limit)


def _larger(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.icmp_signed(">", a, b), a, b)


def _numbers(builder: Any, context: Any, kind: Any, array: Any, at: Any, bits: int) -> Any:
    """Pointer to 16 numbers."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), ir.VectorType(ir.IntType(bits), 16).as_pointer())


def _window(context: Any, builder: Any, signature: Any, args: Any) -> tuple[Any, Any]:
    """Of 16 haplotypes: words of what differs from the person, and the score that the window adds."""
    words = _load_words(builder, context, signature.args[0], args[0], args[1], 16, 32)
    query, known, flipped, rare, low = (_splat(builder, builder.extract_value(args[2], i), 16) for i in range(5))
    differing = builder.and_(builder.xor(words, query), known)
    minor = builder.and_(builder.and_(builder.xor(words, flipped), known), builder.not_(differing))
    common = builder.not_(builder.or_(rare, low))
    added = _splat_of(words.type, SHARED * WORD)
    for which, gain in zip((rare, low, common), MINOR, strict=True):
        found = _popcount(builder, builder.and_(minor, which))
        added = builder.add(added, builder.mul(found, _splat_of(words.type, gain)))
    cost = builder.mul(_popcount(builder, differing), _splat_of(words.type, DIFFERING))
    return differing, builder.sub(added, cost)


@intrinsic
def scan_left(typing: Any, words: Any, at: Any, window: Any, run: Any, place: Any, out: Any) -> Any:
    """Step of a scan to the right over 16 haplotypes: out[at:] = run[place:], then the run goes on over this window.

    `window` are five words of 32 bits: the person's alleles, which of them are known, where REF is the minor allele,
    where the minor allele is rare, and where it is of low frequency.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        differing, added = _window(context, builder, signature, args)
        to = _numbers(builder, context, signature.args[3], args[3], args[4], 32)
        before = builder.load(to)
        before.align = 4
        kept = _numbers(builder, context, signature.args[5], args[5], args[1], 16)
        builder.store(builder.trunc(before, ir.VectorType(ir.IntType(16), 16)), kept).align = 2
        on = _at_most(builder, builder.add(before, added), HIGHEST)
        fresh = builder.mul(_count_zeros(builder, "ctlz", differing), _splat_of(on.type, SHARED))
        builder.store(_larger(builder, on, fresh), to).align = 4
        return context.get_dummy_value()

    return types.void(words, types.intp, window, run, types.intp, out), code


@intrinsic
def scan_right(typing: Any, words: Any, at: Any, window: Any, run: Any, place: Any, out: Any) -> Any:
    """Step of the scan to the left: out[at:], the runs from the left, become the scores around this window."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        differing, added = _window(context, builder, signature, args)
        to = _numbers(builder, context, signature.args[3], args[3], args[4], 32)
        right = builder.load(to)
        right.align = 4
        kept = _numbers(builder, context, signature.args[5], args[5], args[1], 16)
        left = builder.load(kept)
        left.align = 2
        left = builder.sext(left, right.type)
        one = _splat_of(right.type, SHARED)
        low, high = (builder.mul(_count_zeros(builder, name, differing), one) for name in ("cttz", "ctlz"))
        on = _at_most(builder, builder.add(right, added), HIGHEST)
        ends = _larger(builder, builder.add(left, low), builder.add(high, right))
        score = _at_most(builder, _larger(builder, ends, builder.add(left, on)), HIGHEST)
        builder.store(builder.trunc(score, ir.VectorType(ir.IntType(16), 16)), kept).align = 2
        builder.store(_larger(builder, on, low), to).align = 4
        return context.get_dummy_value()

    return types.void(words, types.intp, window, run, types.intp, out), code


@intrinsic
def load_short(typing: Any, array: Any, at: Any) -> Any:
    """Sixteen float32 from a flat array of uint16 that holds their upper halves (bfloat16)."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        found = builder.load(_numbers(builder, context, signature.args[0], args[0], args[1], 16))
        found.align = 2
        bits = builder.zext(found, ir.VectorType(_I32, 16))
        bits = builder.shl(bits, ir.Constant(bits.type, [16] * 16))
        return builder.bitcast(bits, ir.VectorType(ir.FloatType(), 16))

    return Vector(types.float32)(array, types.intp), code


@intrinsic
def store_short(typing: Any, array: Any, at: Any, values: Any) -> Any:
    """Write sixteen float32, not negative and finite, rounded to bfloat16."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bits = builder.bitcast(args[2], ir.VectorType(_I32, 16))
        bits = builder.add(bits, ir.Constant(bits.type, [1 << 15] * 16))
        high = builder.trunc(builder.lshr(bits, ir.Constant(bits.type, [16] * 16)), ir.VectorType(ir.IntType(16), 16))
        place = _numbers(builder, context, signature.args[0], args[0], args[1], 16)
        builder.store(high, place).align = 2
        return context.get_dummy_value()

    return types.void(array, types.intp, values), code


@intrinsic
def store_high(typing: Any, values: Any, out: Any, at: Any) -> Any:
    """The upper halves of sixteen float32 as out[at:at + 16] of int16; of numbers not below zero they keep the order."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bits = builder.bitcast(args[0], ir.VectorType(_I32, 16))
        high = builder.lshr(bits, ir.Constant(bits.type, [16] * 16))
        place = _numbers(builder, context, signature.args[1], args[1], args[2], 16)
        builder.store(builder.trunc(high, ir.VectorType(ir.IntType(16), 16)), place).align = 2
        return context.get_dummy_value()

    return types.void(values, out, types.intp), code
