"""Threads at the parts of one work: how far all of them are is heard while they work, and they stop when told to."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Final

import numpy as np
from numpy.typing import NDArray

BEAT_SECONDS = 0.2  # between two looks at how far the threads are
DONE: Final = 0  # place in a part's ticks: how much of it is done, counted up by whoever works on it
STOP: Final = 1  # not zero: whoever works on it shall end


def work_in_parts(
    threads: int, parts: int, work: Callable[[int, NDArray[np.int64]], None], heard: Callable[[int], None]
) -> None:
    """Call `work(number, ticks)` for every part, some at once, and return when all are done.

    Args:
        threads: how many parts are in work at once.
        parts: how many there are.
        work: does a part; `ticks` (2,) int64 are shared with this thread, see `DONE` and `STOP`.
        heard: called in this thread several times a second with the sum of what is done, at last with all of it; what
            it raises stops the threads and is raised here.
    """
    ticks = np.zeros((parts, 2), np.int64)
    with ThreadPoolExecutor(threads, "haplotypes") as pool:
        waiting = {pool.submit(work, number, ticks[number]) for number in range(parts)}
        try:
            while waiting:
                ended, waiting = wait(waiting, BEAT_SECONDS)
                for one in ended:
                    one.result()
                heard(int(ticks[:, DONE].sum()))
        except BaseException:
            ticks[:, STOP] = 1
            pool.shutdown(wait=False, cancel_futures=True)
            raise
