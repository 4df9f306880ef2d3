"""The folded options of the upload page against the real API: what is chosen arrives in the job, scripts or none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.support.api import VCF, LiveApi, live_api
from tests.support.browser import sound_page
from tests.support.stub_api import StubServer, stub_job

pytestmark = pytest.mark.browser

COHORT: FilePayload = {"name": "cohort.vcf", "mimeType": "text/plain", "buffer": VCF}
FAMILY: FilePayload = {"name": "family.fam", "mimeType": "text/plain", "buffer": b"F S1 0 0 1 -9\n"}


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveApi]:
    with live_api(tmp_path, qc={"hwe": 1e-4}, samples={"action": "flag"}) as api:
        yield api


@pytest.fixture
def stub() -> Iterator[StubServer]:
    with StubServer() as server:
        yield server


def _job(page: Page) -> dict[str, Any]:
    page.wait_for_url("**/jobs/job_*")
    found: dict[str, Any] = httpx.get(page.url, headers={"accept": "application/json"}).json()
    return found


def test_changed_options_reach_the_job(page: Page, live: LiveApi) -> None:
    page.goto(live.url)
    expect(page.locator("#mend")).to_be_hidden()
    page.get_by_text("Options: mending").click()
    page.uncheck("#mend-flip")
    page.uncheck("#mend-liftover")
    page.check("#strict")
    page.fill("#qc_call_rate", "0.95")
    page.fill("#qc_af_diff", "1")
    page.select_option("#samples", "drop")
    page.fill("#population", "all")
    page.select_option("#effort", "thorough")
    page.check("[name=mode][value=qc]")
    expect(page.locator("#options-changed")).to_have_text("6 options changed")
    expect(page.locator("#curl-line")).to_contain_text("mend=swap,palindromic,indels,duplicates")
    page.set_input_files("#vcf", COHORT)
    page.click("#submit")
    job = _job(page)
    assert (job["mode"], job["strict"]) == ("qc", True)
    assert job["options"] == {
        "mend": "swap,palindromic,indels,duplicates", "qc_call_rate": 0.95, "qc_af_diff": 1.0, "samples": "drop",
        "population": "all", "effort": "thorough",
    }  # fmt: skip
    expect(page.locator("#settings")).to_contain_text("swap, palindromic, indels, duplicates")


def test_nothing_changed_sends_nothing_and_defaults_are_the_servers(page: Page, live: LiveApi) -> None:
    page.goto(live.url)
    page.get_by_text("Options: mending").click()
    expect(page.locator("#hint-qc_hwe")).to_contain_text("Default: 0.0001.")
    expect(page.locator("#hint-qc_call_rate")).to_contain_text("Default: 0.9.")
    expect(page.locator("#samples option").first).to_have_text("Default: keep them")
    page.set_input_files("#vcf", COHORT)
    page.click("#submit")
    assert _job(page)["options"] == {}


def test_pedigree_options_go_with_a_pedigree_alone(page: Page, live: LiveApi) -> None:
    page.goto(live.url)
    page.get_by_text("Options: mending").click()
    expect(page.locator("#peel-correct")).to_be_disabled()
    page.fill("#qc_hwe", "0.5")
    page.set_input_files("#vcf", COHORT)
    page.set_input_files("#pedigree", FAMILY)
    expect(page.locator("#qc_hwe")).to_be_disabled()
    for name in ("swap", "flip", "palindromic", "indels", "duplicates", "liftover"):
        page.uncheck(f"#mend-{name}")
    page.check("#peel-segregation")
    page.check("#peel-correct")
    page.fill("#animals", "S1")
    page.fill("#doubled_haploids", "D1")
    page.fill("#non_par", "2781480-155701382")
    page.set_input_files("#map", {"name": "chr1.map", "mimeType": "text/plain", "buffer": b"1 a 0.5 100\n1 b 1 200\n"})
    expect(page.locator("#curl-line")).to_contain_text("-F map=@chr1.map")
    page.click("#submit")
    job = _job(page)
    assert [(one["kind"], one["filename"]) for one in job["files"]] == [
        ("pedigree", "family.fam"), ("map", "chr1.map"), ("vcf", "cohort.vcf"),
    ]  # fmt: skip
    assert job["options"] == {
        "mend": "none",
        "peel": ["segregation", "correct"],
        "animals": ["S1"],
        "doubled_haploids": ["D1"],
        "non_par": [2781480, 155701382],
    }


GROUPS = b"CHROM\tPOS\tREF\tALT\tMF_a\tMF_b\n1\t5\tA\tC\t.2\t.7\n"


def _table(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "text/plain", "buffer": content}


def test_known_frequencies_of_groups_reach_the_job_and_are_shown_there(page: Page, live: LiveApi) -> None:
    page.goto(live.url)
    page.get_by_text("Options: mending").click()
    control = page.get_by_label("Known allele frequencies of groups")
    expect(control).to_be_disabled()
    expect(page.locator("#hint-frequencies")).to_contain_text("MF_")
    page.set_input_files("#vcf", COHORT)
    page.set_input_files("#pedigree", FAMILY)
    expect(control).to_be_enabled()
    control.set_input_files(_table("groups.tsv", GROUPS))
    expect(page.locator("#options-changed")).to_have_text("1 option changed")
    expect(page.locator("#curl-line")).to_contain_text("-F frequencies=@groups.tsv")
    page.click("#submit")
    job = _job(page)
    assert [(one["kind"], one["filename"], one["size"]) for one in job["files"]] == [
        ("pedigree", "family.fam", 14), ("frequencies", "groups.tsv", len(GROUPS)), ("vcf", "cohort.vcf", len(VCF)),
    ]  # fmt: skip
    expect(page.locator("#settings div", has_text="Known frequencies of groups")).to_contain_text("groups.tsv")
    expect(page.locator("#settings")).not_to_contain_text("Genetic map")


def test_faults_of_a_table_of_frequencies_stand_beside_it(page: Page, live: LiveApi) -> None:
    page.goto(live.url)
    page.get_by_text("Options: mending").click()
    page.set_input_files("#vcf", COHORT)
    page.set_input_files("#pedigree", FAMILY)
    page.set_input_files("#frequencies", _table("none.tsv", b""))
    page.get_by_text("Options: mending").click()
    page.click("#submit")
    error = page.locator("#error-frequencies")
    expect(error).to_have_text("none.tsv is empty.Choose another file, or none.")
    expect(page.locator("#frequencies")).to_have_attribute("aria-invalid", "true")
    page.set_input_files("#frequencies", _table("b.tsv", b"CHROM\tPOS\tMF_a\n"))
    expect(error).to_be_hidden()
    page.click("#submit")
    expect(error).to_contain_text("Line 1: its header lacks REF, ALT.")
    page.get_by_role("link", name="Line 1: its header lacks").click()
    expect(page.locator("#frequencies")).to_be_focused()
    page.get_by_role("button", name="Remove family.fam").click()
    page.click("#submit")
    assert not [one for one in _job(page)["files"] if one["kind"] == "frequencies"]


def test_the_options_work_by_keyboard(page: Page, live: LiveApi) -> None:
    page.goto(live.url)
    page.focus("#options > summary")
    page.keyboard.press("Enter")
    expect(page.locator("#mend-swap")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator("#mend-swap")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator("#mend-swap")).not_to_be_checked()
    expect(page.get_by_role("group", name="What the server may mend")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Other strand")).to_be_checked()


def test_a_fault_in_a_folded_option_unfolds_it(page: Page, live: LiveApi) -> None:
    page.goto(live.url)
    page.get_by_text("Options: mending").click()
    page.fill("#qc_hwe", "7")
    page.get_by_text("Options: mending").click()
    page.set_input_files("#vcf", COHORT)
    page.click("#submit")
    expect(page.locator("#error-qc_hwe")).to_have_text("Lowest Hardy-Weinberg p-value is a number from 0 to 1.")
    page.get_by_role("link", name="Lowest Hardy-Weinberg p-value").click()
    expect(page.locator("#qc_hwe")).to_be_focused()


def test_options_of_an_earlier_job_unfold(page: Page, stub: StubServer) -> None:
    given = {"mend": "swap,flip", "qc_hwe": 0.001, "samples": "flag", "peel": ["correct"], "animals": ["A", "B"]}
    stub.jobs["job_9"] = stub_job("job_9", options=given)
    page.goto(f"{stub.url}/?from=job_9")
    expect(page.locator("#mend-swap")).to_be_checked()
    expect(page.locator("#mend-indels")).not_to_be_checked()
    expect(page.locator("#qc_hwe")).to_have_value("0.001")
    expect(page.locator("#samples")).to_have_value("flag")
    expect(page.locator("#peel-correct")).to_be_checked()
    expect(page.locator("#animals")).to_have_value("A B")


def test_the_form_works_without_scripts(browser: Browser, live: LiveApi) -> None:
    with sound_page(browser, java_script_enabled=False) as page:
        page.goto(live.url)
        page.get_by_text("Options: mending").click()
        page.uncheck("#mend-indels")
        page.fill("#qc_hwe", "0.001")
        expect(page.locator("#vcf")).to_be_visible()
        page.set_input_files("#vcf", COHORT)
        page.click("#submit")
        assert _job(page)["options"] == {"mend": "swap,flip,palindromic,duplicates,liftover", "qc_hwe": 0.001}
        page.goto(live.url)
        page.set_input_files("#vcf", {"name": "a.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4"})
        page.click("#submit")
        expect(page.locator("h1")).to_have_text("Not vcf")
        expect(page.locator(".lead").first).to_contain_text("'a.pdf' is a PDF file")


@pytest.mark.parametrize("width", [320, 390])
def test_open_options_fit_a_narrow_screen(page: Page, live: LiveApi, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(live.url)
    page.get_by_text("Options: mending").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
