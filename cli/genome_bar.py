"""The progress of a training of haplotypes, with the time that what is done now has left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from cli.plain import err
from cli.words import duration

_SAY_S = 60.0  # into a log file


@contextmanager
def genome_bar() -> Iterator[Callable[[str, float], None]]:
    """Hands out the function that shows what is done and its fraction; in a log file a line a minute."""
    if not err.is_terminal:
        yield _Log()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=err) as bar:
        task = bar.add_task("", total=1.0)
        kind = ""

        def show(doing: str, fraction: float) -> None:
            nonlocal kind
            if _kind(doing) != kind:
                kind = _kind(doing)
                bar.reset(task, total=1.0)
            bar.update(task, completed=fraction, description=doing)

        yield show


class _Log:
    """Lines for a log file."""

    def __init__(self) -> None:
        self._kind, self._began, self._first, self._said = "", 0.0, 0.0, 0.0

    def __call__(self, doing: str, fraction: float) -> None:
        now = time.monotonic()
        if _kind(doing) != self._kind:
            self._kind, self._began, self._first, self._said = _kind(doing), now, fraction, now
            return
        if now - self._said < _SAY_S:
            return
        self._said = now
        done = fraction - self._first
        left = f", {duration((now - self._began) * (1 - fraction) / done)} left" if done > 0 else ""
        err.print(f"{doing}, {fraction:.0%}{left}", markup=False)


def _kind(doing: str) -> str:
    """What stays the same while the fraction grows: each pair of rates is one step of one task."""
    return doing.partition(":")[0]
