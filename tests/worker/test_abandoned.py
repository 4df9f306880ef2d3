"""Uploads of processes that were killed: what no job will ever own goes, and nothing else."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs.records import NewFile, NewJob
from jobs.settings import load_settings
from jobs.storage import Storage
from tests.support.processes import Installation, wait_for
from tests.support.worker import Workplace, worker_settings
from worker import sweeper
from worker.abandoned import drop_abandoned
from worker.sweeper import Sweeper


class Later:
    """A clock that is ahead by some hours."""

    def __init__(self, hours: float) -> None:
        self.ahead = timedelta(hours=hours)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture(autouse=True)
def nobody_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper, "backlog", lambda settings, queue: None)


def put(storage: Storage, *keys: str) -> None:
    for key in keys:
        with storage.create(key) as writer:
            writer.write(b"x")
            writer.commit()


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)).partition("~")[0] for path in root.rglob("*") if path.is_file())


def test_only_uploads_without_a_job_go(tmp_path: Path) -> None:
    place = Workplace(worker_settings(tmp_path))
    with place.repository() as repository:
        job = repository.create_job(NewJob(bundle="b"), [NewFile("vcf", "x", "k", 1, "0")]).id
    kept = [f"jobs/{job}/uploads/0-x", "jobs/strange/uploads/0-x", "jobs/strange/work/y", "elsewhere/gone/uploads/x"]
    put(place.storage, *kept, "jobs/gone/uploads/0-x", "jobs/gone/uploads/1-y")
    now = datetime.now(UTC) - timedelta(minutes=1)
    with place.repository() as repository:
        assert drop_abandoned(place.storage, lambda name: repository.find_job(name) is not None, now) == 0
        later = now + timedelta(hours=1)
        assert drop_abandoned(place.storage, lambda name: repository.find_job(name) is not None, later) == 2
    for key in kept:
        assert place.storage.stat(key).size == 1
    assert place.storage.folders("jobs/") == sorted([job, "strange"])


def test_a_finished_file_stays_while_the_next_one_is_written(tmp_path: Path) -> None:
    storage = Workplace(worker_settings(tmp_path)).storage
    put(storage, "jobs/a/uploads/0-x")
    first = storage.written("jobs/a/")
    assert first is not None
    with storage.create("jobs/a/uploads/1-y") as writer:
        while (latest := storage.written("jobs/a/")) == first:
            writer.write(b"x" * (1 << 20))
        assert latest is not None
        assert drop_abandoned(storage, lambda name: False, latest) == 0
        writer.commit()
    assert storage.stat("jobs/a/uploads/0-x").size == 1


def test_the_setting_says_when_and_rounds_look_seldom(tmp_path: Path) -> None:
    settings = worker_settings(tmp_path)
    place = Workplace(
        settings.model_copy(update={"uploads": settings.uploads.model_copy(update={"abandoned_hours": 5})})
    )
    clock = Later(4.9)
    sweeping = Sweeper(place.settings, place.storage, clock)
    put(place.storage, "jobs/gone/uploads/0-x")
    sweeping.sweep()
    assert place.storage.folders("jobs/") == ["gone"]
    clock.ahead = timedelta(hours=5.1)
    sweeping.sweep()
    assert place.storage.folders("jobs/") == ["gone"], "it has just looked"
    clock.ahead = timedelta(hours=6)
    sweeping.sweep()
    assert place.storage.folders("jobs/") == []


def test_the_default_is_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().uploads.abandoned_hours == 24
    monkeypatch.setenv("TESSERA_UPLOADS_ABANDONED_HOURS", "2.5")
    assert load_settings().uploads.abandoned_hours == 2.5


@pytest.fixture
def installation() -> Iterator[Installation]:
    folder = Path(tempfile.mkdtemp(prefix="dropped-"))  # short, for the Redis socket
    made = Installation(folder)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


def test_an_api_that_is_killed_in_the_middle_of_an_upload(installation: Installation) -> None:
    """Of two files one was whole, the other half."""
    settings = load_settings(data_dir=installation.folder / "var")
    settings.data_dir.mkdir()
    Workplace(settings)
    installation.start_redis()
    installation.start_api()
    root = installation.folder / "var" / "storage"
    head = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\n"
    line = "20\t1000\t.\tA\tG\t.\t.\t.\tGT\t0/1\n"
    part = '--b\r\nContent-Disposition: form-data; name="vcf"; filename="{}.vcf"\r\n\r\n'
    body = f"{part.format('a')}{head}{line}\r\n{part.format('b')}{head}{line * 200_000}"
    start = (
        "POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 99999999"
    )
    with socket.create_connection(("127.0.0.1", installation.port)) as sender:
        sender.sendall(f"{start}\r\n\r\n{body}".encode())
        wait_for(lambda: len(files(root)) == 2 and any((root / ".incoming").iterdir()), "both files")
        installation.kill("api")
        with suppress(OSError):
            sender.recv(1)
    (unfinished, whole) = files(root)
    assert unfinished.startswith(".incoming/")
    assert whole.endswith("/uploads/0-a.vcf")
    Sweeper(settings, clock=Later(23)).sweep()
    assert len(files(root)) == 2
    Sweeper(settings, clock=Later(25)).sweep()
    assert files(root) == []
