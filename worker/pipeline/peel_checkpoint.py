"""Checkpoints of a chromosome's cycles: a worker that is killed loses seconds of them, and the bytes stay the same."""

from __future__ import annotations

import hashlib
import logging
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from models.peeling.engine import Peeling
from worker.pipeline.version import software

logger = logging.getLogger(__name__)

_PRINT: Final = "fingerprint"
_SHARE: Final = 20  # a checkpoint waits so many times as long as the last one took to write


class Keeper(Protocol):
    """A place that outlives the worker."""

    def read(self, name: str, path: Path) -> bool:
        """Fetch a file to `path`; False when there is none."""
        ...

    def write(self, name: str, path: Path) -> None:
        """Keep a file under a name, whole or not at all, in place of an earlier one; may raise to abort."""
        ...


@dataclass(slots=True)
class Checkpoints:
    """Writes and reads the checkpoints of one chunk.

    Attributes:
        keeper: where they are kept.
        folder: for the file on its way.
        seconds: least time between two; 0 writes one after every cycle.
        most_bytes: a state that is larger is not kept.
        clock: tells seconds.
    """

    keeper: Keeper
    folder: Path
    seconds: float = 60.0
    most_bytes: int = 2 << 30
    clock: Callable[[], float] = time.monotonic
    _last: float = field(init=False)
    _took: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._last = self.clock()

    def resume(self, part: int, peeling: Peeling, fingerprint: str) -> bool:
        """Give a peeling the state that an earlier attempt at the same data left, if there is one."""
        path = self.folder / "checkpoint.npz"
        if not self.keeper.read(_name(part), path):
            return False
        try:
            with np.load(path, allow_pickle=False) as data:
                if str(data[_PRINT]) != fingerprint:
                    return False
                state = {name: data[name] for name in data.files if name != _PRINT}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            logger.warning("a checkpoint cannot be read, and the cycles start anew: %s", error)
            return False
        finally:
            path.unlink()
        peeling.resume(state)
        logger.info("resumed after cycle %d", state["done"])
        return True

    def save(self, part: int, peeling: Peeling, fingerprint: str) -> None:
        """Keep the state, if it is time."""
        started = self.clock()
        if self.seconds and started - self._last < max(self.seconds, _SHARE * self._took):
            return
        state = peeling.state()
        if sum(array.nbytes for array in state.values()) > self.most_bytes:
            return
        path = self.folder / "checkpoint.npz"
        arrays: dict[str, Any] = {**state, _PRINT: np.array(fingerprint)}
        np.savez(path, **arrays)
        self.keeper.write(_name(part), path)
        path.unlink()
        self._last = self.clock()
        self._took = self._last - started


def fingerprint(*parts: Any) -> str:
    """A name of everything that a peeling's result depends on: arrays, and what `repr` tells of the rest."""
    digest = hashlib.blake2b(software().encode(), digest_size=16)
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}".encode())
            for block in _blocks(part):
                digest.update(np.ascontiguousarray(block).data)
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()


def _blocks(array: NDArray[Any]) -> list[NDArray[Any]]:
    """An array in pieces of some rows, as one that is mapped from disk shall not be copied whole."""
    return [array[first : first + 4096] for first in range(0, len(array), 4096)] if array.ndim else [array]


def _name(part: int) -> str:
    return f"part-{part}.npz"
