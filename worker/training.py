"""Training by the service's workers: one tile a message, claimed in a work folder that all of them share.

As with jobs, a message is a doorbell: it names the folder and nothing of the work. Which tile it is for is settled by
claiming one (`models.dae.work`), so messages may be lost, doubled or late; whoever started the training rings again.
"""

from __future__ import annotations

import logging
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from celery import shared_task

from errors import Code, TesseraError
from jobs.doorbell import TRAIN_TASK, backlog, ring_training
from jobs.settings import get_settings
from worker.process import is_stopping

if TYPE_CHECKING:
    from models.dae.plan import Plan, TrainOptions
    from models.dae.work import WorkFolder

logger = logging.getLogger(__name__)

OPTIONS: Final = "options.json"
_RING_S: Final = 30.0
_LOOK_S: Final = 1.0


@shared_task(name=TRAIN_TASK, ignore_result=True)
def train(folder: str) -> None:
    """Train the next tile of a work folder that nobody has; do nothing when there is none."""
    if not is_stopping():
        train_one(Path(folder))


def train_one(folder: Path) -> bool:
    """Train one tile; whether there was one. What goes wrong is written into the folder, where its owner looks."""
    # PyTorch is imported in children only.
    from models.dae.fit import TrainingStopped
    from models.dae.train import train_next

    plan, o, work = _opened(folder)
    try:
        return train_next(plan, o, work, lambda tile, step, loss: None, is_stopping)
    except TrainingStopped:
        logger.info("the tile that was trained in %s is given back", folder)
    except Exception:
        logger.exception("training in %s failed", folder)
    return True


def train_by_workers(plan: Plan, o: TrainOptions, work: WorkFolder, queue: str) -> None:
    """Ring for every unfinished tile, and again for those that nobody has, until all are finished.

    Raises:
        TesseraError: `internal` when a tile failed three times.
    """
    from models.dae.train import unfinished
    from models.dae.work import MOST_FAILURES, write_json

    settings = get_settings()
    write_json(work.folder / OPTIONS, o.as_dict())
    before = {number: report.failures for number, report in work.reports().items()}
    rung = float("-inf")
    while left := unfinished(plan, o, work):
        for number, report in work.reports().items():
            if report.failures - before.get(number, 0) >= MOST_FAILURES:
                raise TesseraError(Code.internal, f"Tile {number} failed {MOST_FAILURES} times: {report.error}")
        if time.monotonic() - rung > _RING_S:
            free = sum(not work.is_claimed(tile.index) for tile in left)
            waiting = backlog(settings, queue) or 0
            ring_training(settings, queue, str(work.folder.absolute()), max(0, free - waiting))
            rung = time.monotonic()
        time.sleep(_LOOK_S)


def _opened(folder: Path) -> tuple[Plan, TrainOptions, WorkFolder]:
    from models.dae.plan import TrainOptions
    from models.dae.train import open_work
    from models.dae.work import read_json

    found = read_json(folder / OPTIONS)
    if not found:
        raise TesseraError(Code.setup_invalid, f"{folder} is no work folder of a training, or not on this machine.")
    device = get_settings().worker.device
    device = device if device != "auto" else _best_device()
    o = TrainOptions.from_dict(found | {"work": str(folder), "device": device})
    plan = _plan(folder, (folder / OPTIONS).stat().st_mtime_ns)
    return plan, o, open_work(plan, o)


@lru_cache(maxsize=1)
def _plan(folder: Path, changed: int) -> Plan:
    """The plan of a folder; read once, since a worker trains one tile of a panel after the other."""
    from models.dae.plan import TrainOptions, make_plan
    from models.dae.work import read_json

    return make_plan(TrainOptions.from_dict(read_json(folder / OPTIONS)))


def _best_device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
