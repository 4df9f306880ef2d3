"""The next item of an iterator is made while the last one is used."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

Item = TypeVar("Item")
_END = object()


def ahead(items: Iterator[Item]) -> Generator[Item]:
    """The same items, each made by a thread of its own while the caller is at the one before.

    Whatever the iterator raises is raised in its item's place. When the caller stops early, the item in work is waited
    for and the iterator is closed if it can be.
    """
    context = copy_context()
    with ThreadPoolExecutor(1, "ahead") as thread:
        try:
            coming = thread.submit(context.run, next, items, _END)
            while (item := coming.result()) is not _END:
                coming = thread.submit(context.run, next, items, _END)
                yield item
        finally:
            close = getattr(items, "close", None)
            if close:
                thread.submit(context.run, close).result()
