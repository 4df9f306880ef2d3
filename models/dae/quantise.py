"""Weights on disk: int8 or int4 rows, 16 or 32 bits, and matrices of low rank as two thin ones."""

from __future__ import annotations

from typing import Final, Literal

import torch
from torch import Tensor

Precision = Literal["int8", "int4", "float16", "float32"]
PRECISIONS: Final[tuple[Precision, ...]] = ("int8", "int4", "float16", "float32")

SCALE = ".scale"
LEFT, RIGHT = ".left", ".right"  # a matrix of low rank is their product
NIBBLES, COLUMNS = ".int4", ".columns"  # two numbers to a byte, and how many a row has


def pack(state: dict[str, Tensor], precision: Precision = "int8") -> dict[str, Tensor]:
    """Matrices to integers with a float16 scale along the last axis's rows, or to floats; vectors to float16.

    Args:
        state: name -> float tensor.
        precision: of the matrices; float32 keeps vectors in float32 too.

    Returns:
        name -> int8 of the same shape (int4: name + '.int4' -> uint8 of half the columns, and name + '.columns') and
        name + '.scale' -> (..., 1) float16, or floats.
    """
    packed: dict[str, Tensor] = {}
    for name, value in state.items():
        value = value.detach().float().cpu()
        if precision == "float32":
            packed[name] = value
        elif value.ndim < 2 or precision == "float16":
            packed[name] = value.half()
        else:
            packed |= _integers(name, value, 127 if precision == "int8" else 7)
    return packed


def factor(state: dict[str, Tensor], energy: float) -> dict[str, Tensor]:
    """Replace matrices by two thin ones where that takes fewer numbers.

    Args:
        state: name -> float tensor.
        energy: share of a matrix's squared singular values that is kept; the fewest directions that reach it are.

    Returns:
        The state, a factored matrix W (m, n) as name + '.left' (m, r) and name + '.right' (r, n).
    """
    factored: dict[str, Tensor] = {}
    for name, value in state.items():
        if value.ndim == 2:
            u, s, vt = torch.linalg.svd(value.detach().float(), full_matrices=False)
            kept = (s**2).cumsum(0) / (s**2).sum().clamp_min(1e-30)
            rank = min(int((kept < energy).sum()) + 1, len(s))
            if rank * (value.shape[0] + value.shape[1]) < value.numel():
                root = s[:rank].sqrt()
                factored[name + LEFT], factored[name + RIGHT] = u[:, :rank] * root, root[:, None] * vt[:rank]
                continue
        factored[name] = value
    return factored


def unpack(packed: dict[str, Tensor]) -> dict[str, Tensor]:
    """The float32 state that `pack` stored, matrices of low rank multiplied out."""
    found: dict[str, Tensor] = {}
    for name, value in packed.items():
        if name.endswith(NIBBLES):
            plain = name.removesuffix(NIBBLES)
            found[plain] = _nibbles(value, int(packed[plain + COLUMNS])) * packed[plain + SCALE].float()
        elif not name.endswith((SCALE, COLUMNS)):
            found[name] = value.float() * packed[name + SCALE].float() if name + SCALE in packed else value.float()
    for name in [name.removesuffix(LEFT) for name in found if name.endswith(LEFT)]:
        found[name] = found.pop(name + LEFT) @ found.pop(name + RIGHT)
    return found


def _integers(name: str, value: Tensor, most: int) -> dict[str, Tensor]:
    scale = (value.abs().amax(-1, keepdim=True) / most).clamp_min(6e-8).half()
    rounded = (value / scale.float()).round().clamp(-most, most).to(torch.int8)
    if most == 127:
        return {name: rounded, name + SCALE: scale}
    columns = value.shape[-1]
    if columns % 2:
        rounded = torch.nn.functional.pad(rounded, (0, 1))
    high, low = ((rounded[..., k::2] + 8).to(torch.uint8) for k in (0, 1))
    return {name + NIBBLES: high << 4 | low, name + COLUMNS: torch.tensor(columns), name + SCALE: scale}


def _nibbles(value: Tensor, columns: int) -> Tensor:
    pairs = torch.stack([value >> 4, value & 15], -1).flatten(-2)
    return pairs[..., :columns].float() - 8
