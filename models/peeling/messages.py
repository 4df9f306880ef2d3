"""What one child of a family says about its parents, its parents about it, and both about its segregation.

States of an animal are aa, aA, Aa, AA; a pair of parents has 16, number 4 * sire + dam. Segregation s is P(sp, sm) with
sp, sm = 0 for the parent's paternal and 1 for its maternal haplotype. Given it, the likelihood of parents (s0 s1) x
(d0 d1) is the sum over sp and sm of s(sp, sm) q(s_sp, d_sm), q being the child's own penetrance x posterior. It
collapses for homozygous parents, which makes it half as dear as the 4 x 4 x 4 tensor.

Every number is a vector of loci; `at` is where the vectors of one animal, message or pair begin in a flat array.
"""

from __future__ import annotations

from typing import Any

from models.lanes import WIDTH, fill, inlined, load, most, store

FLOOR = 1e-30


@inlined
def load4(array: Any, at: int) -> Any:
    """Four vectors."""
    return load(array, at), load(array, at + WIDTH), load(array, at + 2 * WIDTH), load(array, at + 3 * WIDTH)


@inlined
def store4(array: Any, at: int, x: Any) -> None:
    """Write four vectors."""
    store(array, at, x[0])
    store(array, at + WIDTH, x[1])
    store(array, at + 2 * WIDTH, x[2])
    store(array, at + 3 * WIDTH, x[3])


@inlined
def summing_to_one(x: Any) -> Any:
    """Four vectors scaled to sum to one; FLOOR is added, so that impossible data end in equal shares."""
    floor = fill(FLOOR)
    x0, x1, x2, x3 = x[0] + floor, x[1] + floor, x[2] + floor, x[3] + floor
    scale = fill(1.0) / (x0 + x1 + x2 + x3)
    return x0 * scale, x1 * scale, x2 * scale, x3 * scale


@inlined
def largest_one(x: Any) -> Any:
    """Four vectors scaled to a largest value of one, at least FLOOR."""
    top = most(most(most(x[0], x[1]), most(x[2], x[3])), fill(1e-290))
    scale, floor = fill(1.0) / top, fill(FLOOR)
    return (most(x[0] * scale, floor), most(x[1] * scale, floor), most(x[2] * scale, floor),
            most(x[3] * scale, floor))  # fmt: skip


@inlined
def child_data(own: Any, post: Any, at: int) -> Any:
    """Own penetrance x posterior of an animal, at least FLOOR."""
    a, b, floor = load4(own, at), load4(post, at), fill(FLOOR)
    return (most(a[0] * b[0], floor), most(a[1] * b[1], floor), most(a[2] * b[2], floor),
            most(a[3] * b[3], floor))  # fmt: skip


@inlined
def likelihood(q: Any, s: Any) -> Any:
    """P(child's data | parents), 16 vectors, from its data q and segregation s."""
    q0, q1, q2, q3 = q
    s0, s1, s2, s3 = s
    p0, p1, m0, m1 = s0 + s1, s2 + s3, s0 + s2, s1 + s3
    return (
        q0, m0 * q0 + m1 * q1, m1 * q0 + m0 * q1, q1,
        p0 * q0 + p1 * q2, s0 * q0 + s1 * q1 + s2 * q2 + s3 * q3, s1 * q0 + s0 * q1 + s3 * q2 + s2 * q3,
        p0 * q1 + p1 * q3,
        p1 * q0 + p0 * q2, s2 * q0 + s3 * q1 + s0 * q2 + s1 * q3, s3 * q0 + s2 * q1 + s1 * q2 + s0 * q3,
        p1 * q1 + p0 * q3,
        q2, m0 * q2 + m1 * q3, m1 * q2 + m0 * q3, q3,
    )  # fmt: skip


@inlined
def to_child(w: Any, at: int, s: Any) -> Any:
    """P(child's genotype | parents), 4 vectors, from the pair's weights w[at:] and segregation s."""
    s0, s1, s2, s3 = s
    p0, p1, m0, m1 = s0 + s1, s2 + s3, s0 + s2, s1 + s3
    a0, a1, a2, a3 = load4(w, at)
    b0, b1, b2, b3 = load4(w, at + 4 * WIDTH)
    c0, c1, c2, c3 = load4(w, at + 8 * WIDTH)
    d0, d1, d2, d3 = load4(w, at + 12 * WIDTH)
    return summing_to_one((
        a0 + m0 * a1 + m1 * a2 + p0 * b0 + p1 * c0 + s0 * b1 + s1 * b2 + s2 * c1 + s3 * c2,
        a3 + m1 * a1 + m0 * a2 + p0 * b3 + p1 * c3 + s1 * b1 + s0 * b2 + s3 * c1 + s2 * c2,
        d0 + m0 * d1 + m1 * d2 + p1 * b0 + p0 * c0 + s2 * b1 + s3 * b2 + s0 * c1 + s1 * c2,
        d3 + m1 * d1 + m0 * d2 + p1 * b3 + p0 * c3 + s3 * b1 + s2 * b2 + s1 * c1 + s0 * c2,
    ))  # fmt: skip


@inlined
def to_segregation(w: Any, at: int, q: Any) -> Any:
    """P(child's data | segregation), 4 vectors, from the pair's weights w[at:] and the child's data q."""
    q0, q1, q2, q3 = q
    a0, a1, a2, a3 = load4(w, at)
    b0, b1, b2, b3 = load4(w, at + 4 * WIDTH)
    c0, c1, c2, c3 = load4(w, at + 8 * WIDTH)
    d0, d1, d2, d3 = load4(w, at + 12 * WIDTH)
    both = a0 * q0 + a3 * q1 + d0 * q2 + d3 * q3
    mat0 = both + a1 * q0 + a2 * q1 + d1 * q2 + d2 * q3
    mat1 = both + a1 * q1 + a2 * q0 + d1 * q3 + d2 * q2
    pat0 = b0 * q0 + c0 * q2 + b3 * q1 + c3 * q3
    pat1 = b0 * q2 + c0 * q0 + b3 * q3 + c3 * q1
    return summing_to_one((
        mat0 + pat0 + b1 * q0 + b2 * q1 + c1 * q2 + c2 * q3,
        mat1 + pat0 + b1 * q1 + b2 * q0 + c1 * q3 + c2 * q2,
        mat0 + pat1 + b1 * q2 + b2 * q3 + c1 * q0 + c2 * q1,
        mat1 + pat1 + b1 * q3 + b2 * q2 + c1 * q1 + c2 * q0,
    ))  # fmt: skip
