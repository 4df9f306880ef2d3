from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from benchmarks.upload_memory import LIMIT_MIB, measure
from tests.support.api import VCF, LiveApi, live_api


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveApi]:
    with live_api(tmp_path, uploads={"max_bytes": 64 << 20}) as running:
        yield running


def stored(live: LiveApi) -> list[Path]:
    return [path for path in (live.services.settings.data_dir / "storage").rglob("*") if path.is_file()]


def jobs(live: LiveApi) -> int:
    with live.services.reading() as repository:
        return len(repository.list_jobs()[0])


def wait_for(condition, seconds: float = 10) -> None:  # type: ignore[no-untyped-def]
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_a_client_that_goes_away_leaves_nothing(live: LiveApi) -> None:
    address = urlsplit(live.url)
    head = b'--b\r\ncontent-disposition: form-data; name="vcf"; filename="a.vcf"\r\n\r\n' + VCF
    with socket.create_connection((address.hostname, address.port)) as client:
        client.sendall(
            b"POST /jobs HTTP/1.1\r\nhost: x\r\ncontent-length: 50000000\r\n"
            b"content-type: multipart/form-data; boundary=b\r\n\r\n" + head + b"#" * 3_000_000
        )
        wait_for(lambda: stored(live))
    wait_for(lambda: not stored(live))
    assert jobs(live) == 0
    assert httpx.get(f"{live.url}/healthz").status_code == 200


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_line_of_the_readme(live: LiveApi, tmp_path: Path) -> None:
    upload = tmp_path / "x.vcf"
    upload.write_bytes(VCF)
    done = subprocess.run(
        ["curl", "-sS", "-i", "-F", f"vcf=@{upload}", f"{live.url}/jobs"], capture_output=True, check=True
    )
    assert done.stdout.startswith(b"HTTP/1.1 202")
    assert b"location: /jobs/job_" in done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("expect", ["", "100-continue"], ids=["sent at once", "asks first"])
def test_the_refusal_of_a_large_upload_reaches_its_sender(live: LiveApi, tmp_path: Path, expect: str) -> None:
    upload = tmp_path / "x.vcf"
    upload.write_bytes(VCF + b"#" * (20 << 20))
    command = ["curl", "-sS", "-H", f"Expect: {expect}", "-F", "mode=wrong", "-F", f"vcf=@{upload}", f"{live.url}/jobs"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert b'"field":"mode"' in done.stdout
    assert stored(live) == []


def test_uploads_at_the_same_time_do_not_mix(live: LiveApi) -> None:
    contents = [VCF + bytes([65 + number]) * (2 << 20) for number in range(6)]

    def submit(content: bytes) -> str:
        job: dict[str, str] = httpx.post(f"{live.url}/jobs", files={"vcf": ("a.vcf", content)}, timeout=60).json()
        return job["id"]

    with ThreadPoolExecutor(6) as pool:
        ids = list(pool.map(submit, contents))
    assert len(set(ids)) == 6
    for job_id, content in zip(ids, contents, strict=True):
        with live.services.storage.open(f"jobs/{job_id}/uploads/0-a.vcf") as file:
            assert file.read() == content


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_memory_stays_flat_while_a_large_file_arrives(tmp_path: Path) -> None:
    small = tmp_path / "small"
    large = tmp_path / "large"
    small.mkdir()
    large.mkdir()
    first, second = measure(8, small), measure(96, large)
    assert first.status == second.status == 202
    assert second.peak_mib < LIMIT_MIB
    assert second.peak_mib < first.peak_mib + 16
