"""int8 weights: one scale for each output row of a matrix."""

from __future__ import annotations

import torch
from torch import Tensor

SCALE = ".scale"


def pack(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Matrices to int8 with a float16 scale along the last axis's rows; vectors to float16.

    Args:
        state: name -> float tensor.

    Returns:
        name -> int8 of the same shape and name + '.scale' -> (..., 1) float16, or float16 for vectors.
    """
    packed: dict[str, Tensor] = {}
    for name, value in state.items():
        value = value.detach().float().cpu()
        if value.ndim < 2:
            packed[name] = value.half()
            continue
        scale = (value.abs().amax(-1, keepdim=True) / 127).clamp_min(6e-8).half()
        packed[name] = (value / scale.float()).round().clamp(-127, 127).to(torch.int8)
        packed[name + SCALE] = scale
    return packed


def unpack(packed: dict[str, Tensor]) -> dict[str, Tensor]:
    """The float32 state that `pack` stored."""
    return {
        name: value.float() * packed[name + SCALE].float() if name + SCALE in packed else value.float()
        for name, value in packed.items()
        if not name.endswith(SCALE)
    }
