"""The next item of an iterator is made while the last one is used."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Generator[Item]) -> Generator[Item]:
    """The same items, each made by a thread of its own while the caller is at the one before.

    What the generator raises is raised in its item's place. When the caller stops early, the item in work is waited for
    and the generator is closed.
    """
    context = copy_context()

    def make() -> list[Item]:
        return list(islice(items, 1))

    with ThreadPoolExecutor(1, "ahead") as thread:
        try:
            coming = thread.submit(context.run, make)
            while made := coming.result():
                coming = thread.submit(context.run, make)
                yield made[0]
        finally:
            thread.submit(context.run, items.close).result()
