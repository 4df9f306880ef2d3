from __future__ import annotations

import os
from dataclasses import dataclass

import pytest

from api.download import content_disposition
from jobs.storage import Storage
from tests.support.api import Api

CONTENT = os.urandom(700_000)
NAME = "chr20.dose.vcf.gz"


@dataclass
class Stored:
    url: str
    sha256: str

    @property
    def etag(self) -> str:
        return f'"{self.sha256}"'


@pytest.fixture
def stored(api: Api) -> Stored:
    job = api.submit()
    sha256 = api.add_result(job["id"], NAME, CONTENT)
    return Stored(f"/jobs/{job['id']}/results/{NAME}", sha256)


def test_the_list_comes_before_the_job_is_complete(api: Api) -> None:
    job = api.submit()
    assert api.client.get(job["links"]["results"]).json() == {"results": []}
    sha256 = api.add_result(job["id"], NAME, CONTENT)
    (result,) = api.client.get(job["links"]["results"]).json()["results"]
    assert result == {
        "name": NAME,
        "size": len(CONTENT),
        "sha256": sha256,
        "chromosome": "20",
        "media_type": "application/gzip",
        "expires_at": None,
        "href": f"/jobs/{job['id']}/results/{NAME}",
    }
    api.end(job["id"])
    (result,) = api.client.get(job["links"]["results"]).json()["results"]
    assert result["expires_at"] == "2026-01-08T00:00:00Z"


