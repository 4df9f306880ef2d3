"""`tessera bundle show` on published tiles and on the shipped bundle."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from cli.bundle_haplotypes import describe_library
from cli.histograms import histogram, short
from cli.main import app
from models.bundles import open_bundle
from models.dae.bundle import Bundle
from models.dae.describe import activations, describe, summary, values_of
from models.haplotypes.bundle import HaplotypeBundle
from tests.support.published import overlapping_tiles

ROOT = Path(__file__).resolve().parents[2]


def test_imported_tiles_are_described_and_drawn(tmp_path: Path) -> None:
    for tile in overlapping_tiles():
        tile.write(tmp_path)
    run = CliRunner().invoke
    done = run(app, ["bundle", "import", str(tmp_path), "--out", str(tmp_path / "b"), "--build", "GRCh37"])
    assert done.exit_code == 0, done.output
    rows = describe(Bundle.open(tmp_path / "b"))
    assert sum(row.sites for row in rows) == len({site for tile in overlapping_tiles() for site in tile.sites})
    assert {row.activation for row in rows} == set(activations(rows)) == {"tanh", "leakyrelu", "sigmoid"}
    third = rows[-1]
    assert (third.layers, third.size_ratio, third.widths) == (6, 0.9, "10-9-8-7-8-9-10")
    assert third.parameters == 10 * 9 + 9 + 9 * 8 + 8 + 8 * 7 + 7 + 7 * 8 + 8 + 8 * 9 + 9 + 9 * 10 + 10
    assert len(values_of(rows, "parameters")) == 3  # runs of one tile share their weights
    shown = run(app, ["bundle", "show", str(tmp_path / "b"), "--html", str(tmp_path / "b.html"), "--plots", str(tmp_path / "p")])  # fmt: skip  # noqa: E501
    assert shown.exit_code == 0, shown.output
    assert f"All {len(rows)} tiles" in shown.stdout
    page = (tmp_path / "b.html").read_text()
    assert page.count("<svg") == 7
    assert page.count("<tr>") == len(rows) + 1
    assert not re.search(r"<script|<link|src=", page)
    for path in (tmp_path / "p").iterdir():
        ET.parse(path)
    assert len(list((tmp_path / "p").iterdir())) == 7


def test_ours_are_described_by_their_own_layers() -> None:
    rows = describe(Bundle.open(ROOT / "bundles" / "kgp-chr20-dae"))
    assert [row.tile for row in rows] == list(range(len(rows)))
    spread = {one.name: one for one in summary(rows)}
    assert spread["sites"].total == 24803
    assert rows[0].activation == "gelu"
    assert rows[0].widths.startswith(f"{2 * rows[0].inputs}-")
    assert rows[0].widths.endswith(f"-{2 * rows[0].sites}")


def test_a_library_is_described_and_drawn(tmp_path: Path) -> None:
    bundle = open_bundle(ROOT / "bundles" / "kgp-chr20-demo")
    assert isinstance(bundle, HaplotypeBundle)
    facts = describe_library(bundle)
    assert [row[0] for row in facts.rows] == ["20"] * len(bundle.tiles("20"))
    assert sum(int(row[4]) for row in facts.rows) == 24803
    slopes = bundle.library("20").slopes(np.arange(24803, dtype=np.int32))
    assert facts.doubted == sum(int(row[7]) for row in facts.rows) == (slopes < 0.9).sum() > 10
    args = ["bundle", "show", str(bundle.folder), "--html", str(tmp_path / "b.html"), "--plots", str(tmp_path / "p")]
    shown = CliRunner().invoke(app, args)
    assert shown.exit_code == 0, shown.output
    assert f"Doubted are {facts.doubted:,} sites" in shown.stdout.replace("\n", " ")
    page = (tmp_path / "b.html").read_text()
    assert page.count("<svg") == 3
    assert page.count("<tr>") == len(facts.rows) + 1
    for name, sites in (("maf", 24803), ("slopes", int((slopes < 0.99).sum()))):
        svg = (tmp_path / "p" / f"{name}.svg").read_text()
        tips = [node.findtext("{*}title") or "" for node in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}rect")]
        assert sum(int(tip.rpartition(": ")[2]) for tip in tips) == sites
        assert ">sites<" in svg
        assert ">tiles<" not in svg


def test_a_histogram_counts_every_value() -> None:
    tree = ET.fromstring(histogram("sites", [k**1.5 for k in range(100)]))
    tips = [node.findtext("{*}title") or "" for node in tree.iter("{http://www.w3.org/2000/svg}rect")]
    assert sum(int(tip.rpartition(": ")[2]) for tip in tips) == 100
    assert "4: 2" in histogram("layers", [4, 4, 6])
    assert [short(v) for v in (12, 12345, 2.5e6, 3e10)] == ["12", "12.3 k", "2.5 M", "30 G"]
