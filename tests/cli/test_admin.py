from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.up import redis
from cli.up.child import Child
from tests.support.waiting import until


def test_migrate_can_be_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESSERA_DATA_DIR", str(tmp_path))
    for _ in range(2):
        done = CliRunner().invoke(app, ["migrate"])
        assert done.exit_code == 0, done.output
        assert "The database is up to date." in done.stdout
    assert (tmp_path / "tessera.db").exists()


def test_migrate_says_which_setting_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESSERA_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    done = CliRunner().invoke(app, ["migrate"])
    assert done.exit_code == 1
    assert "The database cannot be used" in done.stderr
    assert "TESSERA_DATABASE_URL" in done.stderr


def test_check_asks_all_three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESSERA_DATA_DIR", str(tmp_path))
    socket = redis.socket_path(tmp_path)
    monkeypatch.setenv("TESSERA_BROKER_URL", f"redis+socket://{socket}")
    child = Child(redis.program(tmp_path, socket), tmp_path / "redis.log")
    child.start()
    try:
        until(lambda: redis.answers(socket))
        done = CliRunner().invoke(app, ["check"])
        assert done.exit_code == 0, done.output
        assert done.stdout.split() == ["database:", "answers", "broker:", "answers", "storage:", "answers"]
    finally:
        child.stop()
    done = CliRunner().invoke(app, ["check"])
    assert done.exit_code == 1
    assert "The broker cannot be used" in done.stderr