def test_a_whole_file(api: Api, stored: Stored) -> None:
    answer = api.client.get(stored.url)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-type"] == "application/gzip"
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["etag"] == stored.etag
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["last-modified"] == "Thu, 01 Jan 2026 00:00:00 GMT"
    assert answer.headers["content-disposition"] == f'attachment; filename="{NAME}"'
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-299999", 100, 300_000),
        ("bytes=699999-", 699_999, 700_000),
        ("bytes=-5", 699_995, 700_000),
        ("bytes=-9999999", 0, 700_000),
        ("bytes=5-9999999", 5, 700_000),
    ],
)
def test_a_range(api: Api, stored: Stored, asked: str, start: int, end: int) -> None:
    answer = api.client.get(stored.url, headers={"range": asked})
    assert (answer.status_code, answer.content) == (206, CONTENT[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/700000"
    assert answer.headers["content-length"] == str(end - start)
    assert answer.headers["etag"] == stored.etag


@pytest.mark.parametrize("asked", ["bytes=700000-", "bytes=-0", "bytes=9999999-99999999"])
def test_a_range_outside(api: Api, stored: Stored, asked: str) -> None:
    answer = api.client.get(stored.url, headers={"range": asked})
    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == "bytes */700000"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=", "bytes=-", "bytes=5-1", "bytes=a-b"])
def test_what_may_be_ignored_gives_the_whole_file(api: Api, stored: Stored, asked: str) -> None:
    answer = api.client.get(stored.url, headers={"range": asked})
    assert (answer.status_code, len(answer.content)) == (200, len(CONTENT))


def test_if_range(api: Api, stored: Stored) -> None:
    def status(condition: str) -> int:
        return api.client.get(stored.url, headers={"range": "bytes=0-9", "if-range": condition}).status_code

    assert status(stored.etag) == 206
    assert status("Thu, 01 Jan 2026 00:00:00 GMT") == 206
    assert status('"another"') == 200
    assert status(f"W/{stored.etag}") == 200
    assert status("Fri, 02 Jan 2026 00:00:00 GMT") == 200
    assert status("nonsense") == 200


def test_conditions(api: Api, stored: Stored) -> None:
    def status(**headers: str) -> int:
        answer = api.client.get(stored.url, headers={k.replace("_", "-"): v for k, v in headers.items()})
        assert answer.status_code != 304 or (answer.content == b"" and answer.headers["etag"] == stored.etag)
        return answer.status_code

    assert status(if_none_match=stored.etag) == 304
    assert status(if_none_match=f'"x", W/{stored.etag}') == 304
    assert status(if_none_match="*") == 304
    assert status(if_none_match='"x"') == 200
    assert status(if_modified_since="Thu, 01 Jan 2026 00:00:00 GMT") == 304
    assert status(if_modified_since="Wed, 31 Dec 2025 00:00:00 GMT") == 200
    assert status(if_modified_since="nonsense") == 200
    # The tag is the better witness: with it, the date is not looked at.
    assert status(if_none_match='"x"', if_modified_since="Thu, 01 Jan 2026 00:00:00 GMT") == 200


def test_head_tells_all_and_sends_nothing(api: Api, stored: Stored) -> None:
    answer = api.client.head(stored.url, headers={"range": "bytes=0-9"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "700000"
    assert answer.headers["etag"] == stored.etag


def test_an_unknown_result(api: Api, stored: Stored) -> None:
    for name in ("nothing.vcf.gz", "..%2Fuploads", "%2e%2e"):
        answer = api.client.get(stored.url.replace(NAME, name))
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_file_that_storage_has_lost(api: Api, stored: Stored) -> None:
    api.services.storage.delete(f"jobs/{stored.url.split('/')[2]}/")
    answer = api.client.get(stored.url)
    assert (answer.status_code, answer.json()["code"]) == (404, "result_not_found")


class SigningStorage:
    """Storage that can sign links, as S3 does."""

    def __init__(self, inner: Storage) -> None:
        self.inner = inner

    def presign(self, key: str, filename: str, seconds: int) -> str:
        return f"https://s3.example/{key}?name={filename}&seconds={seconds}"

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


def test_storage_that_signs_links_gets_the_client(api: Api, stored: Stored) -> None:
    api.services.storage = SigningStorage(api.services.storage)  # type: ignore[assignment]
    answer = api.client.get(stored.url, headers={"range": "bytes=0-9"}, follow_redirects=False)
    assert answer.status_code == 307
    assert answer.headers["location"].startswith("https://s3.example/jobs/")
    assert answer.headers["location"].endswith(f"?name={NAME}&seconds=3600")
    # A signed link is for GET only, and a client with a good copy needs none.
    assert api.client.head(stored.url, follow_redirects=False).status_code == 200
    unchanged = api.client.get(stored.url, headers={"if-none-match": stored.etag}, follow_redirects=False)
    assert unchanged.status_code == 304


def test_names_that_are_not_ascii() -> None:
    assert content_disposition('a"ü.vcf') == "attachment; filename=\"a__.vcf\"; filename*=UTF-8''a%22%C3%BC.vcf"


class TestReport:
    def test_not_before_quality_control_has_ended(self, api: Api) -> None:
        job = api.submit()
        assert job["links"]["report"] is None
        for path in ("report", "report.json"):
            answer = api.client.get(f"/jobs/{job['id']}/{path}")
            assert (answer.status_code, answer.json()["code"]) == (409, "report_not_ready")

    def test_page_and_json(self, api: Api) -> None:
        job = api.submit()
        api.add_result(job["id"], "report.html", b"<h1>Report</h1>", "text/html; charset=utf-8")
        api.add_result(job["id"], "report.json", b"{}", "application/json")
        # Signed links would offer it as a download.
        api.services.storage = SigningStorage(api.services.storage)  # type: ignore[assignment]
        link = api.client.get(job["links"]["self"]).json()["links"]["report"]
        page = api.client.get(link)
        assert (page.status_code, page.text) == (200, "<h1>Report</h1>")
        assert page.headers["content-disposition"].startswith("inline")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "allow-same-origin" not in page.headers["content-security-policy"]
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert api.client.get(f"{link}.json").json() == {}
        assert api.client.head(link).headers["content-length"] == "15"


def test_the_last_report_replaces_the_first_one_for_those_who_have_it(api: Api) -> None:
    job = api.submit()
    first = api.add_result(job["id"], "report.html", b"<h1>Checks</h1>", "text/html; charset=utf-8")
    path = f"/jobs/{job['id']}/report"
    had = api.client.get(path)
    assert had.headers["etag"] == f'"{first}"'
    assert api.client.get(path, headers={"If-None-Match": had.headers["etag"]}).status_code == 304
    api.add_result(job["id"], "report.html", b"<h1>Whole</h1>", "text/html; charset=utf-8")
    again = api.client.get(path, headers={"If-None-Match": had.headers["etag"]})
    assert (again.status_code, again.content) == (200, b"<h1>Whole</h1>")
    policy = again.headers["content-security-policy"]
    assert "sandbox" in policy
    assert "allow-same-origin" not in policy, "the page's script must not reach this server"
    assert "connect-src" not in policy
