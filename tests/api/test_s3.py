"""The API over a real S3 store: uploads in parts, downloads by signed links, nothing left of a refusal."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from jobs.storage.s3 import S3Storage
from tests.support.api import VCF, Api, running_api
from tests.support.swift import s3_server

pytestmark = pytest.mark.s3


@pytest.fixture
def on_s3(tmp_path: Path) -> Iterator[Api]:
    server = s3_server()
    storage = S3Storage(
        server.new_bucket(),
        prefix="some/prefix",
        endpoint=server.endpoint,
        region=server.region,
        access_key=server.access_key,
        secret_key=server.secret_key,
    )
    with running_api(tmp_path, storage=storage) as api:
        yield api


def objects(api: Api) -> list[str]:
    storage = api.services.storage
    assert isinstance(storage, S3Storage)
    listed = storage.client.list_objects_v2(Bucket=storage.bucket)
    return [item["Key"] for item in listed.get("Contents", [])]


def test_an_upload_of_several_parts_and_its_removal(on_s3: Api) -> None:
    content = VCF + os.urandom(9 << 20)
    answer = on_s3.client.post("/jobs", files={"vcf": ("a.vcf", content)})
    assert answer.json()["files"][0]["sha256"] == hashlib.sha256(content).hexdigest()
    key = f"jobs/{answer.json()['id']}/uploads/0-a.vcf"
    assert objects(on_s3) == [f"some/prefix/{key}"]
    with on_s3.services.storage.open(key) as stored:
        assert stored.read() == content
    assert on_s3.client.delete(answer.headers["location"]).status_code == 204
    assert objects(on_s3) == []


def test_a_refusal_leaves_nothing(on_s3: Api) -> None:
    files = [("vcf", ("a.vcf", VCF)), ("vcf", ("b.vcf", VCF + bytes(9 << 20))), ("vcf", ("c.vcf", b"no"))]
    assert on_s3.client.post("/jobs", files=files).status_code == 422
    assert objects(on_s3) == []


def test_a_download_goes_to_the_store_itself(on_s3: Api) -> None:
    job = on_s3.submit()
    content = os.urandom(100_000)
    on_s3.add_result(job["id"], "chr20.dose.vcf.gz", content)
    answer = on_s3.client.get(f"{job['links']['results']}/chr20.dose.vcf.gz", follow_redirects=False)
    assert answer.status_code == 307
    part = httpx.get(answer.headers["location"], headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, content[10:20])
    assert 'filename="chr20.dose.vcf.gz"' in part.headers["content-disposition"]
