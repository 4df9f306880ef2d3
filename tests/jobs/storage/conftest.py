"""One store of each kind, empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.storage import Storage
from jobs.storage.local import LocalStorage
from jobs.storage.s3 import S3Storage
from tests.support.swift import s3_server


@pytest.fixture
def s3(tmp_path: Path) -> S3Storage:
    server = s3_server()
    return S3Storage(
        server.new_bucket(),
        prefix="tessera/data",
        endpoint=server.endpoint,
        region=server.region,
        access_key=server.access_key,
        secret_key=server.secret_key,
    )


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.s3)])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "s3":
        store: Storage = request.getfixturevalue("s3")
        return store
    return LocalStorage(tmp_path / "storage")
