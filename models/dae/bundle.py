"""A model bundle on disk: `manifest.json`, and for each chromosome `sites.bcf` and `tiles.safetensors`. No pickles."""

from __future__ import annotations

import atexit
import hashlib
import json
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from errors import Code, TesseraError
from genotypes import ancestry, populations
from genotypes.ancestry import AncestryMap
from genotypes.manifest import FILE_NAME, BundleManifest, FileEntry
from genotypes.populations import Populations
from genotypes.sites import SiteTable, read_sites_bcf
from models.dae.architecture import Architecture, TileModel, TileOptions, architecture_of
from models.dae.quantise import pack, unpack
from models.protocol import Tile


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe_files(folder: Path) -> dict[str, FileEntry]:
    """Checksum and size of every file of a bundle but its manifest, by relative path."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != FILE_NAME)
    return {str(p.relative_to(folder)): FileEntry(sha256(p), p.stat().st_size) for p in paths}


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


class Bundle:
    """An opened bundle; weights are read when a tile is asked for."""

    def __init__(self, folder: Path, manifest: BundleManifest) -> None:
        """Use `Bundle.open`."""
        self.folder, self.manifest = folder, manifest
        self._sites: dict[str, SiteTable] = {}
        self._tables: dict[str, list[Tile]] = {}
        self._networks: dict[str, list[TileOptions]] = {}
        self._weights: dict[str, list[int]] = {}  # number of the tensors of each tile; tiles may share them

    @classmethod
    def open(cls, path: Path | str) -> Bundle:
        """Open a bundle folder, or a `.tar` of one (unpacked to a temporary folder until the process ends).

        Raises:
            TesseraError: `bundle_not_found` when there is nothing, `bundle_invalid` when it is no bundle.
        """
        path = Path(path)
        if not path.exists():
            raise TesseraError(Code.bundle_not_found, f"There is no bundle at {path}.", field="bundle")
        folder = _unpack_tar(path) if path.is_file() else path
        return cls(folder, BundleManifest.read(folder))

    @cached_property
    def digest(self) -> str:
        """sha256 (hex) of the bundle's content."""
        return self.manifest.digest()

    @cached_property
    def architecture(self) -> Architecture:
        """Kind of the networks and how they are read; raises `bundle_invalid` when it is unknown."""
        return architecture_of(self.manifest)

    @property
    def chromosomes(self) -> list[str]:
        """Chromosome names without `chr`."""
        return list(self.manifest.chromosomes)

    def verify(self) -> None:
        """Check every file against the manifest; raises `bundle_invalid` with the first that differs."""
        found = describe_files(self.folder)
        for name, entry in self.manifest.files.items():
            if found.get(name) != entry:
                raise TesseraError(Code.bundle_invalid, f"The bundle's file {name} is missing or was changed.")
        if extra := sorted(set(found) - set(self.manifest.files)):
            raise TesseraError(Code.bundle_invalid, f"The bundle holds files that its manifest does not list: {extra}.")

    def sites(self, chrom: str) -> SiteTable:
        """All sites of a chromosome, sorted, with tile and, where the bundle holds it, af."""
        if chrom not in self._sites:
            entry = self._entry(chrom)
            self._sites[chrom] = read_sites_bcf(self.folder / entry)[chrom]
        return self._sites[chrom]

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

    def ancestry(self) -> AncestryMap | None:
        """The map of the training populations; None where the bundle has none."""
        path = self.folder / ancestry.FILE_NAME
        return AncestryMap.load(path) if path.exists() else None

    def populations(self) -> Populations | None:
        """Frequencies by population; None where the bundle has none."""
        path = self.folder / populations.FILE_NAME
        if not path.exists():
            return None
        held = Populations.load(path)
        for name, sites in held.sites.items():
            if name not in self.chromosomes or sites != self.manifest.chromosomes[name].sites:
                raise TesseraError(Code.bundle_invalid, f"Frequencies by population of chromosome {name} do not fit.")
        return held

    def _entry(self, chrom: str) -> str:
        if chrom not in self.manifest.chromosomes:
            held = ", ".join(self.chromosomes)
            raise TesseraError(
                Code.chromosome_not_in_bundle, f"Chromosome {chrom} is not in the bundle, which holds {held}."
            )
        return self.manifest.chromosomes[chrom].sites_file

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


def seal(folder: Path, manifest: BundleManifest) -> BundleManifest:
    """Write the manifest of a finished bundle folder, with the checksums of its files and its content-addressed id."""
    sealed = replace(manifest, files=describe_files(folder), id="")
    (folder / FILE_NAME).write_text(sealed.to_json())
    return BundleManifest.read(folder)


def _unpack_tar(path: Path) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tessera-bundle-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        with tarfile.open(path) as archive:
            archive.extractall(folder, filter="data")
    except (tarfile.TarError, OSError) as error:
        raise TesseraError(Code.bundle_invalid, f"{path.name} is not a readable bundle archive.") from error
    roots = [folder, *(p for p in sorted(folder.iterdir()) if p.is_dir())]
    for root in roots:
        if (root / FILE_NAME).exists():
            return root
    raise TesseraError(Code.bundle_invalid, f"{path.name} holds no {FILE_NAME}.")
