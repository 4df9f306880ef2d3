"""A safetensors file written tensor by tensor: a chromosome of dense tiles may be larger than memory.

The format: a little-endian 64-bit length, a JSON header of that length (name -> dtype, shape, first and end byte), and
the data.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor

_CODES = {torch.float32: ("F32", 4), torch.float16: ("F16", 2), torch.int32: ("I32", 4)}


@dataclass(frozen=True, slots=True)
class TensorPlan:
    """A tensor that will be written."""

    dtype: torch.dtype
    shape: tuple[int, ...]


class TensorFileWriter:
    """Writes announced tensors, in their announced order."""

    def __init__(self, path: Path, tensors: Mapping[str, TensorPlan], metadata: Mapping[str, str]) -> None:
        """Write the header; tensors of wider numbers should be announced first, so that all are aligned."""
        header: dict[str, Any] = {"__metadata__": dict(metadata)}
        at = 0
        for name, one in tensors.items():
            code, size = _CODES[one.dtype]
            end = at + size * math.prod(one.shape)
            header[name] = {"dtype": code, "shape": list(one.shape), "data_offsets": [at, end]}
            at = end
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        self._waiting = list(tensors.items())[::-1]
        self._file = path.open("wb")
        self._file.write(len(text).to_bytes(8, "little") + text)

    def write(self, name: str, value: Tensor) -> None:
        """Write the next tensor."""
        expected, plan = self._waiting.pop()
        if name != expected or value.dtype != plan.dtype or tuple(value.shape) != plan.shape:
            raise ValueError(f"{name} {value.dtype} {tuple(value.shape)} came instead of {expected} {plan}")
        self._file.write(value.contiguous().numpy().data)

    def __enter__(self) -> Self:
        """Use as a context."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; everything that was announced must be there."""
        self._file.close()
        if kind is None and self._waiting:
            raise ValueError(f"{len(self._waiting)} tensors were announced and not written")
