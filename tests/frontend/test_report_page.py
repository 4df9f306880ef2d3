"""The report in a browser, as the API serves it: filters, TSV, keys, narrow screens, no script."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from jobs.records import NewFile, NewJob, NewResult
from tests.support.api import LiveApi, live_api
from tests.support.browser import sound_page
from tests.support.messy import BUNDLE, messy_upload
from worker.pipeline.report import report
from worker.pipeline.run import OfflineOptions, run_offline
from worker.pipeline.types import ReportFacts

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run over a messy upload leaves."""
    folder = tmp_path_factory.mktemp("report")
    source = messy_upload(7, samples=12).write(folder / "people.vcf")
    run_offline([source], BUNDLE, BUNDLE.imputer, folder / "out", OfflineOptions(name="People & <others>"))
    return folder / "out"


@pytest.fixture(scope="module")
def address(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The report behind a real server."""
    with live_api(tmp_path_factory.mktemp("server")) as live:
        yield f"{live.url}/jobs/{_store(live, results / 'report.html')}/report"


def _store(live: LiveApi, path: Path) -> str:
    content = path.read_bytes()
    with live.services.unit_of_work() as unit:
        job = unit.repository.create_job(NewJob(bundle="b"), [NewFile("vcf", "x.vcf", "x", 1, "0" * 64)])
        key = f"jobs/{job.id}/results/report.html"
        with live.services.storage.create(key) as writer:
            writer.write(content)
            writer.commit()
        digest = hashlib.sha256(content).hexdigest()
        unit.repository.add_result(job.id, NewResult(path.name, key, len(content), digest, None, "text/html"))
    return job.id


@pytest.fixture
def lines(results: Path) -> list[str]:
    """Lines of the whole list of variants."""
    return gzip.decompress((results / "qc-variants.tsv.gz").read_bytes()).decode().splitlines()


def _visible(page: Page) -> int:
    return page.locator("#variants-table tbody tr:visible").count()


def test_variants_are_filtered_by_words_and_fates(page: Page, address: str, lines: list[str]) -> None:
    page.goto(address)
    expect(page.locator("#variants-count")).to_have_text(f"{len(lines) - 1} of {len(lines) - 1} variants shown")
    only = [line for line in lines[1:] if line.split("\t")[5] == "typed_only"]
    for box in page.locator("[name=fate]").all():
        if box.get_attribute("value") != "typed_only":
            box.focus()
            page.keyboard.press("Space")
    assert _visible(page) == len(only)
    position = only[0].split("\t")[1]
    page.get_by_label("Contains").fill(position)
    matching = [line for line in only if position in line]
    expect(page.locator("#variants-count")).to_have_text(f"{len(matching)} of {len(lines) - 1} variants shown")
    assert _visible(page) == len(matching)


def test_what_is_shown_is_saved_as_tsv(page: Page, address: str, lines: list[str]) -> None:
    page.goto(address)
    for wanted, fate in ((lines, None), ([line for line in lines if "swapped" not in line.split("\t")[5]], "swapped")):
        if fate is not None:
            for box in page.locator("[name=fate]").all():
                box.set_checked("swapped" not in str(box.get_attribute("value")))
        with page.expect_download() as download:
            page.get_by_role("button", name="Download as TSV").click()
        assert download.value.suggested_filename == "variants.tsv"
        assert Path(download.value.path()).read_text().splitlines() == wanted


def test_everything_is_reached_by_keys_in_reading_order(page: Page, address: str) -> None:
    page.goto(address)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    seen = []
    for _ in range(80):
        page.keyboard.press("Tab")
        place = page.evaluate(
            "() => document.activeElement === document.body ? null"
            " : document.activeElement.getBoundingClientRect().top + scrollY"
        )
        if place is None:
            break
        seen.append(place)
    assert len(seen) > 15
    assert seen == sorted(seen)
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("figure details table").first).to_be_visible()


def test_every_plot_has_a_name_and_its_numbers(page: Page, address: str) -> None:
    page.goto(address)
    plots = page.get_by_role("img")
    assert plots.count() >= 8
    for number in range(plots.count()):
        figure = page.locator("figure").nth(number)
        title = figure.locator("h3").inner_text()
        expect(plots.nth(number)).to_have_accessible_name(title)
        expect(figure.locator("tbody tr")).not_to_have_count(0)


@pytest.mark.parametrize("width", [360, 1100])
def test_no_screen_scrolls_sideways(page: Page, address: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(address)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_it_reads_the_same_without_script_and_from_a_file(browser: Browser, results: Path, lines: list[str]) -> None:
    with sound_page(browser, java_script_enabled=False) as page:
        page.goto((results / "report.html").as_uri())
        expect(page.get_by_role("heading", level=1)).to_have_text("People & <others>")
        assert _visible(page) == len(lines) - 1
        expect(page.get_by_role("button", name="Download as TSV")).to_be_hidden()
        expect(page.get_by_role("img").first).to_be_visible()


def test_the_legend_of_the_map_brings_a_population_forward_by_keys(page: Page, tmp_path: Path) -> None:
    places = {"EUR": 0.0, "AFR": 1.0}
    samples = [{"id": f"S{k}", "pc": [k, 0.0], "population": n, "probability": 1.0} for n, k in places.items()]
    reference = [{"population": name, "centre": [k, k], "spread": 0.1} for name, k in places.items()]
    qc = {
        "samples": 2,
        "sites": {"read": 9, "matched": 9, "typed_only": 0, "removed": 0, "left_out": 0},
        "chromosomes": [],
        "left_out": [],
        "notes": [],
        "call_rate": {"mean": 1.0, "min": 1.0, "warn_below": 0.9, "lowest": []},
        "ancestry": {"axes": [], "reference": reference, "samples": samples},
    }
    html, *_ = report(tmp_path, ReportFacts("x", "b", "00", "GRCh37"), qc, [])
    page.goto(html.as_uri())
    button = page.get_by_role("button", name="AFR")
    button.focus()
    page.keyboard.press("Space")
    expect(button).to_have_attribute("aria-pressed", "true")
    hidden = page.locator("#ancestry .behind")
    assert {one.get_attribute("data-group") for one in hidden.all()} == {"0"}
    page.keyboard.press("Space")
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(hidden).to_have_count(0)
