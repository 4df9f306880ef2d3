"""Small pedigrees and gene drops for the tests of peeling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.peeling.pedigree import Pedigree
from tests.reference.peeling_exact import Parents


def pedigree_of(parents: Parents) -> Pedigree:
    """A checked pedigree without sexes; parents must come before offspring."""
    n = len(parents)
    sire = np.array([-1 if s is None else s for s, _ in parents], np.int32)
    dam = np.array([-1 if d is None else d for _, d in parents], np.int32)
    none = np.zeros(n, np.int8)
    names = [f"a{i}" for i in range(n)]
    order = np.arange(n, dtype=np.int32)
    return Pedigree(names, [""] * n, sire, dam, none, np.arange(n, dtype=np.int32) + 1, order, True, np.zeros(n, bool))


def tree(rng: np.random.Generator, size: int) -> Parents:
    """A random pedigree without loops: every mating joins two components that nothing joined before."""
    parents: Parents = [(None, None)]
    component = [0]
    families: list[tuple[int | None, int | None]] = []
    while len(parents) < size:
        n = len(parents)
        kind = rng.integers(0, 4)
        if kind == 0 and families:
            sire, dam = families[rng.integers(len(families))]
        elif kind == 1:
            sire, dam = int(rng.integers(n)), None
        else:
            sire = int(rng.integers(n))
            others = [i for i in range(n) if component[i] != component[sire]]
            if not others:
                parents.append((None, None))
                component.append(max(component) + 1)
                continue
            dam = int(rng.choice(others))
            families.append((sire, dam))
            old, new = component[dam], component[sire]
            component = [new if c == old else c for c in component]
        if rng.integers(2) and kind == 1:
            sire, dam = dam, sire
        parents.append((sire, dam))
        component.append(component[sire if sire is not None else dam])  # type: ignore[index]
    return parents


def drop(rng: np.random.Generator, parents: Parents, founders: NDArray[np.int8], r: float) -> NDArray[np.int8]:
    """(N, 2, L) haplotypes by gene drop; founders' haplotypes are taken from (H, L) in turn."""
    loci = founders.shape[1]
    out = np.empty((len(parents), 2, loci), np.int8)
    used = 0
    for i, pair in enumerate(parents):
        for k, parent in enumerate(pair):
            if parent is None:
                out[i, k] = founders[used]
                used += 1
            else:
                switch = np.concatenate([[rng.random() < 0.5], rng.random(loci - 1) < r])
                out[i, k] = np.where(np.cumsum(switch) % 2 == 0, out[parent, 0], out[parent, 1])
    return out


def drop_single(
    rng: np.random.Generator, parents: Parents, founders: NDArray[np.int8], r: float, single: NDArray[np.bool_]
) -> NDArray[np.int8]:
    """`drop` where animals of one gamete have it twice; of (H, L) they take one when they are founders."""
    loci = founders.shape[1]
    out = np.empty((len(parents), 2, loci), np.int8)
    used = 0
    for i, pair in enumerate(parents):
        for k, parent in enumerate(pair):
            if single[i] and (parent is None if max(p is not None for p in pair) else k == 0):
                continue
            if parent is None:
                out[i, k] = founders[used]
                used += 1
            else:
                switch = np.concatenate([[rng.random() < 0.5], rng.random(loci - 1) < r])
                out[i, k] = np.where(np.cumsum(switch) % 2 == 0, out[parent, 0], out[parent, 1])
        if single[i]:
            filled = next((k for k, parent in enumerate(pair) if parent is not None), 1)
            out[i, 1 - filled] = out[i, filled]
    return out
