"""An engine plug-in for the kill test: the fake engine, with gates at which a worker can be held and killed.

`TESSERA_WORKER_ENGINE=tests.support.slow_engine` makes a real worker use it. A gate is held while the file NAME.hold
lies in the folder `TESSERA_TEST_GATES`; a worker that stands at it says so by the file NAME.reached.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from genotypes.manifest import FILE_NAME
from jobs.storage import Storage
from jobs.storage import publish as real_publish
from models.protocol import ImputedBlock, Imputer, SitesDone, TypedGenotypes, unheard
from tests.support.fake_engine import FakeBundle, FakeImputer, make_sites
from worker import scratch, stages

GATES = "TESSERA_TEST_GATES"
PAUSE_S = 0.02


def hold(gates: Path, name: str) -> None:
    """Close a gate."""
    (gates / f"{name}.hold").touch()


def let_go(gates: Path, name: str) -> None:
    """Open a gate."""
    (gates / f"{name}.hold").unlink()


def gate(name: str) -> None:
    """Stand here while the gate is held."""
    gates = Path(os.environ[GATES])
    while (gates / f"{name}.hold").exists():
        (gates / f"{name}.reached").touch()
        time.sleep(PAUSE_S)


def fake_bundle() -> FakeBundle:
    """Six tiles of chromosome 20 and two of X."""
    return FakeBundle({"20": make_sites("20", 60), "X": make_sites("X", 20, seed=2)}, tile_sites=10, length=None)


def write_bundle(folder: Path) -> str:
    """Put the bundle's manifest where API and worker look for it; its id."""
    manifest = fake_bundle().manifest
    path = folder / "fake" / FILE_NAME
    path.parent.mkdir(parents=True)
    path.write_text(manifest.to_json())
    return manifest.content_id()


@dataclass
class GatedImputer(FakeImputer):
    """Stops before every tile and writes down every tile that it began."""

    def impute(self, tiles: range, typed: TypedGenotypes, heard: SitesDone = unheard) -> Iterator[ImputedBlock]:
        for index in tiles:
            gate(f"tile-{self.sites.chrom}-{index}")
            with (Path(os.environ[GATES]) / "imputed").open("a") as log:
                log.write(f"{self.sites.chrom}-{index}\n")
            yield from super().impute(range(index, index + 1), typed, heard)


def open_bundle(path: Path) -> FakeBundle:
    return fake_bundle()


def make_imputer(bundle: FakeBundle, chromosome: str, *, device: str, threads: int) -> Imputer:
    return GatedImputer(bundle.sites(chromosome), bundle.tiles(chromosome))


def _publish(storage: Storage, path: Path, key: str) -> tuple[int, str]:
    """Publishing with a gate before each file."""
    gate(f"publish-{path.name}")
    return real_publish(storage, path, key)


# In a worker, not in the test that imports this: files are published one by one, so that a worker killed at the second
# leaves a folder half full.
if GATES in os.environ:
    scratch.publish = stages.publish = _publish  # type: ignore[attr-defined]
