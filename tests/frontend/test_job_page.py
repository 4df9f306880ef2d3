"""The page of a job against a stand-in for the API: errors, lost connections, results that come early, actions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support.stub_api import Json, StubServer, stub_job

pytestmark = pytest.mark.browser

STARTED = {"started_at": "2025-11-03T09:00:04Z", "queue_position": None}
QC: Json = {
    "samples": 412,
    "sites": {"read": 12034, "matched": 11820},
    "call_rate": {"mean": 0.9931, "warn_below": 0.9, "lowest": [{"sample": "<b>NA1</b>", "rate": 0.81}]},
    "chromosomes": [
        {"name": "20", "read": 12034, "matched": 11820, "swapped": 3, "flipped": 2, "typed_only": 1, "removed": 4}
    ],
    "left_out": [{"name": "X", "sites": 300}],
    "notes": [{"code": "half_calls", "message": "Half calls were set to missing.", "count": 3, "chromosome": "20"}],
}
REPORT: Json = {"mean_r2": 0.7, "quality": [{"maf_low": 0.05, "maf_high": 0.5, "sites": 1500, "mean_r2": 0.86}]}


def _result(name: str, chromosome: str | None) -> Json:
    return {
        "name": name, "size": 1500, "sha256": "0123456789abcdef" * 4, "chromosome": chromosome, "media_type": "x",
        "expires_at": None, "href": f"/jobs/job_1/results/{name}",
    }  # fmt: skip


@pytest.fixture
def stub() -> Iterator[StubServer]:
    with StubServer() as server:
        server.jobs["job_1"] = stub_job()
        yield server


def _open(page: Page, stub: StubServer) -> None:
    page.goto(f"{stub.url}/jobs/job_1")
    expect(page.locator("#state-badge")).to_be_visible()


def _wait_for_streams(page: Page, stub: StubServer, number: int) -> None:
    for _ in range(200):
        if stub.streams == number:
            return
        page.wait_for_timeout(50)
    pytest.fail(f"{stub.streams} streams were opened, not {number}")


def test_a_job_is_followed_from_the_queue_to_its_results(page: Page, stub: StubServer) -> None:
    job = stub.jobs["job_1"]
    job["queue_position"] = 3
    _open(page, stub)
    expect(page.locator("#state-text")).to_have_text("Number 3 in the queue")
    expect(page.locator("#connection")).to_have_text("Live")

    job |= STARTED | {
        "state": "running",
        "stage": "impute",
        "progress": 0.436,
        "eta_s": 134.2,
        "samples": 412,
        "qc": QC,
    }
    job["links"] = {"report": "/jobs/job_1/report"}
    stub.results["job_1"] = [_result("chr20.dose.vcf.gz", "20")]
    stub.reports["job_1"] = {"quality": [], "mean_r2": None}
    stub.ring()
    expect(page.locator("#progress-percent")).to_have_text("43 %")
    expect(page.locator("#progress-detail")).to_contain_text("left")
    expect(page.locator("[aria-current=step]")).to_have_text("ImputeIn progress")
    expect(page.locator("#results tr")).to_have_count(1)
    expect(page.locator("#results-note")).to_contain_text("more follow")
    expect(page.locator("#qc")).to_contain_text("Not imputed, as the bundle does not hold them: X.")
    expect(page.locator("#qc")).to_contain_text("<b>NA1</b> (81.0 %)")
    expect(page.locator("#quality-card")).to_be_hidden()

    job |= {
        "state": "complete",
        "stage": "deliver",
        "progress": 1.0,
        "eta_s": None,
        "finished_at": "2025-11-03T09:04:54Z",
    }
    stub.results["job_1"] += [_result("sha256sums.txt", None), _result("report.html", None)]
    stub.reports["job_1"] = REPORT
    stub.ring()
    expect(page.locator("#state-badge")).to_have_text("Complete")
    expect(page.locator("#progress-detail")).to_have_text("Took 4 min 50 s")
    expect(page.locator("#results .result-name")).to_have_text(["chr20.dose.vcf.gz", "report.html", "sha256sums.txt"])
    expect(page.locator("#quality")).to_contain_text("5\N{EN DASH}50 %")
    expect(page.locator("#report-link")).to_have_attribute("href", "/jobs/job_1/report")
    expect(page.locator("#announcer")).to_have_text("Complete: All results are ready")
    assert stub.streams == 1


def test_checksums_and_commands_can_be_copied(page: Page, stub: StubServer) -> None:
    stub.jobs["job_1"] |= STARTED | {"state": "complete", "progress": 1.0}
    stub.results["job_1"] = [_result("chr20.dose.vcf.gz", "20"), _result("sha256sums.txt", None)]
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    _open(page, stub)
    page.get_by_role("button", name="Copy SHA-256 of chr20.dose.vcf.gz").click()
    assert page.evaluate("navigator.clipboard.readText()") == "0123456789abcdef" * 4
    page.get_by_text("Download from a terminal").click()
    page.get_by_text("wget", exact=True).click()
    page.locator("#terminal").get_by_role("button", name="Copy").click()
    assert page.evaluate("navigator.clipboard.readText()").splitlines() == [
        f"wget -c -O chr20.dose.vcf.gz {stub.url}/jobs/job_1/results/chr20.dose.vcf.gz",
        f"wget -c -O sha256sums.txt {stub.url}/jobs/job_1/results/sha256sums.txt",
        "sha256sum -c sha256sums.txt",
    ]


def test_a_failure_says_why_and_what_to_do(page: Page, stub: StubServer) -> None:
    error = {"code": "wrong_build", "message": "The file is GRCh38.", "action": "Lift it over.", "details": {"line": 7}}
    stub.jobs["job_1"] |= STARTED | {"state": "failed", "stage": "harmonise", "error": error}
    _open(page, stub)
    box = page.locator("#job-error")
    expect(box).to_contain_text("The file is GRCh38.")
    expect(box).to_contain_text("What to do: Lift it over.")
    expect(box).to_contain_text("wrong_build")
    expect(page.locator("[data-status=failed]")).to_contain_text("Check")
    expect(page.locator("#alarm")).to_have_text("Failed: The job stopped")
    page.get_by_role("button", name="Restart").click()
    expect(page.locator("#state-badge")).to_have_text("Queued")
    expect(box).to_be_hidden()


def test_the_stream_is_taken_up_again_and_polling_stands_in_for_it(page: Page, stub: StubServer) -> None:
    page.clock.install()
    _open(page, stub)
    expect(page.locator("#connection")).to_have_text("Live")
    stub.cut()
    _wait_for_streams(page, stub, 2)
    expect(page.locator("#connection")).to_have_text("Live")

    stub.streaming = False
    stub.cut()
    expect(page.locator("#connection")).to_have_text("Updating every few seconds")
    stub.jobs["job_1"] |= STARTED | {"state": "running", "stage": "impute", "progress": 0.5}
    page.clock.run_for(6000)
    expect(page.locator("#progress-percent")).to_have_text("50 %")

    stub.down = True
    page.clock.run_for(10_000)
    expect(page.locator("#connection")).to_have_text("No answer from the server, trying again")
    stub.down = False
    stub.streaming = True
    page.clock.run_for(40_000)
    expect(page.locator("#connection")).to_have_text("Live")


def test_cancel_and_delete_ask_first(page: Page, stub: StubServer) -> None:
    _open(page, stub)
    page.click("#cancel")
    page.keyboard.press("Escape")
    assert stub.jobs["job_1"]["state"] == "queued"
    page.click("#cancel")
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator("#state-badge")).to_have_text("Cancelled")
    page.click("#delete")
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    page.get_by_role("button", name="Delete for good").click()
    page.wait_for_url("**/jobs")
    expect(page.locator("#jobs-empty")).to_be_visible()


def test_a_job_that_is_gone_says_so(page: Page, stub: StubServer) -> None:
    page.goto(f"{stub.url}/jobs/job_2")
    expect(page.locator("#page-error")).to_contain_text("There is no job job_2.")
    expect(page.locator("#progress-card")).to_be_hidden()
    assert stub.streams == 0


def test_the_list_follows_the_jobs(page: Page, stub: StubServer) -> None:
    page.clock.install()
    page.goto(f"{stub.url}/jobs")
    row = page.locator("#jobs tr")
    expect(row).to_contain_text("Queued")
    stub.jobs["job_1"] |= STARTED | {"state": "running", "progress": 0.25}
    page.clock.run_for(6000)
    expect(row).to_contain_text("25 %")
    page.get_by_role("link", name="cohort").click()
    page.wait_for_url("**/jobs/job_1")


def test_a_check_is_sent_on_without_a_second_upload(page: Page, stub: StubServer) -> None:
    stub.jobs["job_1"] |= STARTED | {"mode": "qc", "state": "complete", "stage": "deliver", "progress": 1.0, "qc": QC}
    _open(page, stub)
    button = page.get_by_role("button", name="Impute this upload")
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{stub.url}/jobs/job_2")
    expect(page.locator("#state-text")).to_have_text("Number 1 in the queue")
    expect(button).to_be_hidden()
    assert stub.submitted == [["from_job"]]
