"""The report page, its chart and its numbers."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np

from worker.pipeline.chart import r2_chart
from worker.pipeline.quality_bins import bin_quality, merge_bins
from worker.pipeline.report import TEMPLATES, ReportParts, report
from worker.pipeline.types import AssembleSummary, QualityBin, ReportFacts
from worker.pipeline.variants import SHOWN

FACTS = ReportFacts(
    name="<b>cohort</b>",
    bundle="demo-1",
    bundle_sha256="ab" * 32,
    build="GRCh37",
    files=[{"filename": "a&b.vcf.gz", "size": 12345, "sha256": "cd" * 32}],
)
CHROMOSOME = AssembleSummary(
    chromosome="20",
    file="chr20.dose.vcf.gz",
    index="chr20.dose.vcf.gz.tbi",
    sites=1100,
    typed=90,
    imputed=1000,
    typed_only=10,
    below_r2_min=0,
    quality=[QualityBin(0.0, 0.01, 600, 0.5), QualityBin(0.01, 0.5, 400, 0.9)],
    mean_er2=0.93,
)


def qc_document() -> dict[str, Any]:
    counts = {"read": 104, "matched": 90, "exact": 80, "swapped": 6, "flipped": 4, "typed_only": 10, "removed": 4}
    return {
        "samples": 2,
        "sites": {"read": 109, "matched": 90, "typed_only": 10, "removed": 4, "left_out": 5},
        "chromosomes": [{"name": "20", "bundle_share": 0.08} | counts],
        "left_out": [{"name": "21", "sites": 5}],
        "notes": [{"code": "half_calls", "message": "Half calls became missing.", "count": 3, "chromosome": "20"}],
        "call_rate": {
            "mean": 0.9,
            "min": 0.8,
            "warn_below": 0.9,
            "lowest": [{"sample": "<script>x", "rate": 0.8}, {"sample": "S1", "rate": 1.0}],
        },
    }


class Page(HTMLParser):
    """Tags, their attributes and the text of a page; fails on tags that do not close."""

    EMPTY = ("meta", "line", "rect", "link", "br", "path", "input", "ellipse")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())


def make(folder: Path, chromosomes: list[AssembleSummary]) -> tuple[Page, dict[str, Any], str]:
    html, data = report(folder, FACTS, qc_document(), chromosomes)
    text = html.read_text()
    return Page(text), json.loads(data.read_text()), text


def test_page_stands_alone(tmp_path: Path) -> None:
    page, _, text = make(tmp_path, [CHROMOSOME])
    links = [value for _, facts in page.tags for name, value in facts.items() if name in ("href", "src", "action")]
    anchors = {facts["id"] for _, facts in page.tags if "id" in facts}
    assert links
    assert all(link and link[0] == "#" and link[1:] in anchors for link in links)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in text


def test_page_is_accessible(tmp_path: Path) -> None:
    page, _, _ = make(tmp_path, [CHROMOSOME])
    names = [tag for tag, _ in page.tags]
    assert dict(page.tags)["html"] == {"lang": "en"}
    assert names.count("h1") == names.count("main") == 1
    assert names.count("caption") == names.count("table")
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")
    given = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(given) == len(set(given))
    pictures = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert pictures
    for svg in pictures:
        assert svg["role"] == "img"
        assert {svg["aria-labelledby"], svg["aria-describedby"]} <= set(given)
    assert names.count("figure") == names.count("figcaption") == len(pictures)
    for tag, attributes in page.tags:
        if attributes.get("tabindex") == "0":
            assert attributes["role"] == "region"
            assert attributes["aria-label"], f"{tag} can be scrolled by keys and says what it is"


def test_names_of_users_are_escaped(tmp_path: Path) -> None:
    page, _, text = make(tmp_path, [CHROMOSOME])
    assert "<b>cohort" not in text
    assert "<script>x" in page.words
    assert "a&b.vcf.gz" in page.words


def test_numbers_are_on_the_page_and_in_the_json(tmp_path: Path) -> None:
    page, data, _ = make(tmp_path, [CHROMOSOME])
    assert data["mean_r2"] == 0.66
    for word in ("1,100", "0.660", "0.930", "80.0% (low)", "Half calls became missing."):
        assert word in page.words
    assert data["chromosomes"][0]["file"] == "chr20.dose.vcf.gz"
    assert data["qc"]["left_out"] == [{"name": "21", "sites": 5}]


def test_report_after_quality_control_has_no_quality_part(tmp_path: Path) -> None:
    page, data, _ = make(tmp_path, [])
    assert "svg" not in [tag for tag, _ in page.tags]
    assert any("quality control report" in word for word in page.words)
    assert data["mean_r2"] is None


def test_checks_of_samples_and_a_map_are_shown_where_the_document_has_them(tmp_path: Path) -> None:
    finding = {"sample": "<S>", "check": "call_rate", "action": "dropped", "message": "Called at 40% of the sites."}
    pair = {"first": "S1", "second": "S2", "degree": "duplicate", "kinship": 0.5, "ibs0": 0.0, "concordance": 1.0}
    qc = qc_document() | {
        "sample_qc": {
            "read": 3,
            "dropped": ["<S>"],
            "findings": [finding],
            "relatives": {"sites": 90, "pairs": [pair]},
        },
        "ancestry": {
            "axes": [{"name": "PC1", "explained": 0.1}, {"name": "PC2", "explained": 0.05}],
            "reference": [{"population": "EUR", "centre": [0.0, 0.0], "spread": [1.0, 1.0]}],
            "samples": [{"id": "S1", "pc": [0.5, 0.5], "population": "EUR", "probability": 0.9}],
        },
    }
    html, data = report(tmp_path, FACTS, qc, [])
    page = Page(html.read_text())
    for word in ("Called at 40% of the sites.", "dropped", "duplicate", "Ancestry", "PC1 (10.0% of variance)"):
        assert word in page.words
    jsonschema.validate(json.loads(data.read_text()), json.loads((TEMPLATES / "report.schema.json").read_text()))


def test_a_long_list_of_variants_is_cut_and_said(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "v.tsv.gz", "wt") as file:
        file.write("chromosome\tposition\tid\tref\talt\tfate\tdetail\n")
        for row in range(SHOWN + 7):
            file.write(f"20\t{row}\t.\tA\tC\t{'hwe' if row % 2 else 'swapped'}\thwe_midp=1e-9\n")
    html, data = report(tmp_path, FACTS, qc_document(), [], parts=ReportParts(variants=tmp_path / "v.tsv.gz"))
    text = html.read_text()
    assert text.count('data-fate="') == SHOWN
    assert "first 5,000 of 5,007" in " ".join(text.split())
    assert json.loads(data.read_text())["variants"] == {
        "total": SHOWN + 7,
        "shown": SHOWN,
        "by_fate": {"swapped": 2504, "hwe": 2503},
    }


def test_chart_draws_one_bar_for_each_bin_with_sites() -> None:
    bins = [QualityBin(0, 0.01, 5, 0.25), QualityBin(0.01, 0.05, 0, None), QualityBin(0.05, 0.5, 9, 1.0)]
    heights = [float(h) for h in re.findall(r'class="bar"[^>]*height="([\d.]+)"', r2_chart(bins))]
    assert len(heights) == 2
    assert heights[0] * 4 == heights[1]
    assert r2_chart([QualityBin(0, 0.5, 0, None)]) == ""


def test_bins_hold_their_upper_edge() -> None:
    maf = np.array([0, 0.001, 0.0011, 0.05, 0.5], np.float32)
    bins = bin_quality(maf, np.array([0.1, 0.3, 0.5, np.nan, 0.9], np.float32))
    assert [one.sites for one in bins] == [2, 1, 0, 1, 0, 0, 1]
    assert bins[0].mean_r2 is not None
    assert abs(bins[0].mean_r2 - 0.2) < 1e-6
    assert bins[3].mean_r2 is None


def test_merged_bins_weigh_by_sites() -> None:
    one, two = [QualityBin(0, 0.5, 1, 0.2)], [QualityBin(0, 0.5, 3, 0.6)]
    (merged,) = merge_bins([one, two])
    assert merged.sites == 4
    assert merged.mean_r2 is not None
    assert abs(merged.mean_r2 - 0.5) < 1e-9
