"""The upload page against a stand-in for the API: what it says before, during and after a submission."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pysam
import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.support.stub_api import StubServer, stub_job
from tests.support.vcf import vcf_text

pytestmark = pytest.mark.browser

TEXT = vcf_text("chr20", [5], ["A"], ["C"], [["0/1", "0/0"]], ["one", "two"])


@pytest.fixture
def stub() -> Iterator[StubServer]:
    with StubServer() as server:
        server.bundles = [
            {
                "id": "demo-1a2b", "name": "demo", "version": "1", "species": "Homo sapiens", "build": "GRCh37",
                "chromosomes": {"20": {"sites": 61234}}, "sites": 61234, "licence": "CC0-1.0",
                "panel": {"name": "1000 Genomes", "samples": 2100},
                "accuracy": [{"array": "GSA", "people": 40, "bins": [{"maf": [0.05, 0.5], "sites": 9, "r2": 0.861}]}],
            }
        ]  # fmt: skip
        yield server


def _file(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def _choose(page: Page, *files: FilePayload) -> None:
    page.set_input_files("#vcf", list(files))


def _problem(**changes: Any) -> dict[str, Any]:
    return {
        "type": "x",
        "title": "Invalid field",
        "status": 422,
        "code": "invalid_field",
        "action": "See /docs.",
    } | changes


def test_the_head_of_each_file_is_described(page: Page, stub: StubServer, tmp_path: Path) -> None:
    plain, bgzip, bcf = tmp_path / "a.vcf", tmp_path / "a.vcf.gz", tmp_path / "a.bcf"
    # A header of many BGZF blocks: the line with the samples lies behind the first.
    contigs = {"chr20": 64_444_167} | {f"scaffold_{number}": number + 1 for number in range(6000)}
    plain.write_text(vcf_text("chr20", [5], ["A"], ["C"], [["0/1", "0/0"]], ["one", "two"], contigs=contigs))
    pysam.tabix_compress(str(plain), str(bgzip))
    with pysam.VariantFile(str(plain)) as source, pysam.VariantFile(str(bcf), "wb", header=source.header) as out:
        for record in source:
            out.write(record)
    page.goto(stub.url)
    page.set_input_files("#vcf", [plain, bgzip, bcf])
    _choose(page, _file("none.vcf", b""), _file("b.zip", b"PK\x03\x04"), _file("notes.vcf", b"Dear all"))
    notes = page.locator("#file-list .file-note")
    expect(notes).to_have_text([
        "VCF, 2 samples, begins on chr20", "VCF, 2 samples, begins on chr20", "BCF", "This file is empty",
        "This is a zip archive; choose the VCF files inside it", "This does not look like a VCF or BCF file",
    ])  # fmt: skip


def test_dropped_files_find_their_place(page: Page, stub: StubServer) -> None:
    page.goto(stub.url)
    transfer = page.evaluate_handle(
        """text => { const all = new DataTransfer();
        all.items.add(new File([text], "cohort.vcf")); all.items.add(new File(["1 one 0 0 1 -9"], "family.fam"));
        return all; }""",
        TEXT,
    )
    page.dispatch_event("#dropzone", "drop", {"dataTransfer": transfer})
    expect(page.locator("#file-list .file-name")).to_have_text("cohort.vcf")
    expect(page.locator("#pedigree-list .file-name")).to_have_text("family.fam")
    page.get_by_role("button", name="Remove family.fam").click()
    expect(page.locator("#pedigree-list li")).to_have_count(0)
    page.click("#submit")
    page.wait_for_url("**/jobs/job_1")
    assert stub.submitted == [["bundle", "vcf"]]


def test_a_pedigree_needs_no_bundle(page: Page, stub: StubServer) -> None:
    page.goto(stub.url)
    expect(page.locator("#bundle-choice")).to_be_visible()
    expect(page.locator("#no-bundle")).to_be_hidden()
    _choose(page, _file("cohort.vcf", TEXT.encode()))
    page.set_input_files("#pedigree", _file("herd.txt", b"a b c"))
    expect(page.locator("#pedigree-list .file-name")).to_have_text("herd.txt")
    expect(page.locator("#bundle-choice")).to_be_hidden()
    expect(page.locator("#no-bundle")).to_contain_text("peeled through the families")
    expect(page.locator("#curl-line")).to_contain_text("-F pedigree=@herd.txt")
    page.click("#submit")
    page.wait_for_url("**/jobs/job_1")
    assert stub.submitted == [["pedigree", "vcf"]]


def test_the_command_line_mirrors_the_form(page: Page, stub: StubServer) -> None:
    page.goto(stub.url)
    expect(page.locator("#bundle-facts")).to_contain_text("61,234")
    line = page.locator("#curl-line")
    expect(line).to_have_text(f"curl -F vcf=@cohort.vcf.gz \\\n  {stub.url}/jobs")
    _choose(page, _file("it's; mine.vcf", TEXT.encode()))
    page.select_option("#format", "bcf")
    page.fill("#r2_min", "0.3")
    page.fill("#name", "@home")
    page.check("#strict")
    page.check("[name=mode][value=qc]")
    words = shlex.split(line.inner_text().replace("\\\n", " "))
    assert words == [
        "curl", "-F", 'vcf=@"it\'s; mine.vcf"', "-F", "mode=qc", "-F", "format=bcf", "-F", "r2_min=0.3",
        "--form-string", "name=@home", "-F", "strict=true", f"{stub.url}/jobs",
    ]  # fmt: skip


def test_faults_are_shown_before_anything_is_sent(page: Page, stub: StubServer) -> None:
    page.goto(stub.url)
    page.fill("#r2_min", "3")
    page.click("#submit")
    expect(page.locator("#summary")).to_be_focused()
    expect(page.locator("#error-vcf")).to_have_text("Choose at least one VCF or BCF file.")
    expect(page.locator("#r2_min")).to_have_attribute("aria-invalid", "true")
    page.get_by_role("link", name="The minimum R² is a number from 0 to 1.").click()
    expect(page.locator("#r2_min")).to_be_focused()
    page.fill("#r2_min", "0.3")
    expect(page.locator("#error-r2_min")).to_be_hidden()
    assert stub.submitted == []


def test_the_servers_errors_stand_beside_their_fields(page: Page, stub: StubServer) -> None:
    stub.problem = _problem(
        code="wrong_build",
        detail="The bundle is GRCh37.",
        action="Choose a bundle of the file's build.",
        field="build",
        errors=[
            {"field": "build", "message": "The bundle is GRCh37.", "code": "wrong_build"},
            {"field": "recipient", "message": "There is no field here for this.", "code": "invalid_field"},
        ],
    )
    page.goto(stub.url)
    _choose(page, _file("cohort.vcf", TEXT.encode()))
    page.click("#submit")
    expect(page.locator("#error-build")).to_have_text("The bundle is GRCh37.Choose a bundle of the file's build.")
    expect(page.locator("#build")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#summary")).to_contain_text("There is no field here for this.")
    expect(page.locator("#submit")).to_be_visible()
    stub.problem = None
    page.click("#submit")
    page.wait_for_url("**/jobs/job_1")


def test_an_upload_shows_its_speed_and_can_be_cancelled(page: Page, stub: StubServer) -> None:
    page.goto(stub.url)
    _choose(page, _file("cohort.vcf", TEXT.encode() + b"#" * 3_000_000))
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 400_000}
    session.send("Network.emulateNetworkConditions", slow)
    page.click("#submit")
    expect(page.locator("#transfer-detail")).to_contain_text("kB/s")
    expect(page.locator("#transfer-detail")).to_contain_text("left")
    assert 0 < float(page.locator("#transfer-bar").get_attribute("value") or 0) < 1
    assert page.locator("#form-body").get_attribute("inert") is not None
    page.click("#transfer-cancel")
    expect(page.locator("#submit")).to_be_focused()
    expect(page.locator("#announcer")).to_have_text("Upload cancelled. Nothing was submitted.")
    expect(page.locator("#summary")).to_be_hidden()
    assert stub.jobs == {}


def test_a_broken_connection_is_told(page: Page, stub: StubServer) -> None:
    page.goto(stub.url)
    _choose(page, _file("cohort.vcf", TEXT.encode()))
    page.context.set_offline(True)
    page.click("#submit")
    expect(page.locator("#summary")).to_contain_text("The upload did not get through")
    expect(page.locator("#summary")).to_contain_text("Nothing was submitted.")


def test_options_of_an_earlier_job_are_taken_over(page: Page, stub: StubServer) -> None:
    stub.jobs["job_9"] = stub_job(
        "job_9", bundle="demo-1a2b", mode="qc", format="bcf", r2_min=0.5, strict=True, name="two"
    )
    page.goto(f"{stub.url}/?from=job_9")
    expect(page.locator("#name")).to_have_value("two")
    expect(page.locator("#r2_min")).to_have_value("0.5")
    expect(page.locator("#format")).to_have_value("bcf")
    expect(page.locator("#strict")).to_be_checked()
    expect(page.locator("[name=mode][value=qc]")).to_be_checked()
    expect(page.locator("#curl-line")).to_contain_text("mode=qc")


@pytest.mark.parametrize("path", ["/", "/jobs", "/jobs/job_9"])
def test_narrow_screens_do_not_scroll_sideways_and_controls_have_names(page: Page, stub: StubServer, path: str) -> None:
    stub.jobs["job_9"] = stub_job("job_9", name="n" * 120)
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(stub.url + path)
    expect(page.get_by_text("n" * 120).first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    for control in page.locator("input:visible, select:visible, button:visible").all():
        named = "e => e.labels?.length || e.textContent.trim() || e.ariaLabel || e.getAttribute('aria-labelledby')"
        assert control.evaluate(named), control
