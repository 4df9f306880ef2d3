"""`NAME_param.py`: Python assignments that are read as text and never executed."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errors import Code, TesseraError
from models.dae.published.network import ACTIVATIONS, layer_widths

KNOWN = ("n_layers", "size_ratio", "activation", "ni", "no", "early_stop", "last_epoch", "avg_loss")
LONGEST = 1 << 20  # bytes; a resumed training appends a few lines, no more
MOST_LAYERS = 64


@dataclass(frozen=True, slots=True)
class Params:
    """The settings of one published network."""

    n_layers: int
    size_ratio: float
    activation: str
    nodes: int  # of the input and of the output: two for each site
    last_epoch: int | None
    avg_loss: float | None

    @property
    def widths(self) -> tuple[int, ...]:
        """Nodes of every layer, input and output included."""
        return layer_widths(self.nodes, self.n_layers, self.size_ratio)


def read_params(path: Path, sites: int) -> Params:
    """Read the settings of a tile with `sites` lines in its `.pos` file.

    Raises:
        TesseraError: `import_invalid` for anything but plain assignments of the known names, or an impossible value.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST + 1)
        if len(data) > LONGEST:
            raise _refusal(path, "it is too long")
        values = _assignments(path, data.decode())
    except (OSError, UnicodeDecodeError) as error:
        raise _refusal(path, "it cannot be read as text") from error
    return _checked(path, values, sites)


def _assignments(path: Path, text: str) -> dict[str, Any]:
    """Names and literal values; of a name that recurs, the last value (training was resumed)."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _refusal(path, "it is not a list of assignments") from error
    values: dict[str, Any] = {}
    for statement in body:
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            raise _refusal(path, f"line {statement.lineno} is not a plain assignment")
        target = statement.targets[0]
        if not isinstance(target, ast.Name) or target.id not in KNOWN:
            raise _refusal(path, f"line {statement.lineno} sets something else than {', '.join(KNOWN)}")
        try:
            value = ast.literal_eval(statement.value)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
            raise _refusal(path, f"line {statement.lineno} holds no plain value") from error
        if not isinstance(value, int | float | str) or (isinstance(value, int) and abs(value) >= 1 << 63):
            raise _refusal(path, f"line {statement.lineno} holds no plain value")
        values[target.id] = value
    return values


def _checked(path: Path, values: dict[str, Any], sites: int) -> Params:
    for name in ("n_layers", "size_ratio", "activation"):
        if name not in values:
            raise _refusal(path, f"it lacks {name}")
    layers, ratio, activation = values["n_layers"], values["size_ratio"], values["activation"]
    if type(layers) is not int or not 2 <= layers <= MOST_LAYERS:
        raise _refusal(path, f"n_layers is {layers!r}, not a number from 2 to {MOST_LAYERS}")
    if type(ratio) not in (int, float) or not 0 < ratio <= 1:
        raise _refusal(path, f"size_ratio is {ratio!r}, not above 0 and at most 1")
    if activation not in ACTIVATIONS:
        raise _refusal(path, f"activation is {activation!r}, not one of {', '.join(ACTIVATIONS)}")
    for name in ("ni", "no"):
        nodes = values.get(name, 2 * sites)
        if type(nodes) is not int or nodes != 2 * sites:
            raise _refusal(
                path, f"{name} is {nodes!r}, but the .pos file has {sites} sites, which are {2 * sites} nodes"
            )
    epoch, loss = values.get("last_epoch"), values.get("avg_loss")
    params = Params(
        n_layers=layers,
        size_ratio=float(ratio),
        activation=activation,
        nodes=2 * sites,
        last_epoch=epoch if type(epoch) is int else None,
        avg_loss=float(loss) if isinstance(loss, int | float) else None,
    )
    if min(params.widths) < 1:
        raise _refusal(path, "its layers shrink to nothing")
    return params


def _refusal(path: Path, why: str) -> TesseraError:
    return TesseraError(Code.import_invalid, f"The parameters {path.name} were refused: {why}.", file=str(path))
