"""A child process of the worker: everything that must be made after the fork, made once, on the first doorbell.

Nothing here runs in the parent: it holds no database connection while it forks, no thread of PyTorch and no CUDA.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import sys
import threading
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from jobs.clock import SystemClock
from jobs.database import make_engine, session_factory
from jobs.doorbell import ring
from jobs.settings import get_settings
from jobs.storage import make_storage
from worker.identity import worker_name

if TYPE_CHECKING:
    from worker.execute import Executor

_PR_SET_PDEATHSIG = 1

_making = threading.Lock()
_stop_flag = mmap.mmap(-1, 1)  # anonymous shared memory: the parent sets it, the children that it forked read it


def ask_to_stop() -> None:
    """In the parent: tell all children to give their rows back."""
    _stop_flag[0] = 1


def is_stopping() -> bool:
    """Whether the parent has told its children to stop."""
    return _stop_flag[0] == 1


def start_child(parent: int) -> None:
    """In a child that was just forked: die with the parent, and make the executor before the first doorbell needs it.

    A killed worker must leave no child that goes on with a row.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)
    threading.Thread(target=_warm_up, name="warm-up", daemon=True).start()


def executor() -> Executor:
    """This process's executor, made on the first call."""
    with _making:
        return _executor()


def _warm_up() -> None:
    """Make the executor; trouble is for the first row to meet, which reports it."""
    with suppress(Exception):
        executor()


@lru_cache(maxsize=1)
def _executor() -> Executor:
    """Load engine and pipeline, open database and storage."""
    # The engine imports PyTorch, which only children may do; the parent has no use for the rest of the pipeline either.
    from genotypes.manifest import find_bundle, list_bundles
    from worker.bundles import BundleCache, load_engine
    from worker.execute import Executor
    from worker.scratch import Scratch
    from worker.stages import Tools

    settings = get_settings()
    name = worker_name()
    storage = make_storage(settings)
    bundles = BundleCache(
        lambda bundle_id: find_bundle(settings.bundles.dir, bundle_id)[0],
        load_engine(settings.worker.engine),
        device=settings.worker.device,
        threads=settings.worker.thread_count,
        installed=lambda: [manifest for _, manifest in list_bundles(settings.bundles.dir)],
    )
    return Executor(
        name=name,
        sessions=session_factory(make_engine(settings.database.url, settings.database.pool_size)),
        clock=SystemClock(),
        tools=Tools(settings, storage, Scratch(settings.worker.scratch, name, storage), bundles),
        ring=lambda queue, n: ring(settings, queue, n),
        stopping=is_stopping,
    )
