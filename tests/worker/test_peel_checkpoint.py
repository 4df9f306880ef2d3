"""A peeling that is killed goes on where it was, and ends in the same bytes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from benchmarks.pedigree import simulate, write
from genotypes.mending import ALL
from jobs.records import NewFile, NewJob
from jobs.states import JobState
from jobs.storage import publish
from models.peeling.engine import Peeling
from tests.support.worker import Workplace, worker_settings
from worker.pipeline.peel_checkpoint import Checkpoints, fingerprint
from worker.pipeline.peel_chunk import peel_chunk
from worker.pipeline.peel_folder import PeelOptions
from worker.pipeline.peel_harmonise import peel_harmonise
from worker.pipeline.peel_read import peel_read

CYCLES = 6


class Killed(Exception):
    """Stands for the end of a process."""


@dataclass
class Shelf:
    """Keeps files in a folder; how often it was asked."""

    folder: Path
    written: list[str] = field(default_factory=list)

    def read(self, name: str, path: Path) -> bool:
        if found := (self.folder / name).exists():
            shutil.copyfile(self.folder / name, path)
        return found

    def write(self, name: str, path: Path) -> None:
        shutil.copyfile(path, self.folder / name)
        self.written.append(name)


@pytest.fixture(scope="module")
def herd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The simulated herd, joined: as it is, and with its founders in two groups."""
    folder = tmp_path_factory.mktemp("herd")
    write(simulate(), folder)
    lines = (folder / "pedigree.csv").read_text().splitlines()
    grouped = [line.replace(",0", f",MF_{1 + number % 2}") for number, line in enumerate(lines)]
    (folder / "grouped.csv").write_text("\n".join(grouped) + "\n")
    files = [folder / "dense.vcf.gz", folder / "sparse.vcf.gz"]
    for name in ("pedigree", "grouped"):
        peel_read(files, folder / f"{name}.csv", folder / f"read-{name}")
        peel_harmonise(folder / f"read-{name}", folder / name, mend=ALL)
    return folder


def peel(joined: Path, out: Path, checkpoints: Checkpoints | None, die_after: int | None = None) -> list[float]:
    """Peel chromosome 1; progress as heard, until the process dies after so many cycles."""
    heard: list[float] = []

    def progress(fraction: float) -> None:
        heard.append(fraction)
        if die_after is not None and len(heard) > die_after:
            raise Killed

    options = PeelOptions(cycles=CYCLES, segregation=True, haplotypes=True)
    peel_chunk(joined, "1", out, options, progress, None, checkpoints)
    return heard


def shelf(tmp_path: Path) -> tuple[Shelf, Checkpoints]:
    for name in ("shelf", "in"):
        (tmp_path / name).mkdir(exist_ok=True)
    one = Shelf(tmp_path / "shelf")
    return one, Checkpoints(one, tmp_path / "in", seconds=0)


def same(a: Path, b: Path) -> bool:
    names = [sorted(path.name for path in one.iterdir()) for one in (a, b)]
    return names[0] == names[1] and all((a / name).read_bytes() == (b / name).read_bytes() for name in names[0])


@pytest.mark.parametrize("pedigree", ["pedigree", "grouped"])
@pytest.mark.parametrize("cycles", [1, 4])
def test_killed_and_resumed_gives_the_same_bytes(herd: Path, tmp_path: Path, pedigree: str, cycles: int) -> None:
    """Learned frequencies, error rate, the population's draws and the animals whose turn it is to wait go along."""
    whole = peel(herd / pedigree, tmp_path / "whole", None)
    with pytest.raises(Killed):
        peel(herd / pedigree, tmp_path / "killed", shelf(tmp_path)[1], cycles)
    kept, checkpoints = shelf(tmp_path)
    rest = peel(herd / pedigree, tmp_path / "resumed", checkpoints)
    assert len(rest) == len(whole) - cycles
    assert kept.written
    assert same(tmp_path / "whole", tmp_path / "resumed")


def test_what_fits_nothing_is_passed_over(herd: Path, tmp_path: Path) -> None:
    peel(herd / "pedigree", tmp_path / "whole", None)
    kept, checkpoints = shelf(tmp_path)
    peel(herd / "grouped", tmp_path / "other", checkpoints)
    before = (kept.folder / "part-0.npz").read_bytes()
    peel(herd / "pedigree", tmp_path / "one", checkpoints)
    assert same(tmp_path / "whole", tmp_path / "one")
    (kept.folder / "part-0.npz").write_bytes(before[: len(before) // 2])
    peel(herd / "pedigree", tmp_path / "two", checkpoints)
    assert same(tmp_path / "whole", tmp_path / "two")
    assert fingerprint(np.arange(3), "x") != fingerprint(np.arange(3), "y") != fingerprint(np.arange(4), "y")


def test_checkpoints_cost_little_and_have_a_bound(herd: Path, tmp_path: Path) -> None:
    """At most every so many seconds, and a twentieth of the time; none of a state that is too large."""
    now = [0.0]

    class Slow(Shelf):
        def write(self, name: str, path: Path) -> None:
            super().write(name, path)
            now[0] += 10

    (tmp_path / "shelf").mkdir()
    kept = Slow(tmp_path / "shelf")
    checkpoints = Checkpoints(kept, tmp_path, seconds=60, clock=lambda: now[0])
    peeling = _FakePeeling()
    for step, written in ((50, 0), (20, 1), (70, 1), (129, 1), (1, 2)):
        now[0] += step
        checkpoints.save(0, peeling, "print")
        assert len(kept.written) == written
    small = Checkpoints(kept, tmp_path, seconds=0, most_bytes=79, clock=lambda: now[0])
    small.save(0, peeling, "print")
    assert len(kept.written) == 2


class _FakePeeling(Peeling):
    def __init__(self) -> None:
        pass

    def state(self) -> dict[str, np.ndarray]:
        return {"seg": np.zeros(10)}


def test_a_job_finds_the_checkpoint_of_its_lost_worker(
    herd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt breaks in its fourth cycle; the next one runs the others, and the job's work is removed at its end."""
    settings = worker_settings(tmp_path / "data", worker={"threads": 1},
                               peeling={"cycles": CYCLES, "checkpoint_seconds": 0})  # fmt: skip
    place = Workplace(settings)
    files = []
    for kind, path in (("vcf", herd / "sparse.vcf.gz"), ("pedigree", herd / "pedigree.csv")):
        files.append(NewFile(kind, path.name, f"up/{path.name}", *publish(place.storage, path, f"up/{path.name}")))
    with place.repository() as repository:
        job_id = repository.create_job(NewJob(bundle="none", engine="peeling"), files).id
    done: list[int] = []
    learn = Peeling._learn_rows

    def counted(self: Peeling, rows: object, *rest: object) -> object:
        done.append(self._done)
        if len(done) == 4:
            raise RuntimeError("the process dies")
        return learn(self, rows, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Peeling, "_learn_rows", counted)
    executor = place.executor()
    while executor.run_next("cpu"):
        pass
    with place.repository() as repository:
        job = repository.get_job(job_id)
    assert (job.state, job.error) == (JobState.complete, None)
    assert done[:4] == [0, 1, 2, 3]
    # The other chromosome may come in between; no cycle of the first is run twice.
    assert done.count(0) == 2
    assert done.count(1) == 2
    with pytest.raises(KeyError):
        place.storage.stat(f"jobs/{job_id}/work/impute/0/checkpoint-part-0.npz")
