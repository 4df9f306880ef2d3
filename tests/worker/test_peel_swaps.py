"""Exchanged samples of the pedigree example, from its files to the words of the report."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from worker.pipeline.peel_harmonise import peel_harmonise
from worker.pipeline.peel_read import peel_read
from worker.pipeline.peel_report import peel_report
from worker.pipeline.types import ReportFacts

EXAMPLE = Path(__file__).parents[2] / "examples" / "pedigree"
FILES = ("dense.vcf.gz", "sparse.vcf.gz")
FACTS = ReportFacts(name="herd", bundle="none", bundle_sha256="", build="auto", engine="peeling", mode="qc")


def _checked(tmp_path: Path, names: dict[str, str]) -> dict[str, Any]:
    """The QC document of the example with its samples renamed."""
    paths = []
    for file in FILES:
        lines = gzip.decompress((EXAMPLE / file).read_bytes()).decode().splitlines()
        columns = next(k for k, line in enumerate(lines) if line.startswith("#CHROM"))
        lines[columns] = "\t".join(names.get(one, one) for one in lines[columns].split("\t"))
        paths.append(tmp_path / file.removesuffix(".gz"))
        paths[-1].write_text("\n".join(lines) + "\n")
    peel_read(paths, EXAMPLE / "pedigree.csv", tmp_path / "read")
    return peel_harmonise(tmp_path / "read", tmp_path / "joined").qc


def test_the_example_has_a_wrong_sire_and_no_swap(tmp_path: Path) -> None:
    mendel = _checked(tmp_path, {})["mendel"]
    assert len(mendel["suspicious"]) == 1
    assert mendel["swaps"] == []


@pytest.mark.parametrize("pair", [("G1-03", "G2-10"), ("G3-01", "G3-12")])
def test_exchanged_samples_are_named_with_their_evidence(tmp_path: Path, pair: tuple[str, str]) -> None:
    first, second = pair
    qc = _checked(tmp_path, {first: second, second: first})
    (swap,) = qc["mendel"]["swaps"]
    assert {swap["first"], swap["second"]} == set(pair)
    assert all(one["against"] > 0 for one in swap["named"])
    assert not any(one["against"] for one in swap["exchanged"])
    (note,) = [one for one in qc["notes"] if one["code"] == "probable_swap"]
    assert f"'{swap['first']}' and '{swap['second']}' look exchanged: as they are named, " in note["message"]
    assert f"({swap['named'][0]['opposing']:,} opposite homozygotes at" in note["message"]
    assert note["message"].endswith("The samples were used as they are named.")
    pages = peel_report(tmp_path / "pages", FACTS, qc)
    page = next(path for path in pages if path.suffix == ".html").read_text()
    assert f'<tr><th scope="row">{swap["first"]}</th><td>{swap["second"]}</td>' in page
    data = next(path for path in pages if path.suffix == ".json")
    assert json.loads(data.read_text())["qc"]["mendel"]["swaps"] == [swap]


def test_samples_that_went_round_are_named_with_their_evidence(tmp_path: Path) -> None:
    ring = ["G1-03", "G2-10", "G3-01", "G2-04"]
    qc = _checked(tmp_path, dict(zip([*ring[1:], ring[0]], ring, strict=True)))
    assert qc["mendel"]["swaps"] == []
    (found,) = qc["mendel"]["rotations"]
    start = found["animals"].index("G1-03")
    assert [*found["animals"][start:], *found["animals"][:start]] == ring
    (note,) = [one for one in qc["notes"] if one["code"] == "probable_rotation"]
    assert "'G1-03' that of 'G2-10'" in note["message"]
    assert "'G2-04' that of 'G1-03'" in note["message"]
    page = next(path for path in peel_report(tmp_path / "pages", FACTS, qc) if path.suffix == ".html").read_text()
    assert '<tr><th scope="row">G2-04</th><td>G1-03</td>' in page
