"""Which values a server may not run with in production, and why."""

from __future__ import annotations

from urllib.parse import urlsplit

from jobs.slices import BrokerSettings, DatabaseSettings, StorageSettings

DEFAULT_SECRETS = frozenset(
    {
        "",
        "admin",
        "changeme",
        "change-me",
        "changethis",
        "minioadmin",
        "password",
        "postgres",
        "secret",
        "tessera",
        "test",
    }
)


def unsafe_values(database: DatabaseSettings, broker: BrokerSettings, storage: StorageSettings) -> list[str]:
    """One sentence per unsafe value; empty when all are safe."""
    return [*_database(database.url), *_broker(broker.url), *_storage(storage)]


def _database(url: str) -> list[str]:
    """SQLite serves one machine only, and a guessable password opens every job."""
    parts = urlsplit(url)
    if parts.scheme.startswith("sqlite"):
        return ["TESSERA_DATABASE_URL: production needs PostgreSQL (postgresql://...)"]
    over_network = bool(parts.hostname) and "host=/" not in parts.query
    if over_network and (parts.password or "").lower() in DEFAULT_SECRETS:
        return ["TESSERA_DATABASE_URL: the password is missing or a well-known default"]
    return []


def _broker(url: str) -> list[str]:
    """Whoever reaches an open Redis can empty it."""
    parts = urlsplit(url)
    if "socket" in parts.scheme:
        return ["TESSERA_BROKER_URL: production needs a Redis that all machines reach (redis://... or rediss://...)"]
    if (parts.password or "").lower() in DEFAULT_SECRETS:
        return ["TESSERA_BROKER_URL: the password is missing or a well-known default"]
    return []


def _storage(storage: StorageSettings) -> list[str]:
    """A half-given or well-known key pair is a mistake; none at all means instance roles."""
    if urlsplit(storage.url).scheme != "s3":
        return []
    secret = None if storage.secret_key is None else storage.secret_key.get_secret_value()
    if (storage.access_key is None) != (secret is None):
        return ["TESSERA_STORAGE_ACCESS_KEY and TESSERA_STORAGE_SECRET_KEY: give both or neither"]
    if secret is not None and secret.lower() in DEFAULT_SECRETS:
        return ["TESSERA_STORAGE_SECRET_KEY: the secret is empty or a well-known default"]
    return []
