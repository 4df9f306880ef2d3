"""`NAME.pth`: the weights of a published network, loaded without executing anything, and put into site order."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from errors import Code, TesseraError

State = dict[str, Tensor]


def state_shapes(widths: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of the state dict of a network with these widths."""
    half = len(widths) // 2
    shapes: dict[str, tuple[int, ...]] = {}
    for step in range(len(widths) - 1):
        part, place = ("encoder", step) if step < half else ("decoder", step - half)
        shapes[f"{part}.{2 * place}.weight"] = (widths[step + 1], widths[step])
        shapes[f"{part}.{2 * place}.bias"] = (widths[step + 1],)
    return shapes


def load_state(path: Path, widths: tuple[int, ...]) -> State:
    """Load a state dict as float32 and check it.

    Raises:
        TesseraError: `import_invalid` when the file holds anything but tensors, or other tensors than the settings
            call for, or numbers that are not finite.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # of pickles by other programs
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a file that is broken or made to harm may fail in any way
        raise _refusal(path, "it is no plain state dict of tensors") from error
    shapes = state_shapes(widths)
    if not isinstance(state, dict) or set(state) != set(shapes):
        raise _refusal(path, f"it does not hold the {len(shapes)} tensors of a network of {len(widths) - 1} layers")
    checked: State = {}
    for name, shape in shapes.items():
        value = state[name]
        if not isinstance(value, Tensor) or value.layout is not torch.strided or not value.is_floating_point():
            raise _refusal(path, f"{name} is no matrix of numbers")
        if tuple(value.shape) != shape:
            raise _refusal(path, f"{name} has the shape {tuple(value.shape)}, the settings call for {shape}")
        checked[name] = value.detach().float()
        if not bool(checked[name].isfinite().all()):
            raise _refusal(path, f"{name} holds numbers that are not finite")
    return checked


def in_site_order(state: State, rows: NDArray[np.int32]) -> State:
    """The same network with its nodes in the order of the chromosome's sites, each site once.

    A site that stands twice in the file was fed to two pairs of nodes with the same presences: the sum of their weights
    gives the same. Of its outputs the first is read.

    Args:
        state: tensors by their published names.
        rows: (L,) row of each line of the `.pos` file in the chromosome's site table.
    """
    unique, first, place = np.unique(rows, return_index=True, return_inverse=True)
    if np.array_equal(unique, rows):
        return state
    entry = "encoder.0"
    last = max((name for name in state if name.startswith("decoder.")), key=lambda n: int(n.split(".")[1]))
    last = last.rpartition(".")[0]
    columns, outputs = _nodes(place), _nodes(first)
    weight = state[f"{entry}.weight"]
    folded = weight.new_zeros(len(weight), 2 * len(unique)).index_add_(1, columns, weight)
    changed = {f"{last}.{part}": state[f"{last}.{part}"][outputs] for part in ("weight", "bias")}
    return state | {f"{entry}.weight": folded} | changed


def _nodes(sites: NDArray[np.intp]) -> Tensor:
    """(L,) sites -> (2 L,) their nodes."""
    return torch.from_numpy((2 * sites.reshape(-1, 1) + np.array([0, 1])).ravel().astype(np.int64))


def _refusal(path: Path, why: str) -> TesseraError:
    return TesseraError(Code.import_invalid, f"The weights {path.name} were refused: {why}.", file=str(path))
