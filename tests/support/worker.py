"""A database, storage and executor in one temporary folder, without Celery: what tests of the worker's room share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from genotypes.manifest import BundleManifest
from jobs.clock import Clock, SystemClock
from jobs.database import make_engine, session_factory
from jobs.records import NewFile, NewJob
from jobs.repository import Repository
from jobs.settings import Settings, load_settings
from jobs.storage import Storage, make_storage, publish
from jobs.tables import Base, JobRow
from worker.bundles import BundleCache
from worker.execute import Executor
from worker.identity import worker_name
from worker.scratch import Scratch
from worker.stages import Tools


def worker_settings(folder: Path, **values: Any) -> Settings:
    """Settings of an installation below `folder` with leases of seconds."""
    return load_settings(data_dir=folder, leases={"seconds": 3, "sweep_seconds": 0.5}, **values)


@dataclass
class Workplace:
    """An installation without a broker; `rung` lists the doorbells."""

    settings: Settings
    engine: Any = None  # module or object with open_bundle and make_imputer
    installed: Sequence[BundleManifest] = ()  # what an automatic choice may take
    clock: Clock = field(default_factory=SystemClock)
    rung: list[tuple[str, int]] = field(default_factory=list)
    stopping: bool = False

    def __post_init__(self) -> None:
        self._database = make_engine(self.settings.database.url)
        Base.metadata.create_all(self._database)
        self.sessions: sessionmaker[Session] = session_factory(self._database)
        self.storage: Storage = make_storage(self.settings)

    @contextmanager
    def repository(self) -> Iterator[Repository]:
        with self.sessions.begin() as session:
            yield Repository(session, self.clock)

    def submit(self, upload: Path, pedigree: Path | None = None, bundle: str = "fake", **values: Any) -> JobRow:
        """Put a job with one VCF, and perhaps a pedigree, into storage and database, as the API does."""
        files = []
        for kind, path in (("vcf", upload), ("pedigree", pedigree)):
            if path is not None:
                key = f"uploads/{path.name}"
                files.append(NewFile(kind, path.name, key, *publish(self.storage, path, key)))
        with self.repository() as repository:
            return repository.create_job(NewJob(bundle=bundle, **values), files)

    def executor(self, name: str | None = None) -> Executor:
        name = name or worker_name()
        bundles = BundleCache(
            lambda bundle_id: Path(bundle_id), self.engine, device="cpu", threads=1, installed=lambda: self.installed
        )
        scratch = Scratch(self.settings.worker.scratch, name, self.storage)
        tools = Tools(self.settings, self.storage, scratch, bundles)
        return Executor(
            name,
            self.sessions,
            self.clock,
            tools,
            lambda queue, n: self.rung.append((queue, n)),
            lambda: self.stopping,
        )

    def stored(self, prefix: str = "") -> set[str]:
        """Keys in the local storage that start with `prefix`."""
        root = self.settings.data_dir / "storage"
        keys = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
        return {key for key in keys if key.startswith(prefix)}
