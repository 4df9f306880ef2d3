"""The whole way in a real browser against the real service: upload, follow, download."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pysam
import pytest
from playwright.sync_api import Page, expect

from cli.up import Service
from cli.up.guards import free_port
from cli.up_command import settings_for
from genotypes.manifest import BundleManifest
from tests.support.bundles import EVERY, SITES, TinyPanel, make_panel, tiny_bundle
from tests.support.vcf import write_vcf

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PEOPLE = [f"person {number}" for number in range(1, 21)]
DONE_MS = 120_000
ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "gsa-chr20.vcf.gz"
DEMO = ROOT / "bundles" / "kgp-chr20-demo"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    bundle = tiny_bundle(tmp_path_factory.mktemp("training"))
    (folder / "bundles").mkdir()
    bundle.rename(folder / "bundles" / bundle.name)
    if DEMO.is_dir():
        (folder / "bundles" / DEMO.name).symlink_to(DEMO)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TESSERA_BUNDLES_DIR", str(folder / "bundles"))
        with Service(settings_for(folder / "var", "127.0.0.1", free_port("127.0.0.1", 18_000)), print) as started:
            yield started


@pytest.fixture(scope="module")
def panel() -> TinyPanel:
    return make_panel()


@pytest.fixture(scope="module")
def upload(panel: TinyPanel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty people at every fifth site, unphased."""
    rows = range(0, SITES, EVERY)
    text = {0: "0/0", 1: "0/1", 2: "1/1"}
    dosages = panel.others.reshape(len(PEOPLE), 2, SITES).sum(1)
    return write_vcf(
        tmp_path_factory.mktemp("upload") / "people.vcf.gz",
        "20",
        [int(panel.pos[row]) for row in rows],
        [panel.ref[row] for row in rows],
        [panel.alt[row] for row in rows],
        [[text[int(dosage)] for dosage in dosages[:, row]] for row in rows],
        PEOPLE,
    )


def test_upload_follow_and_download(
    page: Page, service: Service, panel: TinyPanel, upload: Path, tmp_path: Path
) -> None:
    page.goto(service.address)
    _choose_bundle(page, "tiny")
    page.set_input_files("#vcf", upload)
    expect(page.locator("#file-list")).to_contain_text("VCF, 20 samples")
    page.fill("#name", "A browser's job")
    page.click("#submit")

    page.wait_for_url("**/jobs/job_*")
    expect(page.locator("#job-title")).to_have_text("A browser's job")
    expect(page.locator("#state-badge")).to_have_text("Complete", timeout=DONE_MS)
    expect(page.locator("#qc")).to_contain_text("Sites used")
    expect(page.locator("#quality tbody tr").first).to_be_visible()

    got = _download(page, "chr20.dose.vcf.gz", tmp_path)
    _download(page, "chr20.dose.vcf.gz.tbi", tmp_path)
    sums = _download(page, "sha256sums.txt", tmp_path).read_text()
    assert f"{hashlib.sha256(got.read_bytes()).hexdigest()}  chr20.dose.vcf.gz\n" in sums
    with pysam.VariantFile(str(got)) as vcf:
        assert list(vcf.header.samples) == PEOPLE
        records = list(vcf.fetch("20"))
    assert [record.pos for record in records] == panel.pos.tolist()
    dosages = np.array([[call["DS"] for call in record.samples.values()] for record in records])
    truth = panel.others.reshape(len(PEOPLE), 2, SITES).sum(1).T
    np.testing.assert_array_equal(dosages[::EVERY], truth[::EVERY])
    hidden = np.arange(SITES) % EVERY != 0
    assert np.corrcoef(dosages[hidden].ravel(), truth[hidden].ravel())[0, 1] > 0.8

    with page.expect_popup() as popup:
        page.click("#report-link")
    expect(popup.value.locator("h1")).to_have_text("A browser's job")


