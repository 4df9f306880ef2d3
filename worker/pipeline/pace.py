"""Progress of a chunk, from what its engine has imputed and from what is written of it."""

from __future__ import annotations

import threading

from worker.pipeline.types import Progress


class Pace:
    """Tells the fraction done of a chunk, which never falls; safe from the engine's thread and the writer's."""

    def __init__(self, sites: int, before_blocks: float, progress: Progress) -> None:
        """Follow a chunk of `sites`; `before_blocks` is that of the engine (`models.protocol.Imputer`)."""
        self._sites, self._before, self._progress = max(1, sites), before_blocks, progress
        self._imputed = self._written = 0.0
        self._lock = threading.Lock()

    def imputed(self, sites: float) -> None:
        """The engine has done so many sites' worth of work; raises what the chunk's progress raises."""
        self._tell(imputed=sites)

    def written(self, sites: float) -> None:
        """So many sites are written; raises what the chunk's progress raises."""
        self._tell(imputed=sites, written=sites)  # an engine that keeps silent has imputed what is written

    def _tell(self, imputed: float, written: float = 0.0) -> None:
        with self._lock:
            self._imputed, self._written = max(self._imputed, imputed), max(self._written, written)
            done = self._before * self._imputed + (1 - self._before) * self._written
            self._progress(min(1.0, done / self._sites))
