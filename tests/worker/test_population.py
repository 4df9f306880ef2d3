"""An upload is compared with the frequencies of its own populations: fewer false alarms, and real errors are found."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from errors import Code, TesseraError
from genotypes.mending import QcOptions
from genotypes.strand import palindromic
from tests.support.cohorts import flip_rows, meet_bundle
from tests.support.continents import NAMES, SITES, TRUE, continents_bundle, people, upload, without_populations
from tests.support.uploads import Upload
from worker.pipeline.cohort_stats import cohort_stats
from worker.pipeline.harmonise import VARIANTS, HarmoniseOptions
from worker.pipeline.report import TEMPLATES, ReportParts, report
from worker.pipeline.types import ReportFacts

BUNDLE = continents_bundle()
TABLE = BUNDLE.sites("20")
PALINDROMES = np.flatnonzero(palindromic(TABLE))
NORTH = (1.0, 0.0, 0.0)


def meet(folder: Path, cohort: Upload, population: str, bundle: Any = BUNDLE) -> tuple[dict[str, Any], dict[str, Any]]:
    """The QC document and what the plots are drawn from."""
    folder = folder / population
    folder.mkdir()
    summary, _ = meet_bundle(folder, cohort, bundle, HarmoniseOptions(population=population))
    return summary.qc, cohort_stats(folder / "out", bundle)


def removed(folder: Path) -> set[int]:
    """Positions that the difference of frequencies cost."""
    with gzip.open(folder / "out" / VARIANTS, "rt") as file:
        rows = [line.split("\t") for line in file]
    return {int(row[1]) for row in rows if row[5] == "af_difference"}


def test_people_of_one_population_have_far_fewer_outliers_and_errors_are_found(tmp_path: Path) -> None:
    codes, _ = people(NORTH)
    plain = PALINDROMES[np.abs(TRUE[PALINDROMES, 0] - 0.5) > 0.25]
    wrong = plain[::3]  # written on the other strand: A/T and C/G sites do not show it but by frequency
    codes[wrong] = 2 - codes[wrong]
    cohort, places = upload(BUNDLE, codes), set(TABLE.pos[wrong].tolist())
    _, by_panel = meet(tmp_path, cohort, "all")
    found, by_population = meet(tmp_path, cohort, "auto")
    assert by_panel["frequency"]["far"] > 100
    assert by_population["frequency"]["far"] <= 3
    assert by_population["frequency"]["correlation"] > by_panel["frequency"]["correlation"]
    assert removed(tmp_path / "auto") == places
    assert len(removed(tmp_path / "all") & places) < len(places) <= 40
    assert found["chromosomes"][0]["af_difference"] == len(places)
    assert found["thresholds"] | {"af_diff": 0.3, "af_chisq": 50.0} == found["thresholds"]


def test_the_mixture_is_that_of_the_samples(tmp_path: Path) -> None:
    codes, truth = people((0.6, 0.4, 0.0))
    qc, _ = meet(tmp_path, upload(BUNDLE, codes), "auto")
    told = qc["population"]
    assert (told["choice"], told["basis"]) == ("auto", "mixture")
    shares = {one["population"]: one["share"] for one in told["shares"]}
    assert shares["north"] == pytest.approx(truth.count("north") / 100, abs=0.08)
    assert shares["south"] == pytest.approx(truth.count("south") / 100, abs=0.08)
    tops = {f"S{k}": "north" if name == "north" else "far" for k, name in enumerate(truth)}
    assert {one["id"]: one["population"] for one in told["samples"]} == tops
    assert sum(one["samples"] for one in told["larger"]) == 100
    assert told["certainty"] > 0.95
    assert "far" in told["message"]
    assert "%" in told["message"]


def test_a_population_may_be_chosen_a_larger_one_too(tmp_path: Path) -> None:
    cohort = upload(BUNDLE, people((0.0, 0.5, 0.5))[0])
    qc, drawn = meet(tmp_path, cohort, "far")
    assert qc["population"]["shares"] == [
        {"population": "south", "within": "far", "share": 0.5},
        {"population": "west", "within": "far", "share": 0.5},
    ]
    assert qc["population"]["basis"] == "population"
    assert drawn["frequency"]["far"] <= 3
    _, wrong = meet(tmp_path, cohort, "north")
    assert wrong["frequency"]["far"] > 100


@pytest.mark.parametrize("bundle", [BUNDLE, without_populations(BUNDLE)], ids=["others", "none"])
def test_an_unknown_population_is_refused_with_those_there_are(bundle: Any, tmp_path: Path) -> None:
    with pytest.raises(TesseraError) as caught:
        meet(tmp_path, upload(BUNDLE, people(NORTH, 5)[0]), "atlantis", bundle)
    assert caught.value.code is Code.population_unknown
    assert caught.value.details["populations"] == (["far", *NAMES] if bundle is BUNDLE else [])


def test_older_bundles_and_few_sites_are_compared_with_the_whole_panel(tmp_path: Path) -> None:
    cohort = upload(BUNDLE, people(NORTH)[0])
    qc, drawn = meet(tmp_path, cohort, "auto", without_populations(BUNDLE))
    assert qc["population"]["basis"] == "panel"
    assert "whole panel" in qc["population"]["message"]
    assert drawn["frequency"]["far"] == drawn["frequency"]["far_from_panel"] > 100
    assert qc["thresholds"]["af_diff"] == 0.4
    (tmp_path / "few").mkdir()
    few, _ = meet(tmp_path / "few", cohort.rows(list(range(20))), "auto")
    assert few["population"]["basis"] == "panel"
    assert "too few sites" in few["population"]["message"]


def test_a_threshold_that_is_given_stays(tmp_path: Path) -> None:
    options = HarmoniseOptions(qc=QcOptions(af_diff=0.9))
    summary, _ = meet_bundle(tmp_path, upload(BUNDLE, people(NORTH)[0]), BUNDLE, options)
    assert summary.qc["thresholds"]["af_diff"] == 0.9


def test_strand_by_frequency_is_told_at_more_sites_and_no_less_rightly(tmp_path: Path) -> None:
    codes, _ = people(NORTH)
    other = np.flatnonzero(np.random.default_rng(4).random(SITES) < 0.5)  # both strands, so that frequencies decide
    cohort = flip_rows(upload(BUNDLE, codes), other.tolist())
    decided, wrong = {}, {}
    for choice in ("all", "auto"):
        (tmp_path / choice).mkdir()
        _, out = meet_bundle(tmp_path / choice, cohort, BUNDLE, HarmoniseOptions(population=choice))
        seen = PALINDROMES[(out[PALINDROMES] >= 0).all(axis=1)]
        decided[choice] = len(seen)
        wrong[choice] = int((out[seen] != codes[seen]).any(axis=1).sum())
    assert decided["auto"] > 1.3 * decided["all"]
    assert wrong["auto"] <= min(wrong["all"], 1)


def test_the_report_says_with_whom_the_upload_is_compared(tmp_path: Path) -> None:
    qc, drawn = meet(tmp_path, upload(BUNDLE, people((0.6, 0.4, 0.0))[0]), "auto")
    html, data = report(tmp_path / "r", ReportFacts("x", "b", "00", "GRCh37"), qc, [], parts=ReportParts(drawn))
    text = html.read_text()
    assert qc["population"]["message"].split(":")[0] in text.replace("&#39;", "'")
    assert "ALT allele frequency in a mixture of north" in text
    assert "would be apart" in text
    jsonschema.validate(json.loads(data.read_text()), json.loads((TEMPLATES / "report.schema.json").read_text()))
