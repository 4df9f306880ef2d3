from __future__ import annotations

import json
import re

import pytest

from api.negotiation import wants_html
from api.pages import FRONTEND
from api.submission.fields import FILE_FIELDS, TEXT_FIELDS
from tests.support.api import Api

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def test_pages_load_only_our_own_files_and_need_no_inline_code(api: Api) -> None:
    job = api.submit()
    for path in ("/", "/jobs", job["links"]["page"], "/docs"):
        page = api.client.get(path, headers=BROWSER)
        assert page.status_code == 200, path
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        policy = page.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>\s*[^<\s]", page.text), path
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", page.text), path
        for target in re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="([^"]+)"', page.text):
            assert target.startswith("/static/"), target
            assert api.client.get(target).status_code == 200, target


def test_one_path_is_page_or_json_by_what_the_client_asks_for(api: Api) -> None:
    job = api.submit()
    assert api.client.get(job["links"]["page"], headers=BROWSER).text.count(job["id"]) >= 2
    for accept in ("*/*", "application/json", "text/html;q=0.5, application/json"):
        assert api.client.get(job["links"]["page"], headers={"accept": accept}).json()["id"] == job["id"]
    assert api.client.get("/jobs", headers=BROWSER).text.startswith("<!doctype html>")


def test_the_page_of_an_unknown_job_is_an_error_page(api: Api) -> None:
    for path in ("/jobs/job_none", "/nowhere", "/jobs/<script>"):
        page = api.client.get(path, headers=BROWSER)
        assert page.status_code == 404
        assert page.headers["content-type"].startswith("text/html")
        assert "<script>" not in page.text


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (None, False),
        ("*/*", False),
        ("text/html", True),
        (BROWSER["accept"], True),
        ("application/json, text/html", False),
        ("application/json;q=0.9, text/html", True),
        ("text/html;q=0, application/json;q=0", False),
        ("text/html;q=x", False),
        ("application/problem+json, text/html;q=0.9", False),
    ],
)
def test_accept(accept: str | None, html: bool) -> None:
    assert wants_html(accept) is html


def test_static_files_are_asked_for_again_and_answered_in_short(api: Api) -> None:
    path = "/static/vendor/swagger-ui/swagger-ui.css"
    first = api.client.get(path)
    assert first.headers["cache-control"] == "no-cache"
    assert api.client.get(path, headers={"if-none-match": first.headers["etag"]}).status_code == 304


def test_docs_work_without_another_host(api: Api) -> None:
    docs = api.client.get("/docs").text
    vendor = FRONTEND / "static" / "vendor" / "swagger-ui"
    assert "http" not in docs
    assert (vendor / "LICENSE").exists()
    assert re.search(r"swagger-ui-dist \d+\.\d+\.\d+", (vendor / "VERSION.md").read_text())


def test_openapi_documents_the_form_and_the_problems(api: Api) -> None:
    document = api.client.get("/openapi.json").json()
    post = document["paths"]["/jobs"]["post"]
    form = post["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(form["properties"]) == {*FILE_FIELDS, *TEXT_FIELDS}
    assert form["anyOf"] == [{"required": ["vcf"]}, {"required": ["from_job"]}]
    assert set(post["responses"]) == {"202", "400", "404", "413", "422", "507"}
    problem = post["responses"]["422"]["content"]["application/problem+json"]["schema"]["$ref"]
    assert document["components"]["schemas"][problem.rpartition("/")[2]]["required"]
    assert [server["url"] for server in document["servers"]] == ["/", "/api/v1"]
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert references <= set(document["components"]["schemas"])
    assert "HTTPValidationError" not in json.dumps(document)
    design = {
        "/jobs", "/jobs/{job_id}", "/jobs/{job_id}/events", "/jobs/{job_id}/cancel", "/jobs/{job_id}/restart",
        "/jobs/{job_id}/results", "/jobs/{job_id}/results/{name}", "/jobs/{job_id}/report",
        "/jobs/{job_id}/report.json", "/bundles", "/bundles/{bundle_id}", "/healthz", "/readyz", "/metrics",
        "/service-info",
    }  # fmt: skip
    assert set(document["paths"]) == design
    text = document["paths"]["/jobs/{job_id}/events"]["get"]["responses"]["200"]["content"]
    assert "text/event-stream" in text
    for path in design - {"/readyz"}:
        answer = api.client.get(f"/api/v1{path}")
        assert "{" in path or answer.status_code == 200, path
