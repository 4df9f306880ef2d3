"""What a tile's network holds between its input and its decoder blocks, for all passes, in bounded memory."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.dae.architecture import TileModel
from models.dae.encoding import presence

BATCH = 256  # passes through the trunk at a time


class Activations:
    """Latents of the passes through one tile: kept, or made again for every block where they would take too much."""

    def __init__(
        self,
        net: TileModel,
        shown: NDArray[np.int8],
        hidden: NDArray[np.bool_] | None,
        *,
        device: str,
        keep: bool,
    ) -> None:
        """Run the trunk, if its result is to be kept.

        Args:
            net: the tile's network.
            shown: (P, I) dosages 0-2 of the input sites, -1 untyped.
            hidden: (I,) input sites that are to be hidden, or None.
            device: torch device of the network.
            keep: keep the latents of all passes.
        """
        self._net, self._shown, self._hidden, self._device = net, shown, hidden, device
        self._latents = torch.cat([self._encode(k) for k in range(0, len(shown), BATCH)]) if keep else None

    def decode(self, block: int, rows: Tensor | None = None) -> Tensor:
        """(P, V, 2) float32 logits of a block, or (P, R, 2) of some of its rows."""
        if self._latents is not None:
            return self._decode(self._latents, block, rows)
        return torch.cat([self._decode(self._encode(k), block, rows) for k in range(0, len(self._shown), BATCH)])

    def _encode(self, first: int) -> Tensor:
        part = self._shown[first : first + BATCH]
        if self._hidden is not None:
            part = np.where(self._hidden, np.int8(-1), part)
        return self._net.encode(presence(torch.from_numpy(part).to(self._device)))

    def _decode(self, latents: Tensor, block: int, rows: Tensor | None) -> Tensor:
        if rows is None:
            return self._net.decode(latents, block).float()
        return self._net.decode_rows(latents, block, rows.to(self._device)).float()
