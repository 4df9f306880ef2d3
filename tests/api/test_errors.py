from __future__ import annotations

import logging

import pytest

from api.logs import RequestIdFilter, choose_request_id
from api.submission.receiver import UploadReceiver
from errors import Code, TesseraError
from jobs.repository import Repository
from tests.support.api import VCF, Api

REQUIRED = {"type", "title", "status", "detail", "code", "action", "field", "errors", "details", "request_id"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/static/nothing.js", 404, "not_found"),
        ("GET", "/static/../api/app.py", 404, "not_found"),
        ("GET", "/api/v1/nowhere", 404, "not_found"),
        ("PUT", "/jobs", 405, "method_not_allowed"),
        ("POST", "/healthz", 405, "method_not_allowed"),
        ("GET", "/jobs?limit=0", 422, "invalid_field"),
        ("GET", "/jobs/job_x", 404, "job_not_found"),
    ],
)
def test_every_error_is_a_problem(api: Api, method: str, path: str, status: int, code: str) -> None:
    answer = api.client.request(method, path)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == REQUIRED
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["type"] == f"urn:tessera:problem:{code}"
    assert problem["detail"].endswith(".")
    assert answer.headers["cache-control"] == "no-store"


def test_405_says_what_is_allowed(api: Api) -> None:
    assert "GET" in api.client.put("/bundles").headers["allow"]


def test_the_unforeseen_is_logged_and_not_shown(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(Repository, "list_jobs", fail)
    answer = api.client.get("/jobs", headers={"x-request-id": "my-id.1"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "my-id.1"
    assert "my-id.1" in answer.json()["action"]
    assert answer.headers["content-security-policy"]
    assert "secret detail" in caplog.text


def test_full_storage_is_507_and_leaves_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise TesseraError(Code.storage_full, "The server has no room left for the file.")

    monkeypatch.setattr(UploadReceiver, "file_end", full)
    answer = api.client.post("/jobs", files={"vcf": ("a.vcf", VCF)})
    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    assert api.storage_files == []


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\nb", None])
def test_strange_request_ids_are_replaced(given: str | None) -> None:
    chosen = choose_request_id(given)
    assert chosen != given
    assert len(chosen) == 32


def test_log_lines_carry_the_request_id(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(RequestIdFilter())
    with caplog.at_level(logging.INFO):
        api.client.get("/bundles", headers={"x-request-id": "abc"})
        api.client.get("/healthz", headers={"x-request-id": "quiet"})
    lines = [(record.request_id, record.getMessage()) for record in caplog.records if record.name == "tessera.api"]
    assert any(request == "abc" and line.startswith("GET /bundles 200") for request, line in lines)
    assert all(request != "quiet" for request, _ in lines)


def test_every_answer_has_the_security_headers(api: Api) -> None:
    for path in ("/", "/jobs", "/nowhere", "/static/vendor/swagger-ui/swagger-ui.css", "/metrics"):
        headers = api.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-request-id"]
