"""Tiles trained by the service's workers."""

import threading
from pathlib import Path

import pytest

from errors import TesseraError
from models.dae.plan import make_plan
from models.dae.train import open_work, unfinished
from models.dae.work import WorkFolder, write_json
from tests.support.bundles import make_panel, tiny_options, write_panel
from worker import training
from worker.training import OPTIONS, train, train_by_workers, train_one


@pytest.fixture
def panel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TESSERA_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("TESSERA_WORKER_DEVICE", "cpu")
    training.get_settings.cache_clear()
    write_panel(tmp_path / "panel.bcf", make_panel())
    return tmp_path


def test_a_message_is_worth_one_tile(panel: Path) -> None:
    o = tiny_options(panel, "b", 10, arrays=None)
    write_json(WorkFolder(o.work_folder).folder / OPTIONS, o.as_dict())
    plan = make_plan(o)
    work = open_work(plan, o)
    for left in ([1], [], []):
        train(str(o.work_folder))
        assert [tile.index for tile in unfinished(plan, o, work)] == left


def test_a_folder_without_options_is_named(tmp_path: Path) -> None:
    with pytest.raises(TesseraError, match="no work folder"):
        train_one(tmp_path)


def test_whoever_starts_a_training_rings_until_it_is_done(panel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[int] = []

    def ring(settings: object, queue: str, folder: str, n: int) -> int:
        rung.append(n)
        # The first message is lost; each ring is heard by one worker, which trains one tile.
        if len(rung) > 1:
            threading.Thread(target=train_one, args=(Path(folder),)).start()
        return n

    monkeypatch.setattr(training, "ring_training", ring)
    monkeypatch.setattr(training, "backlog", lambda settings, queue: 0)
    monkeypatch.setattr(training, "_RING_S", 1.0)
    monkeypatch.setattr(training, "_LOOK_S", 0.1)
    o = tiny_options(panel, "b", 10, arrays=None)
    plan = make_plan(o)
    train_by_workers(plan, o, open_work(plan, o), "gpu")
    assert rung[0] == 2
    assert len(rung) >= 3


def test_a_tile_that_always_fails_ends_the_training(panel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    o = tiny_options(panel, "b", 10, arrays=None)
    plan = make_plan(o)
    work = open_work(plan, o)
    work.fail(0, "of an earlier run")
    monkeypatch.setattr(training, "ring_training", lambda settings, queue, folder, n: work.fail(1, "out of memory"))
    monkeypatch.setattr(training, "backlog", lambda settings, queue: 0)
    monkeypatch.setattr(training, "_RING_S", 0.05)
    monkeypatch.setattr(training, "_LOOK_S", 0.1)
    with pytest.raises(TesseraError, match="Tile 1 failed 3 times: out of memory"):
        train_by_workers(plan, o, work, "cpu")
