"""Tiles as work that processes share: claims, resuming, kills, estimates."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from errors import Code, TesseraError
from models.dae.bundle import Bundle
from models.dae.estimate import estimate, parameters_of
from models.dae.fit import FitOptions, TrainingStopped, steps_done
from models.dae.parallel import devices_of, train_parallel
from models.dae.plan import TrainOptions, make_plan
from models.dae.train import (
    finish_bundle,
    open_work,
    train_bundle,
    train_next,
    train_some,
    train_tile,
    train_tiles,
    unfinished,
)
from models.dae.work import WorkFolder
from tests.support.bundles import tiny_options, train_tiny
from tests.support.processes import ROOT, wait_for

WORKER = "import sys, json; from models.dae.plan import TrainOptions; from models.dae.train import train_bundle; \
train_bundle(TrainOptions.from_dict(json.load(sys.stdin)), lambda tile, step, loss: None)"


def quiet(tile: object, step: int, loss: float) -> None:
    pass


def start(o: TrainOptions) -> "subprocess.Popen[str]":
    child = subprocess.Popen([sys.executable, "-c", WORKER], stdin=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdin is not None
    child.stdin.write(json.dumps(o.as_dict()))
    child.stdin.close()
    return child


def test_options_survive_json(tmp_path: Path) -> None:
    o = tiny_options(tmp_path, "x", 7, architecture="published-dense")
    assert TrainOptions.from_dict(json.loads(json.dumps(o.as_dict()))) == o


def test_a_claim_is_one_process_s_and_ends_with_it(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path)
    with work.claim(3) as mine, work.claim(3) as second:
        assert mine
        assert not second
        assert work.is_claimed(3)
        assert not work.is_claimed(4)
    assert not work.is_claimed(3)


def test_a_killed_process_loses_nothing_but_the_steps_since_its_checkpoint(tiny_folder: Path, tmp_path: Path) -> None:
    o = tiny_options(tiny_folder, str(tmp_path / "b"), 100_000, work=tmp_path / "work")
    work = WorkFolder(tmp_path / "work")
    child = start(o)
    try:
        wait_for(lambda: steps_done(work.checkpoint(0)) >= 50, "a checkpoint of tile 0")
        assert work.is_claimed(0)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    done = steps_done(work.checkpoint(0))
    assert not work.is_claimed(0)
    steps: list[int] = []
    shorter = replace(o, fit=replace(o.fit, steps=done + 20))
    train_bundle(shorter, lambda tile, step, loss: steps.append(step))
    Bundle.open(tmp_path / "b").verify()
    assert steps_done(work.checkpoint(0)) == steps_done(work.checkpoint(1)) == done + 20


def test_two_processes_share_the_tiles_and_one_writes_the_bundle(tiny_folder: Path, tmp_path: Path) -> None:
    o = tiny_options(tiny_folder, str(tmp_path / "b"), 20, work=tmp_path / "work", tile_sites=100)
    plan = make_plan(o)
    work = open_work(plan, o)
    with work.claim(0) as mine:
        assert mine
        child = start(o)
        try:
            wait_for(lambda: len(unfinished(plan, o, work)) == 1, "all tiles but the one that is claimed")
            assert child.poll() is None  # it waits for the tile that this process has
            train_tile(plan, plan.tiles[0], o, work, quiet)
        except BaseException:
            child.kill()
            raise
    finish_bundle(plan, o, work)
    assert child.wait() == 0
    assert len({report.worker for report in work.reports().values()}) == 2
    assert len(Bundle.open(tmp_path / "b").tiles("20")) == 4


@pytest.mark.slow
def test_workers_of_one_command_train_everything(tiny_folder: Path, tmp_path: Path) -> None:
    o = tiny_options(tiny_folder, str(tmp_path / "b"), 20)
    train_parallel(o, 2)
    plan = make_plan(o)
    work = open_work(plan, o)
    assert unfinished(plan, o, work) == []
    assert devices_of("cpu", 2) == ["cpu", "cpu"]


def test_who_trains_makes_no_difference(tiny_folder: Path, tmp_path: Path) -> None:
    forwards = tiny_options(tiny_folder, str(tmp_path / "f"), 20)
    backwards = tiny_options(tiny_folder, str(tmp_path / "b"), 20)
    plan = make_plan(backwards)
    work = open_work(plan, backwards)
    train_some(plan, backwards, work, [1], quiet)
    assert [tile.index for tile in unfinished(plan, backwards, work)] == [0]
    train_bundle(backwards, quiet)
    train_bundle(forwards, quiet)
    one, two = (Bundle.open(tmp_path / name).load("20", 1).state_dict() for name in "fb")
    assert all(bool((one[name] == two[name]).all()) for name in one)


def test_a_tile_that_another_process_has_is_refused_or_passed_by(tiny_folder: Path, tmp_path: Path) -> None:
    o = tiny_options(tiny_folder, str(tmp_path / "b"), 10)
    plan = make_plan(o)
    work = open_work(plan, o)
    with work.claim(0):
        with pytest.raises(TesseraError, match="Another process trains tile 0"):
            train_some(plan, o, work, [0], quiet)
        assert train_next(plan, o, work, quiet)
        assert not train_next(plan, o, work, quiet)
    assert [tile.index for tile in unfinished(plan, o, work)] == [0]
    with pytest.raises(TesseraError, match="no tile 9"):
        train_some(plan, o, work, [9], quiet)


def test_a_stopped_training_keeps_every_step(tiny_folder: Path, tmp_path: Path) -> None:
    o = tiny_options(tiny_folder, str(tmp_path / "b"), 500)
    plan = make_plan(o)
    work = open_work(plan, o)
    asked = iter([False] * 6 + [True])
    with pytest.raises(TrainingStopped):
        train_next(plan, o, work, quiet, lambda: next(asked))
    assert steps_done(work.checkpoint(0)) == 7
    assert work.reports() == {}


def test_a_failure_is_noted_and_counted(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError("out of memory")

    monkeypatch.setattr("models.dae.train.fit_tile", fail)
    o = tiny_options(tiny_folder, str(tmp_path / "b"), 10)
    plan = make_plan(o)
    work = open_work(plan, o)
    for _ in range(2):
        with pytest.raises(MemoryError):
            train_tiles(plan, o, work, quiet)
    report = work.read(0)
    assert report is not None
    assert (report.failures, report.error) == (2, "MemoryError: out of memory")


def test_checkpoints_of_another_plan_are_refused(tiny_folder: Path, tmp_path: Path) -> None:
    train_tiny(tiny_folder, str(tmp_path / "a"), 10, work=tmp_path / "work")
    with pytest.raises(TesseraError, match="tiles") as error:
        train_tiny(tiny_folder, str(tmp_path / "b"), 10, work=tmp_path / "work", tile_sites=100)
    assert error.value.code is Code.setup_invalid
    # More steps of the same plan are no other training.
    train_tiny(tiny_folder, str(tmp_path / "c"), 20, work=tmp_path / "work", fit=FitOptions(steps=20, batch=64))


def test_an_estimate_counts_what_is_left(tiny_folder: Path, tmp_path: Path) -> None:
    o = tiny_options(tiny_folder, str(tmp_path / "b"), 40)
    plan = make_plan(o)
    whole = estimate(plan, o, None)
    assert whole.tiles == 2
    assert whole.steps_left == 80
    assert whole.parameters == sum(parameters_of(tile, o) for tile in plan.tiles)
    assert whole.step_s > 0
    assert whole.seconds == pytest.approx(80 * whole.step_s, rel=0.3)
    assert not (tmp_path / "b.work").exists()
    assert estimate(plan, o, None, workers=2).seconds < 80 * whole.step_s * 5
    work = open_work(plan, o)
    train_some(plan, o, work, [0], quiet)
    assert estimate(plan, o, work).steps_left == 40
    train_some(plan, o, work, [1], quiet)
    assert estimate(plan, o, work).seconds == 0


def test_parameters_are_those_of_the_network(tiny_folder: Path) -> None:
    net = Bundle.open(tiny_folder / "tiny").load("20", 0)
    o = tiny_options(tiny_folder, "x", 1)
    assert parameters_of(make_plan(o).tiles[0], o) == sum(int(np.prod(p.shape)) for p in net.parameters())