@pytest.mark.skipif(not DEMO.is_dir(), reason=f"the demo bundle {DEMO.name} has not been trained")
def test_the_shipped_example(page: Page, service: Service, tmp_path: Path) -> None:
    page.goto(service.address)
    _choose_bundle(page, DEMO.name)
    page.set_input_files("#vcf", EXAMPLE)
    page.click("#submit")
    page.wait_for_url("**/jobs/job_*")
    expect(page.locator("#state-badge")).to_have_text("Complete", timeout=2 * DONE_MS)
    got = _download(page, "chr20.dose.vcf.gz", tmp_path)
    with pysam.VariantFile(str(got)) as vcf, pysam.VariantFile(str(EXAMPLE)) as sent:
        assert list(vcf.header.samples) == list(sent.header.samples)
        found = sum(1 for record in vcf if "TYPED_ONLY" not in record.info)
    assert found == BundleManifest.read(DEMO).chromosomes["20"].sites


def test_a_check_chooses_its_bundle_and_is_imputed_later(page: Page, service: Service, upload: Path) -> None:
    page.goto(service.address)
    expect(page.locator("#bundle option").first).to_contain_text("Automatic")
    page.set_input_files("#vcf", upload)
    page.get_by_text("Check only").click()
    page.click("#submit")
    page.wait_for_url("**/jobs/job_*")
    first = page.url
    expect(page.locator("#state-badge")).to_have_text("Complete", timeout=DONE_MS)
    expect(page.locator("#qc .notes")).to_contain_text("Bundle tiny-")
    expect(page.locator("#settings")).to_contain_text("tiny-")
    expect(page.locator("#results")).not_to_contain_text("dose")

    page.get_by_role("button", name="Impute this upload").click()
    page.wait_for_url(lambda address: "/jobs/job_" in address and address != first)
    second = page.url
    page.goto(first)
    page.click("#delete")
    page.get_by_role("button", name="Delete for good").click()
    page.wait_for_url("**/jobs")
    page.goto(second)
    expect(page.locator("#state-badge")).to_have_text("Complete", timeout=DONE_MS)
    expect(page.locator("#results")).to_contain_text("chr20.dose.vcf.gz")
    with page.expect_popup() as popup:
        page.click("#report-link")
    expect(popup.value.get_by_role("img", name="Accuracy by minor allele frequency")).to_be_visible()


def test_a_refused_field_and_a_failed_job_say_what_to_do(page: Page, service: Service, tmp_path: Path) -> None:
    page.goto(service.address)
    letter = tmp_path / "letter.vcf"
    letter.write_bytes(b"Dear all,\n" * 6_000_000)  # the refusal must come through while the browser still sends
    page.set_input_files("#vcf", letter)
    page.click("#submit")
    expect(page.locator("#error-vcf")).to_contain_text("Upload VCF (it starts with ##fileformat=VCF)", timeout=DONE_MS)

    page.get_by_role("button", name="Remove letter.vcf").click()
    _choose_bundle(page, "tiny")
    elsewhere = write_vcf(tmp_path / "x.vcf", "7", [5, 9], ["A", "C"], ["C", "T"], [["0/1"], ["0/0"]], ["one"])
    page.set_input_files("#vcf", elsewhere)
    page.click("#submit")
    page.wait_for_url("**/jobs/job_*")
    expect(page.locator("#state-badge")).to_have_text("Failed", timeout=DONE_MS)
    expect(page.locator("#job-error")).to_contain_text("chromosome_not_in_bundle")
    expect(page.locator("#job-error")).to_contain_text("What to do:")

    page.click("#delete")
    page.get_by_role("button", name="Delete for good").click()
    page.wait_for_url("**/jobs")
    expect(page.locator("#jobs")).not_to_contain_text("x.vcf")


def _choose_bundle(page: Page, name: str) -> None:
    expect(page.locator("#bundle option").first).not_to_contain_text("Loading")
    page.locator("#bundle").select_option(page.locator("#bundle option", has_text=f"{name} ").get_attribute("value"))
    expect(page.locator("#bundle-facts")).to_contain_text("GRCh37")


def _download(page: Page, name: str, folder: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("link", name=f"Download {name}", exact=True).click()
    path = folder / name
    download.value.save_as(path)
    return path
