import os
import signal
from pathlib import Path

import pytest
import redis as client

from cli.up import redis
from cli.up.child import Child
from errors import Code, TesseraError
from tests.support.waiting import until


def start(folder: Path, socket: Path) -> Child:
    child = Child(redis.program(folder, socket), folder / "redis.log")
    child.start()
    until(lambda: redis.answers(socket))
    return child


def test_what_was_written_survives_a_kill_and_a_new_start(tmp_path: Path) -> None:
    socket = redis.socket_path(tmp_path)
    child = start(tmp_path, socket)
    try:
        with client.Redis(unix_socket_path=str(socket)) as connection:
            connection.rpush("cpu", "doorbell")
        os.kill(child.pid, signal.SIGKILL)
    finally:
        child.stop()
    child = start(tmp_path, socket)
    try:
        with client.Redis(unix_socket_path=str(socket)) as connection:
            assert connection.lrange("cpu", 0, -1) == [b"doorbell"]
            assert connection.config_get("port")["port"] == "0", "it listens on no network"
            assert connection.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
    finally:
        child.stop()


def test_the_socket_is_this_users_alone(tmp_path: Path) -> None:
    socket = redis.socket_path(tmp_path)
    child = start(tmp_path, socket)
    try:
        assert socket.stat().st_mode & 0o077 == 0
    finally:
        child.stop()


def test_a_leftover_is_ended_before_a_second_one_starts(tmp_path: Path) -> None:
    socket = redis.socket_path(tmp_path)
    left = start(tmp_path, socket)
    redis.end_leftover(socket)
    until(lambda: not left.running)
    redis.end_leftover(socket)


def test_a_path_too_long_for_the_kernel_is_replaced_by_a_private_one(tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    socket = redis.socket_path(folder)
    assert socket.parent != folder
    assert socket == redis.socket_path(folder), "the same at every start"
    assert socket.parent.stat().st_mode & 0o077 == 0


def test_a_machine_without_redis_gets_advice(monkeypatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(TesseraError) as caught:
        redis.find_server()
    assert caught.value.code is Code.setup_invalid
    assert "TESSERA_BROKER_URL" in caught.value.action
