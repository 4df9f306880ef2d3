"""Opened bundles and engines, kept per process between chunks so that weights are read once and not once a chunk."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from errors import Code, TesseraError
from genotypes.manifest import BundleManifest
from models.protocol import Imputer
from worker.pipeline.types import BundleView

GIB = 1 << 30
SITE_BYTES = 100  # of a table of sites: numbers, alleles and an id
_UNPACKED = {"int4": 8, "int8": 4, "float16": 2, "float32": 1}  # weights lie so on disk, and as float32 in memory


class Engine(Protocol):
    """What an engine plug-in is: a module with these two functions.

    `TESSERA_WORKER_ENGINE` names the module; `worker.engine_dae` is the one that ships.
    """

    def open_bundle(self, path: Path) -> BundleView:
        """Open the bundle in a folder."""
        ...

    def make_imputer(self, bundle: Any, chromosome: str, *, device: str, threads: int) -> Imputer:
        """Bind one chromosome of a bundle that `open_bundle` opened; `device` is auto, cpu, cuda or cuda:1."""
        ...


class BundleCache:
    """Least-recently-used bundles and imputers of one process.

    Imputers are dropped before the weights of all would exceed `max_bytes`; one is always kept, however large. Bundles
    are bounded by count, since without weights they are small.
    """

    def __init__(
        self,
        find: Callable[[str], Path],
        engine: Engine,
        *,
        device: str,
        threads: int,
        max_bytes: int = 4 * GIB,
        max_bundles: int = 4,
        installed: Callable[[], Sequence[BundleManifest]] = tuple,
    ) -> None:
        """Make an empty cache; `find` maps a bundle id to its folder or raises `bundle_not_found`.

        `installed` lists the bundles that an automatic choice may take.
        """
        self.installed = installed
        self._find = find
        self._engine = engine
        self._device = device
        self._threads = threads
        self._max_bytes = max_bytes
        self._max_bundles = max_bundles
        self._bundles: OrderedDict[str, BundleView] = OrderedDict()
        self._imputers: OrderedDict[tuple[str, str], Imputer] = OrderedDict()
        self._bytes: dict[tuple[str, str], int] = {}

    def bundle(self, bundle_id: str) -> BundleView:
        """The opened bundle; ids are content-addressed, so an opened one never goes stale."""
        if bundle_id not in self._bundles:
            self._bundles[bundle_id] = self._engine.open_bundle(self._find(bundle_id))
            while len(self._bundles) > self._max_bundles:
                self._bundles.popitem(last=False)
        self._bundles.move_to_end(bundle_id)
        return self._bundles[bundle_id]

    def imputer(self, bundle_id: str, chromosome: str) -> Imputer:
        """The engine of one chromosome; others are dropped before it is made, not after."""
        key = (bundle_id, chromosome)
        if key not in self._imputers:
            bundle = self.bundle(bundle_id)
            need = _weight(bundle, chromosome)
            while self._imputers and need + sum(self._bytes.values()) > self._max_bytes:
                oldest, _ = self._imputers.popitem(last=False)
                del self._bytes[oldest]
            self._imputers[key] = self._engine.make_imputer(
                bundle, chromosome, device=self._device, threads=self._threads
            )
            self._bytes[key] = need
        self._imputers.move_to_end(key)
        return self._imputers[key]


def load_engine(name: str) -> Engine:
    """Import the engine module of that name.

    Raises:
        TesseraError: `setup_invalid` when there is no such module.
    """
    try:
        return cast("Engine", import_module(name))
    except ImportError as error:
        raise TesseraError(Code.setup_invalid, f"TESSERA_WORKER_ENGINE: {name!r} cannot be loaded: {error}.") from error


def _weight(bundle: BundleView, chromosome: str) -> int:
    """Bytes that a chromosome's engine takes in memory, by the size of its file or by its sites."""
    manifest = bundle.manifest
    if manifest.is_library:  # they stay in their file, the table of sites does not
        return SITE_BYTES * manifest.chromosomes[chromosome].sites
    file = manifest.files.get(manifest.chromosomes[chromosome].tiles_file)
    if file and (unpacked := manifest.architecture.get("unpacked_bytes")):  # a file of low rank says nothing by itself
        files = [manifest.files[one.tiles_file].bytes for one in manifest.chromosomes.values()]
        return int(unpacked * file.bytes / sum(files))
    return _UNPACKED.get(manifest.architecture.get("weights", "int8"), 4) * file.bytes if file else 0
