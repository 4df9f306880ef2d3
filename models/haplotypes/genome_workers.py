"""Several processes of one machine share the files of a panel."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager

from errors import TesseraError
from models.haplotypes.genome import open_work, read_files
from models.haplotypes.genome_options import GenomeOptions


class _Orphaned(Exception):
    """The process that started this one is gone."""


@contextmanager
def reading_workers(o: GenomeOptions, others: int) -> Iterator[None]:
    """So many other processes read files of the panel while the block runs.

    Reading is one thread's work; rates and accuracy use all cores by threads anyway.
    """
    spawn = multiprocessing.get_context("spawn")  # threads of numba do not survive a fork
    children = [spawn.Process(target=_work, args=(o, os.getpid()), daemon=True) for _ in range(others)]
    for child in children:
        child.start()
    try:
        yield
    finally:
        for child in children:
            child.terminate()  # all are idle, unless the block failed
            child.join()


def _work(o: GenomeOptions, parent: int) -> None:
    def watch(_doing: str, _fraction: float) -> None:
        if os.getppid() != parent:
            raise _Orphaned

    try:
        read_files(o, open_work(o), watch)
    except (_Orphaned, TesseraError):
        return  # whoever waits reads the file, and says what is wrong with it
