"""Steps of the scans that score how well stretches of panel haplotypes fit a person, sixteen haplotypes at a time."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from models.haplotypes.masks import load_words, numbers_at, splat
from models.lanes import intrinsic

WORD = 32  # typed sites of a window
HIGHEST = 16383  # scores are told apart up to this
# Scores of shared stretches are log likelihood ratios, a unit is 0.23 nats: -log(1 - f) for the major allele, about
# -log(f) for a minor one of frequency f below .02, below .1 and above; log(f / error) against an allele not shared.
SHARED = 1
MINOR = (20, 12, 6)
DIFFERING = 20


def _declared(module: Any, kind: Any, name: str) -> Any:
    """An LLVM intrinsic over vectors, which llvmlite cannot name by itself."""
    insert: Any = cgutils.get_or_insert_function
    return insert(module, kind, name)


def _splat_of(kind: Any, number: int) -> Any:
    return ir.Constant(kind, [number] * 16)


def _popcount(builder: Any, x: Any) -> Any:
    kind = ir.FunctionType(x.type, [x.type])
    return builder.call(_declared(builder.module, kind, "llvm.ctpop.v16i32"), [x])


def _count_zeros(builder: Any, name: str, x: Any) -> Any:
    flag = ir.IntType(1)
    kind = ir.FunctionType(x.type, [x.type, flag])
    function = _declared(builder.module, kind, f"llvm.{name}.v16i32")
    return builder.call(function, [x, ir.Constant(flag, 0)])


def _at_most(builder: Any, x: Any, most: int) -> Any:
    limit = _splat_of(x.type, most)
    return builder.select(builder.icmp_signed("<", x, limit), x, limit)


def _larger(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.icmp_signed(">", a, b), a, b)


def _window(context: Any, builder: Any, signature: Any, args: Any) -> tuple[Any, Any]:
    """Of 16 haplotypes: words of what differs from the person, and the score that the window adds."""
    words = load_words(builder, context, signature.args[0], args[0], args[1], 16, 32)
    query, known, flipped, rare, low = (splat(builder, builder.extract_value(args[2], i), 16) for i in range(5))
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
        to = numbers_at(builder, context, signature.args[3], args[3], args[4], 32)
        before = builder.load(to)
        before.align = 4
        kept = numbers_at(builder, context, signature.args[5], args[5], args[1], 16)
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
        to = numbers_at(builder, context, signature.args[3], args[3], args[4], 32)
        right = builder.load(to)
        right.align = 4
        kept = numbers_at(builder, context, signature.args[5], args[5], args[1], 16)
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
