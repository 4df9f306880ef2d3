"""Settings from the environment, their defaults, and what production refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from errors import Code, TesseraError
from jobs.settings import get_settings, load_settings
from jobs.storage import make_storage
from jobs.storage.local import LocalStorage
from jobs.storage.s3 import S3Storage

SAFE = {
    "TESSERA_ENVIRONMENT": "production",
    "TESSERA_DATABASE_URL": "postgresql://tessera:dXa91kQ@db/tessera",
    "TESSERA_BROKER_URL": "redis://:pQ81lzz@redis:6379/0",
    "TESSERA_STORAGE_URL": "s3://tessera/data",
    "TESSERA_STORAGE_ACCESS_KEY": "key",
    "TESSERA_STORAGE_SECRET_KEY": "hunter2hunter2",
}


def test_defaults_lie_in_one_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    folder = tmp_path.resolve() / "var"
    assert settings.data_dir == folder
    assert settings.database.url == f"sqlite:///{folder}/tessera.db"
    assert settings.broker.url == f"redis+socket://{folder}/redis/redis.sock"
    assert settings.storage.url == f"file://{folder}/storage"
    assert settings.worker.scratch == folder / "scratch"
    assert (settings.leases.seconds, settings.leases.sweep_seconds, settings.leases.max_attempts) == (60, 30, 3)
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8000)
    assert settings.worker.thread_count >= 1


def test_every_slice_reads_its_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = {
        "TESSERA_DATA_DIR": str(tmp_path),
        "TESSERA_DATABASE_URL": "postgresql://db/x",
        "TESSERA_STORAGE_PRESIGN_ENDPOINT": "https://files.example",
        "TESSERA_STORAGE_SECRET_KEY": "hunter2hunter2",
        "TESSERA_UPLOADS_MAX_EXPANDED_BYTES": "123",
        "TESSERA_LEASES_SWEEP_SECONDS": "0.5",
        "TESSERA_WORKER_TILE_BATCH": "4",
        "TESSERA_WORKER_IMPUTE_QUEUE": "gpu",
        "TESSERA_BUNDLES_DIR": "/bundles",
        "TESSERA_SERVER_PUBLIC_URL": "https://tessera.example",
        "TESSERA_RETENTION_DAYS": "2",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.database.url == "postgresql://db/x"
    assert settings.storage.presign_endpoint == "https://files.example"
    assert settings.storage.url == f"file://{tmp_path}/storage"
    assert settings.uploads.max_expanded_bytes == 123
    assert settings.leases.sweep_seconds == 0.5
    assert (settings.worker.tile_batch, settings.worker.sample_batch) == (4, 10_000)
    assert settings.worker.impute_queue == "gpu"
    assert settings.bundles.dir == Path("/bundles")
    assert settings.server.public_url == "https://tessera.example"
    assert settings.retention.days == 2
    assert "hunter2" not in repr(settings)


def test_values_given_in_code_come_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TESSERA_SERVER_PORT", "1")
    settings = load_settings(data_dir=tmp_path, server={"port": 2}, uploads={"max_bytes": 10})
    assert (settings.server.port, settings.uploads.max_bytes) == (2, 10)
    assert settings.database.url == f"sqlite:///{tmp_path}/tessera.db"


def test_the_address_that_clients_use_is_no_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TESSERA_SERVER", "https://impute.example.org")
    monkeypatch.setenv("TESSERA_SERVER_PORT", "8001")
    server = load_settings(data_dir=tmp_path).server
    assert (server.host, server.port) == ("127.0.0.1", 8001)


def test_empty_variables_count_as_not_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TESSERA_DATABASE_URL", "")
    monkeypatch.setenv("TESSERA_DATA_DIR", str(tmp_path))
    assert load_settings().database.url == f"sqlite:///{tmp_path}/tessera.db"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TESSERA_SERVER_PORT", "99999"),
        ("TESSERA_LEASES_SECONDS", "0"),
        ("TESSERA_ENVIRONMENT", "staging"),
        ("TESSERA_WORKER_TILE_BATHC", "1"),
    ],
)
def test_wrong_values_and_misspelt_names_are_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(TesseraError, match=name) as caught:
        load_settings()
    assert caught.value.code is Code.setup_invalid


def test_production_takes_safe_values(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SAFE.items():
        monkeypatch.setenv(name, value)
    assert load_settings().environment == "production"
    monkeypatch.delenv("TESSERA_STORAGE_ACCESS_KEY")
    monkeypatch.delenv("TESSERA_STORAGE_SECRET_KEY")
    assert load_settings().storage.access_key is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TESSERA_DATABASE_URL", None),
        ("TESSERA_DATABASE_URL", "sqlite:////data/tessera.db"),
        ("TESSERA_DATABASE_URL", "postgresql://tessera:Tessera@db/tessera"),
        ("TESSERA_DATABASE_URL", "postgresql://tessera@db/tessera"),
        ("TESSERA_BROKER_URL", None),
        ("TESSERA_BROKER_URL", "redis://redis:6379/0"),
        ("TESSERA_STORAGE_SECRET_KEY", "minioadmin"),
        ("TESSERA_STORAGE_SECRET_KEY", None),
    ],
)
def test_production_refuses_unsafe_values_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    for safe, given in SAFE.items():
        monkeypatch.setenv(safe, given)
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    with pytest.raises(TesseraError, match=name):
        load_settings()


def test_production_lets_a_unix_socket_do_without_password(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SAFE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TESSERA_DATABASE_URL", "postgresql://tessera@/tessera?host=/run/postgresql")
    assert load_settings().database.url.endswith("/run/postgresql")


def test_settings_of_a_process_are_read_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TESSERA_DATA_DIR", str(tmp_path))
    get_settings.cache_clear()
    first = get_settings()
    monkeypatch.setenv("TESSERA_DATA_DIR", "/elsewhere")
    assert get_settings() is first
    get_settings.cache_clear()


def test_storage_url_decides_the_store(tmp_path: Path) -> None:
    local = make_storage(load_settings(data_dir=tmp_path / "a b"))
    assert isinstance(local, LocalStorage)
    assert local.root == tmp_path.resolve() / "a b" / "storage"
    assert isinstance(make_storage(load_settings(storage={"url": "s3://bucket/x"})), S3Storage)
    for url in ("ftp://x/y", "s3:///x", "file://host/x"):
        with pytest.raises(TesseraError, match="TESSERA_STORAGE_URL"):
            make_storage(load_settings(storage={"url": url}))
