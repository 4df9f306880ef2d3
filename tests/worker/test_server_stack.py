"""A lab's installation: PostgreSQL, an S3 store, Redis, two workers with the real engine, and the API over them."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from genotypes.codes import from_haplotypes
from tests.support.bundles import EVERY, SITES, make_panel, tiny_bundle
from tests.support.postgres import drop_database, new_database
from tests.support.processes import Installation, wait_for
from tests.support.swift import S3Server, s3_server
from tests.support.vcf import gt_strings, write_vcf

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.s3]


@pytest.fixture
def store() -> tuple[S3Server, str]:
    server = s3_server()
    return server, server.new_bucket()


@pytest.fixture
def stack(store: tuple[S3Server, str]) -> Iterator[Installation]:
    server, bucket = store
    folder = Path(tempfile.mkdtemp(prefix="stack-"))  # short, for the Redis socket
    (folder / "bundles").mkdir()
    tiny_bundle(folder / "bundles")
    url = new_database()
    stack = Installation(
        folder,
        env={
            "TESSERA_DATABASE_URL": url,
            "TESSERA_STORAGE_URL": f"s3://{bucket}/tessera",
            "TESSERA_STORAGE_ENDPOINT": server.endpoint,
            "TESSERA_STORAGE_REGION": server.region,
            "TESSERA_STORAGE_ACCESS_KEY": server.access_key,
            "TESSERA_STORAGE_SECRET_KEY": server.secret_key,
            "TESSERA_BUNDLES_DIR": str(folder / "bundles"),
            "TESSERA_LEASES_SECONDS": "3",
            "TESSERA_LEASES_SWEEP_SECONDS": "0.5",
            "TESSERA_WORKER_THREADS": "1",
        },
    )
    try:
        stack.start_redis()
        stack.start_worker()
        stack.start_worker(name="second worker")
        stack.start_api()
        yield stack
    finally:
        stack.close()
        drop_database(url)
        shutil.rmtree(folder)


def keys(store: tuple[S3Server, str]) -> list[str]:
    server, bucket = store
    return [item["Key"] for item in server.client().list_objects_v2(Bucket=bucket).get("Contents", [])]


def upload(folder: Path) -> Path:
    """Twenty people outside the tiny panel, typed at its array's sites."""
    panel = make_panel()
    rows = np.arange(0, SITES, EVERY)
    codes = from_haplotypes(panel.others[0::2].T, panel.others[1::2].T, phased=False)[rows]
    path = folder / "cohort.vcf.gz"
    write_vcf(
        path,
        "20",
        panel.pos[rows].tolist(),
        [panel.ref[v] for v in rows],
        [panel.alt[v] for v in rows],
        gt_strings(codes),
        [f"S{k}" for k in range(codes.shape[1])],
    )
    return path


def test_a_job_goes_through_with_a_worker_killed_on_the_way(stack: Installation, store: tuple[S3Server, str]) -> None:
    with upload(stack.folder).open("rb") as file:
        job = stack.request("POST", "/jobs", files={"vcf": ("cohort.vcf.gz", file)}).json()
    path = f"/jobs/{job['id']}"
    wait_for(lambda: stack.request("GET", path).json()["state"] != "queued", "work has begun")
    stack.kill("worker")
    wait_for(lambda: stack.request("GET", path).json()["state"] in ("complete", "failed"), "the job has ended")
    ended = stack.request("GET", path).json()
    assert ended["state"] == "complete", ended["error"]
    results = {one["name"]: one for one in stack.request("GET", f"{path}/results").json()["results"]}
    dose = stack.request("GET", f"{path}/results/chr20.dose.vcf.gz")
    assert dose.status_code == 307
    assert dose.headers["location"].startswith(store[0].endpoint)
    content = httpx.get(dose.headers["location"]).content
    assert hashlib.sha256(content).hexdigest() == results["chr20.dose.vcf.gz"]["sha256"]
    prefix = f"tessera/jobs/{job['id']}/"
    wait_for(lambda: not [key for key in keys(store) if key.startswith(f"{prefix}work/")], "work files deleted")
    assert stack.request("DELETE", path).status_code == 204
    assert keys(store) == []
