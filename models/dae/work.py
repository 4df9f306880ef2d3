"""The work folder of a training: what is to be done, who does it, how far it is.

    options.json        what to train; the same for all who share the folder
    plan.json           a fingerprint of the tiles, so that nobody goes on from checkpoints of another plan
    tile-K.pt           checkpoint
    tile-K.lock         held (flock) by the process that trains tile K
    tile-K.json         how far it is

Any number of processes and machines may share it. The kernel gives a lock back when its holder dies, however it died,
and NFS passes locks on, so a tile is never lost and never trained twice at once.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from errors import Code, TesseraError

MOST_FAILURES = 3


@dataclass(frozen=True)
class TileReport:
    """How far a tile is."""

    step: int
    steps: int
    loss: float
    worker: str  # host:pid
    time: float  # s since 1970
    failures: int = 0
    error: str = ""


class WorkFolder:
    """A training's work folder."""

    def __init__(self, folder: Path) -> None:
        """Make it, unless it is there."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def checkpoint(self, tile: int) -> Path:
        """Where the checkpoint of a tile lies."""
        return self.folder / f"tile-{tile}.pt"

    @contextmanager
    def claim(self, name: int | str) -> Iterator[bool]:
        """Hold a tile (or another named piece of the work) to oneself; False when somebody else does."""
        label = f"tile-{name}" if isinstance(name, int) else name
        with (self.folder / f"{label}.lock").open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield True  # closing the file gives the lock back

    def is_claimed(self, tile: int) -> bool:
        """Whether somebody trains the tile now."""
        with self.claim(tile) as mine:
            return not mine

    def agree(self, name: str, content: dict[str, Any]) -> None:
        """Write `name` (plan.json), or check that what is there is the same.

        Raises:
            TesseraError: `setup_invalid` when the folder belongs to another training.
        """
        path = self.folder / name
        found = read_json(path)
        if not found:
            write_json(path, content)
        elif found != json.loads(json.dumps(content)):
            other = sorted(k for k in {*found, *content} if found.get(k) != content.get(k))
            raise TesseraError(
                Code.setup_invalid,
                f"{self.folder} holds checkpoints of another training; what differs: {', '.join(other)}.",
                action="Name another folder with --work, or remove this one.",
            )

    def report(self, tile: int, step: int, steps: int, loss: float) -> None:
        """Say how far a tile is."""
        last = self.read(tile)
        failures, error = (last.failures, last.error) if last else (0, "")
        self._write(tile, TileReport(step, steps, loss, worker(), time.time(), failures, error))

    def fail(self, tile: int, error: str) -> None:
        """Note that training a tile failed."""
        last = self.read(tile)
        failures = (last.failures if last else 0) + 1
        step, steps = (last.step, last.steps) if last else (0, 0)
        self._write(tile, TileReport(step, steps, float("nan"), worker(), time.time(), failures, error))

    def read(self, tile: int) -> TileReport | None:
        """How far a tile is; None when nobody has said."""
        found = read_json(self.folder / f"tile-{tile}.json")
        return TileReport(**found) if found else None

    def reports(self) -> dict[int, TileReport]:
        """How far every tile is that somebody has begun."""
        numbers = sorted(int(path.stem.removeprefix("tile-")) for path in self.folder.glob("tile-*.json"))
        return {number: found for number in numbers if (found := self.read(number))}

    def _write(self, tile: int, report: TileReport) -> None:
        write_json(self.folder / f"tile-{tile}.json", asdict(report))


def worker() -> str:
    """This process, as reports name it."""
    return f"{socket.gethostname()}:{os.getpid()}"


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write and rename."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_text(json.dumps(content, indent=1) + "\n")
    partial.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """What `write_json` wrote; nothing when there is no such file."""
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise TesseraError(Code.setup_invalid, f"{path} cannot be read: {error}.") from error
    return content
