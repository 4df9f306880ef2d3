from __future__ import annotations

import pytest

from jobs.states import JobState
from tests.support.api import VCF, Api

UNKNOWN = "/jobs/job_" + "0" * 26


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
def test_state_of_a_job(api: Api, prefix: str) -> None:
    job = api.submit()
    answer = api.client.get(f"{prefix}/jobs/{job['id']}")
    assert answer.json() == job
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["vary"] == "Accept"


def test_the_state_moves_with_the_database(api: Api) -> None:
    job = api.submit()
    with api.services.unit_of_work() as unit:
        unit.repository.claim("cpu", "host:1", 60)
    seen = api.client.get(job["links"]["self"]).json()
    assert (seen["state"], seen["queue_position"]) == ("validating", None)
    assert seen["started_at"] == "2026-01-01T00:00:00Z"
    assert seen["links"]["cancel"]
    assert seen["links"]["restart"] is None


def test_a_failure_is_shown_with_code_and_action(api: Api) -> None:
    job = api.submit()
    api.end(job["id"], JobState.failed)
    seen = api.client.get(job["links"]["self"]).json()
    assert seen["error"] == {"code": "no_overlap", "message": "m", "action": "a", "details": {}}
    assert seen["links"]["restart"]
    assert seen["links"]["cancel"] is None
    assert seen["expires_at"] == "2026-01-08T00:00:00Z"


def test_pages_of_the_list(api: Api) -> None:
    ids = []
    for _ in range(5):
        ids.append(api.submit()["id"])
        api.clock.forward(1)
    seen: list[str] = []
    cursor: str | None = None
    sizes = []
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = api.client.get("/jobs", params=query).json()
        seen += [job["id"] for job in page["jobs"]]
        sizes.append(len(page["jobs"]))
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == ids[::-1]
    assert sizes == [2, 2, 1]


@pytest.mark.parametrize(
    ("query", "field"), [("limit=0", "limit"), ("limit=a", "limit"), ("limit=999", "limit"), ("cursor=x'", "cursor")]
)
def test_a_wrong_query_is_named(api: Api, query: str, field: str) -> None:
    answer = api.client.get(f"/jobs?{query}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_cancel_then_restart(api: Api) -> None:
    job = api.submit()
    api.rings.clear()
    cancelled = api.client.post(job["links"]["cancel"])
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert api.client.post(job["links"]["cancel"]).status_code == 200
    restarted = api.client.post(cancelled.json()["links"]["restart"])
    assert (restarted.status_code, restarted.json()["state"]) == (202, "queued")
    assert api.rings == [("cpu", 1)]


def test_what_the_state_does_not_allow_is_a_conflict(api: Api) -> None:
    job = api.submit()
    answer = api.client.post(f"/jobs/{job['id']}/restart")
    assert (answer.status_code, answer.json()["code"]) == (409, "state_conflict")
    api.end(job["id"])
    assert api.client.post(f"/jobs/{job['id']}/cancel").status_code == 409


@pytest.mark.parametrize("running", [True, False])
def test_delete_leaves_nothing(api: Api, running: bool) -> None:
    job = api.submit()
    api.add_result(job["id"], "a.vcf.gz", b"x")
    if not running:
        api.end(job["id"])
    answer = api.client.delete(job["links"]["self"])
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.storage_files == []
    assert api.job_count == 0
    assert api.client.get(job["links"]["self"]).status_code == 404


def test_a_delete_that_storage_refuses_can_be_repeated(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    job = api.submit()
    with monkeypatch.context() as patch:
        patch.setattr(type(api.services.storage), "delete", lambda *_: 1 / 0)
        assert api.client.delete(job["links"]["self"]).status_code == 500
    # The rows are still there, so nothing is forgotten in storage.
    assert api.client.get(job["links"]["self"]).json()["state"] == "cancelled"
    assert api.client.delete(job["links"]["self"]).status_code == 204
    assert api.storage_files == []


@pytest.mark.parametrize("path", ["", "/events", "/results", "/results/a.vcf.gz", "/report", "/report.json"])
def test_an_unknown_job_is_not_found(api: Api, path: str) -> None:
    answer = api.client.get(UNKNOWN + path)
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")


@pytest.mark.parametrize(("method", "path"), [("POST", "/cancel"), ("POST", "/restart"), ("DELETE", "")])
def test_an_unknown_job_cannot_be_changed(api: Api, method: str, path: str) -> None:
    assert api.client.request(method, UNKNOWN + path).json()["code"] == "job_not_found"


def test_links_follow_the_folder_of_a_proxy(api: Api) -> None:
    api.client.app.root_path = "/impute"  # type: ignore[attr-defined]
    answer = api.client.post("/impute/jobs", files={"vcf": ("a.vcf", VCF)})
    assert answer.headers["location"].startswith("/impute/jobs/job_")
    assert api.client.get(answer.headers["location"]).status_code == 200
