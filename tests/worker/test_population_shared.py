"""Real people of single continents, outside the demo bundle's panel, against the frequencies expected of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from genotypes.strand import palindromic
from models.bundles import open_bundle
from tests.support.bcftools import bcftools, needs_bcftools
from worker.pipeline.cohort_stats import cohort_stats
from worker.pipeline.harmonise import HarmoniseOptions, harmonise
from worker.pipeline.ingest import ingest

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
DEV = DATA / "kgp-chr20" / "target.infinium-omni2.5.v1.5.dev.vcf.gz"
pytestmark = [pytest.mark.shared, pytest.mark.skipif(not DEV.exists(), reason="the shared data are not here")]
OTHER = str.maketrans("01", "10")


def continent(name: str) -> list[str]:
    """Ids of the people of a continent who are in the file."""
    there = set(bcftools("query", "-l", DEV).split())
    rows = [line.split() for line in (DATA / "kgp-samples.panel").read_text().splitlines()[1:]]
    return [row[0] for row in rows if row[2] == name and row[0] in there]


@needs_bcftools
@pytest.mark.parametrize(("name", "by_panel"), [("EUR", 100), ("EAS", 300), ("AFR", 300)])
def test_one_continent_stands_out_no_more_and_wrong_strands_do(name: str, by_panel: int, tmp_path: Path) -> None:
    bundle = open_bundle(ROOT / "bundles" / "kgp-chr20-demo")
    held, table = bundle.populations(), bundle.sites("20")
    assert held is not None
    expected = held.frequency("20", held.shares(name))
    rows = [row for row in palindromic(table).nonzero()[0].tolist() if abs(expected[row] - 0.5) > 0.2]
    wrong = {int(table.pos[row]) for row in rows[::2]}
    lines = bcftools("view", "-s", ",".join(continent(name)), DEV).splitlines()
    planted = 0
    for number, line in enumerate(lines):
        cells = line.split("\t")
        if not line.startswith("#") and int(cells[1]) in wrong:
            calls = [cell.split(":")[0].translate(OTHER) for cell in cells[9:]]
            lines[number] = "\t".join([*cells[:7], ".", "GT", *calls])
            planted += 1
    (tmp_path / "x.vcf").write_text("\n".join(lines) + "\n")
    ingest([tmp_path / "x.vcf"], tmp_path / "in")
    far, found = {}, {}
    for choice in ("all", "auto"):
        summary = harmonise(tmp_path / "in", bundle, tmp_path / choice, HarmoniseOptions(population=choice))
        far[choice] = cohort_stats(tmp_path / choice, bundle)["frequency"]["far"]
        found[choice] = summary.qc["chromosomes"][0]["af_difference"]
    assert planted > 20
    assert far["all"] > by_panel
    assert far["auto"] <= 2
    assert found["all"] < found["auto"]
    assert planted - 2 <= found["auto"] <= planted
