"""A model bundle on disk: `manifest.json`, and for each chromosome `sites.bcf` and `tiles.safetensors`. No pickles."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from errors import Code, TesseraError
from genotypes.manifest import BundleManifest
from models.bundle_folder import BundleFolder
from models.dae.architecture import Architecture, TileModel, TileOptions, architecture_of
from models.dae.quantise import pack, unpack
from models.protocol import Tile


def write_tiles(path: Path, tiles: Sequence[Tile], nets: Sequence[TileModel]) -> None:
    """Write the tiles of one chromosome as int8 safetensors; the metadata holds each tile's rows and sizes."""
    tensors: dict[str, Tensor] = {}
    table = []
    for tile, net in zip(tiles, nets, strict=True):
        prefix = f"t{tile.index}."
        tensors[prefix + "inputs"] = torch.from_numpy(tile.inputs.astype(np.int32))
        tensors.update({prefix + name: value.contiguous() for name, value in pack(net.state_dict()).items()})
        table.append({"index": tile.index, "first": tile.first, "end": tile.end, "network": net.options.as_dict()})
    save_file(tensors, path, metadata={"tiles": json.dumps(table)})


class Bundle(BundleFolder):
    """An opened bundle; weights are read when a tile is asked for."""

    def __init__(self, folder: Path, manifest: BundleManifest) -> None:
        """Use `Bundle.open`."""
        super().__init__(folder, manifest)
        self._networks: dict[str, list[TileOptions]] = {}
        self._weights: dict[str, list[int]] = {}  # number of the tensors of each tile; tiles may share them

    @cached_property
    def architecture(self) -> Architecture:
        """Kind of the networks and how they are read; raises `bundle_invalid` when it is unknown."""
        return architecture_of(self.manifest)

    def tiles(self, chrom: str) -> list[Tile]:
        """The tiles of a chromosome, in order."""
        self._read_table(chrom)
        return self._tables[chrom]

    def networks(self, chrom: str) -> list[TileOptions]:
        """Sizes of the tiles' networks, in order."""
        self._read_table(chrom)
        return self._networks[chrom]

    def weights(self, chrom: str) -> list[int]:
        """Number of the weights of each tile; tiles may share them."""
        self._read_table(chrom)
        return self._weights[chrom]

    def load(self, chrom: str, index: int, device: str = "cpu") -> TileModel:
        """One tile's network with its weights, float32, in evaluation mode."""
        options = self.networks(chrom)[index]
        prefix = f"t{self._weights[chrom][index]}."
        with self._tensors(chrom) as file:
            packed = {
                name.removeprefix(prefix): file.get_tensor(name)
                for name in file.keys()  # noqa: SIM118 - not a dict
                if name.startswith(prefix) and not name.endswith(".inputs")
            }
        with torch.device("meta"):  # no random weights that are overwritten at once
            net = self.architecture.network(options)
        try:
            net.load_state_dict(unpack(packed), assign=True)
        except RuntimeError as error:
            raise TesseraError(Code.bundle_invalid, f"Tile {index} of chromosome {chrom} does not fit.") from error
        return net.to(device).eval()

    def _tensors(self, chrom: str) -> safe_open:
        self._entry(chrom)
        try:
            return safe_open(self.folder / self.manifest.chromosomes[chrom].tiles_file, "pt")
        except (OSError, SafetensorError) as error:
            raise TesseraError(Code.bundle_invalid, f"The weights of chromosome {chrom} cannot be read.") from error

    def _read_table(self, chrom: str) -> None:
        if chrom in self._tables:
            return
        with self._tensors(chrom) as file:
            table = json.loads(file.metadata()["tiles"])
            weights = [row.get("weights", row["index"]) for row in table]
            held: dict[int, NDArray[np.int32]] = {
                number: file.get_tensor(f"t{number}.inputs").numpy() for number in weights
            }
        self._tables[chrom] = [
            Tile(row["index"], row["first"], row["end"], held[number])
            for row, number in zip(table, weights, strict=True)
        ]
        self._networks[chrom] = [self.architecture.options(row["network"]) for row in table]
        self._weights[chrom] = weights
