"""Local disk of the workers: one folder a process, in it one for the row at work and one that keeps fetched inputs."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from jobs.storage import Storage, fetch, publish
from worker.folders import StoredFolder
from worker.identity import is_dead

logger = logging.getLogger(__name__)

INPUTS = "inputs"
WORK = "work"
KEPT_JOBS = 2  # jobs that take turns on a worker keep their inputs on its disk


class Scratch:
    """The scratch folder of one process.

    Inputs stay on disk between the rows of a job, since all chunks of a chromosome read the same harmonised genotypes;
    those of the `KEPT_JOBS` latest jobs are kept.
    """

    def __init__(self, root: Path, owner: str, storage: Storage) -> None:
        """Use `root`/`owner`, where `owner` is a worker name."""
        self._folder = root / owner
        self._storage = storage
        self._jobs: list[str] = []  # least recently used first

    @contextmanager
    def work(self, name: str) -> Iterator[Path]:
        """An empty folder for one row, removed with all it holds when the block ends."""
        folder = self._folder / WORK / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def inputs(self, job_id: str, stored: StoredFolder, check: Callable[[], None]) -> Path:
        """The folder that an earlier row published, fetched unless it is here already; `check` may raise between files.

        Raises:
            KeyError: a file is no longer in storage.
        """
        self._use(job_id)
        folder = self._folder / INPUTS / job_id / stored.prefix.strip("/").replace("/", "_")
        for name in stored.files:
            check()
            path = folder / name
            if not path.exists():
                fetch(self._storage, stored.prefix + name, path)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _use(self, job_id: str) -> None:
        """Mark a job as the latest, and forget the inputs of the ones before the kept."""
        self._jobs = [job for job in self._jobs if job != job_id] + [job_id]
        for old in self._jobs[:-KEPT_JOBS]:
            shutil.rmtree(self._folder / INPUTS / old, ignore_errors=True)
        self._jobs = self._jobs[-KEPT_JOBS:]


def publish_folder(
    storage: Storage, folder: Path, prefix: str, names: Sequence[str], check: Callable[[], None]
) -> StoredFolder:
    """Copy the named files of a flat folder to storage below `prefix`; `check` may raise between files."""
    for name in names:
        check()
        publish(storage, folder / name, prefix + name)
    return StoredFolder(prefix, tuple(names))


def jobs_in_scratch(root: Path) -> set[str]:
    """Ids of the jobs whose inputs lie in the scratch folders of this machine."""
    return {job.name for job in root.glob(f"*/{INPUTS}/*")}


def clean_scratch(root: Path, ended: Collection[str]) -> None:
    """Remove what dead processes of this machine left, and the inputs of jobs that have ended."""
    for owner in root.iterdir() if root.is_dir() else ():
        if is_dead(owner.name):
            logger.info("removing the scratch of dead worker %s", owner.name)
            shutil.rmtree(owner, ignore_errors=True)
            continue
        for job in ended:
            shutil.rmtree(owner / INPUTS / job, ignore_errors=True)
