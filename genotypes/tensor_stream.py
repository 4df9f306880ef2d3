"""A safetensors file whose tensors come in pieces, each larger than memory if need be.

The format: a little-endian 64-bit length, a JSON header of that length (name -> dtype, shape, first and end byte), and
the data.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

PIECE_BYTES: Final = 1 << 20
_CODES: Final = {"float64": "F64", "int64": "I64", "int32": "I32", "uint8": "U8", "bool": "BOOL"}


@dataclass(frozen=True, slots=True)
class Stream:
    """A tensor that is written piece by piece.

    Attributes:
        dtype: name of a numpy type.
        shape: of the tensor.
        itemsize: bytes of an element.
        pieces: its bytes in order.
    """

    dtype: str
    shape: tuple[int, ...]
    itemsize: int
    pieces: Iterable[Any]

    @classmethod
    def of(cls, values: NDArray[Any]) -> Stream:
        """A tensor in memory."""
        return cls(values.dtype.name, values.shape, values.dtype.itemsize, [values.tobytes()])

    @classmethod
    def of_file(cls, path: Path) -> Stream:
        """The bytes of a file, as uint8."""
        return cls("uint8", (path.stat().st_size,), 1, _pieces(path))


def write_tensors(path: Path, tensors: Mapping[str, Stream], metadata: Mapping[str, str]) -> None:
    """Write a file that any reader of safetensors reads; it is readable by all, as bundles are.

    Raises:
        ValueError: the pieces of a tensor are not as many bytes as its shape says.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    at = 0
    for name, one in tensors.items():
        end = at + one.itemsize * math.prod(one.shape)
        header[name] = {"dtype": _CODES[one.dtype], "shape": list(one.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, one in tensors.items():
            written = sum(file.write(piece) for piece in one.pieces)
            if written != one.itemsize * math.prod(one.shape):
                raise ValueError(f"{name} has {written} bytes, not those of {one.shape} {one.dtype}")
    path.chmod(0o644)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece
