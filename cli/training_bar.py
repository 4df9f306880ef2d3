"""The progress of a training, read from its work folder: whoever trains the tiles, the bar shows them all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from cli.plain import err
from cli.words import duration

if TYPE_CHECKING:
    from models.dae.work import WorkFolder

_LOOK_S = 1.0
_SAY_S = 60.0  # into a log file


@contextmanager
def training_bar(work: WorkFolder, tiles: int, steps: int) -> Iterator[None]:
    """Show steps over all tiles with the time left, as long as the block runs; in a log file a line a minute."""
    over = threading.Event()
    thread = threading.Thread(target=_watch, args=(work, tiles, steps, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _watch(work: WorkFolder, tiles: int, steps: int, over: threading.Event) -> None:
    if not err.is_terminal:
        _log(work, tiles, steps, over)
        return
    columns = (TextColumn("{task.fields[text]}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=err) as bar:
        done, text = _state(work, tiles, steps)
        task = bar.add_task("", total=tiles * steps, completed=done, text=text)
        while not over.wait(_LOOK_S):
            done, text = _state(work, tiles, steps)
            bar.update(task, completed=done, text=text)
        done, text = _state(work, tiles, steps)
        bar.update(task, completed=done, text=text)


def _log(work: WorkFolder, tiles: int, steps: int, over: threading.Event) -> None:
    first, _ = _state(work, tiles, steps)
    waited = 0.0
    while not over.wait(_SAY_S):
        waited += _SAY_S
        done, text = _state(work, tiles, steps)
        left = (tiles * steps - done) * waited / (done - first) if done > first else None
        err.print(f"{text}, {done} of {tiles * steps} steps" + (f", {duration(int(left))} left" if left else ""))


def _state(work: WorkFolder, tiles: int, steps: int) -> tuple[int, str]:
    """Steps done over all tiles, and a line about them."""
    found = work.reports()
    finished = sum(one.step >= steps for one in found.values())
    busy = [(number, one) for number, one in found.items() if one.step < steps and work.is_claimed(number)]
    losses = ", ".join(f"tile {number}: loss {one.loss:.5f}" for number, one in busy[:4])
    done = sum(min(one.step, steps) for one in found.values())
    return done, f"{finished} of {tiles} tiles" + (f"; {losses}" if losses else "")
