"""The API over a temporary folder: SQLite, local storage, a bundle of only a manifest, doorbells that are counted."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pysam
from fastapi.testclient import TestClient

from api.app import create_app
from api.server import make_server
from api.services import Services
from genotypes.manifest import BundleManifest, ChromosomeEntry
from jobs.database import upgrade
from jobs.records import NewResult
from jobs.settings import Settings, load_settings
from jobs.states import JobState
from jobs.storage import Storage
from tests.support.database import FakeClock

HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=20,length=63025520>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\n"
)
VCF = (HEADER + "20\t60343\t.\tG\tA\t.\t.\t.\tGT\t0/1\n").encode()
VCF_GZ = gzip.compress(VCF, mtime=0)


def bcf_bytes(folder: Path) -> bytes:
    """`VCF` as a BCF file."""
    source, target = folder / "one.vcf", folder / "one.bcf"
    source.write_bytes(VCF)
    with pysam.VariantFile(str(source)) as reader, pysam.VariantFile(str(target), "wb", header=reader.header) as out:
        for record in reader:
            out.write(record)
    return target.read_bytes()


def write_manifest(
    bundles: Path, name: str = "demo", build: str = "GRCh37", created: str = "2026-01-01", **panel: Any
) -> str:
    """Write a bundle that holds its manifest only; its id."""
    manifest = BundleManifest(
        name=name,
        version="1",
        species="Homo sapiens",
        build=build,
        chromosomes={"20": ChromosomeEntry(400, 80, 2, 1_000_000, 2_000_000, 63_025_520, "s.bcf", "t.safetensors")},
        panel={"name": "made up", "samples": 80} | panel,
        licence="CC0-1.0",
        architecture={},
        files={},
        created=created,
    )
    folder = bundles / f"{name}-{build}-{created}"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(manifest.to_json())
    return manifest.content_id()


@lru_cache(maxsize=1)
def _empty_database() -> Path:
    """A migrated database to copy, because migrating takes longer than most tests."""
    path = Path(mkdtemp(prefix="tessera-test-")) / "empty.db"
    upgrade(f"sqlite:///{path}")
    return path


def api_settings(folder: Path, **values: Any) -> Settings:
    """Settings over a folder whose database is ready and which has one bundle, `demo`."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(_empty_database(), folder / "tessera.db")
    if not (folder / "bundles").exists():
        write_manifest(folder / "bundles")
    return load_settings(data_dir=folder, bundles={"dir": folder / "bundles"}, **values)


@dataclass
class Api:
    """A running application and what stands behind it."""

    client: TestClient
    services: Services
    clock: FakeClock
    rings: list[tuple[str, int]] = field(default_factory=list)

    @property
    def storage_files(self) -> list[Path]:
        """Files that lie in storage, half-written ones too."""
        root = self.services.settings.data_dir / "storage"
        return sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())

    @property
    def job_count(self) -> int:
        """Jobs in the database."""
        with self.services.reading() as repository:
            return len(repository.list_jobs()[0])

    def submit(self, **fields: Any) -> dict[str, Any]:
        """Submit the small VCF; the job's JSON."""
        answer = self.client.post("/jobs", files={"vcf": ("cohort.vcf", VCF)}, data=fields)
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def add_result(self, job_id: str, name: str, content: bytes, media_type: str = "application/gzip") -> str:
        """Store and offer a result; its sha256."""
        key, sha256 = f"jobs/{job_id}/results/attempt-1/{name}", hashlib.sha256(content).hexdigest()
        with self.services.storage.create(key) as writer:
            writer.write(content)
            writer.commit()
        with self.services.unit_of_work() as unit:
            unit.repository.add_result(job_id, NewResult(name, key, len(content), sha256, "20", media_type))
        return sha256

    def end(self, job_id: str, state: JobState = JobState.complete) -> None:
        """Take a queued job to a final state."""
        with self.services.unit_of_work() as unit:
            repository = unit.repository
            if state is JobState.cancelled:
                repository.cancel_job(job_id)
            elif state is JobState.failed:
                repository.fail_job(job_id, {"code": "no_overlap", "message": "m", "action": "a", "details": {}})
            else:
                repository.claim("cpu", "w", 60)
                repository.complete_job(job_id)


@contextmanager
def running_api(folder: Path, *, storage: Storage | None = None, **values: Any) -> Iterator[Api]:
    """The application with its background tasks, behind a test client that shows errors as responses."""
    clock = FakeClock()
    app = create_app(api_settings(folder, **values), storage=storage, clock=clock)
    rings: list[tuple[str, int]] = []
    app.state.services.ring = lambda queue="cpu", n=1: rings.append((queue, n))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Api(client, app.state.services, clock, rings)


@dataclass
class LiveApi:
    """The API behind a real server on loopback."""

    url: str
    services: Services
    stop: threading.Event


@contextmanager
def live_api(folder: Path, **values: Any) -> Iterator[LiveApi]:
    """The API in uvicorn, in a thread of this process, on a free port."""
    server = make_server(api_settings(folder, **values))
    services: Services = server._services
    services.ring = lambda queue="cpu", n=1: None  # type: ignore[method-assign]
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def run() -> None:
        server.run(sockets=[listener])
        ended.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield LiveApi(f"http://127.0.0.1:{listener.getsockname()[1]}", services, ended)
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
