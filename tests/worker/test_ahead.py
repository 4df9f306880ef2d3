"""Items made ahead of their use."""

import threading
from collections.abc import Generator

import pytest

from worker.pipeline.ahead import ahead


def test_items_come_in_order() -> None:
    assert list(ahead(k for k in range(5))) == [0, 1, 2, 3, 4]
    assert list(ahead(k for k in range(0))) == []


def test_the_next_is_made_while_one_is_used() -> None:
    second = threading.Event()

    def make() -> Generator[int]:
        yield 1
        second.set()
        yield 2

    used = ahead(make())
    assert next(used) == 1
    assert second.wait(10)
    used.close()


def test_an_error_comes_in_its_items_place() -> None:
    def make() -> Generator[int]:
        yield 1
        raise RuntimeError("broken")

    used = ahead(make())
    assert next(used) == 1
    with pytest.raises(RuntimeError, match="broken"):
        next(used)


def test_stopping_early_closes_the_generator() -> None:
    closed = threading.Event()

    def make() -> Generator[int]:
        try:
            yield from range(100)
        finally:
            closed.set()

    used = ahead(make())
    next(used)
    used.close()
    assert closed.is_set()
