"""The published network and its reading written out in float64, node by node where it matters."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

State = dict[str, NDArray[np.float64]]
PAIRS = {-1: (0, 0), 0: (1, 0), 1: (1, 1), 2: (0, 1)}
ACTIVATIONS = {
    "relu": lambda v: max(v, 0.0),
    "leakyrelu": lambda v: v if v >= 0 else 0.01 * v,
    "tanh": math.tanh,
    "sigmoid": lambda v: 1 / (1 + math.exp(-v)),
}


def presences(state: State, activation: str, dosages: Sequence[int]) -> NDArray[np.float64]:
    """(L,) dosages of one person in the order of the .pos file, -1 untyped -> (L, 2) the two sigmoids of every site."""
    x = np.array([node for one in dosages for node in PAIRS[int(one)]], np.float64)
    act = ACTIVATIONS[activation]
    names = [
        f"{part}.{2 * k}" for part in ("encoder", "decoder") for k in range(sum(n.startswith(part) for n in state) // 2)
    ]
    for name in names:
        z = [float(row @ x + b) for row, b in zip(state[f"{name}.weight"], state[f"{name}.bias"], strict=True)]
        x = np.array([act(v) if name != names[-1] else 1 / (1 + math.exp(-v)) for v in z])
    return x.reshape(-1, 2)


def genotypes(ab: NDArray[np.float64]) -> NDArray[np.float64]:
    """(L, 2) sigmoids -> (L, 3) P(AA), P(AB), P(BB)."""
    out = []
    for a, b in ab:
        p = np.array([a * (1 - b), a * b, (1 - a) * b])
        out.append(p / p.sum())
    return np.array(out)
