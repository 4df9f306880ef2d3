"""Accuracy before the run, from the accuracy tables of a bundle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genotypes.manifest import BundleManifest
from tests.support.fake_engine import FakeBundle, make_sites
from worker.pipeline.expected import NEAREST, Typing, expected_accuracy

DEMO = Path(__file__).parents[2] / "bundles" / "kgp-chr20-demo"
EDGES = (0.0, 0.01, 0.1, 0.5)
BUNDLE = FakeBundle({"20": make_sites("20", 4000)})
TABLE = BUNDLE.sites("20")
AF = TABLE.af
assert AF is not None
MAF = np.minimum(AF, 1 - AF)
which = np.searchsorted(EDGES, MAF.astype(float) - 1e-9) - 1


def array(name: str, rows: np.ndarray[Any, Any], r2: float) -> dict[str, Any]:
    """A line of the accuracy table of an array that types `rows`."""
    typed = np.zeros(len(MAF), bool)
    typed[rows] = True
    bins = [
        {"maf": [EDGES[b], EDGES[b + 1]], "sites": int(((which == b) & ~typed).sum()), "r2": round(r2 * (b + 1) / 3, 4)}
        for b in range(3)
    ]
    return {"array": name, "people": 50, "bins": bins}


def every(step: int) -> np.ndarray[Any, Any]:
    return np.arange(0, len(MAF), step, dtype=np.int32)


def manifest(*arrays: dict[str, Any]) -> BundleManifest:
    return replace(BUNDLE.manifest, accuracy=list(arrays))


ARRAYS = (array("sparse", every(80), 0.5), array("middle", every(40), 0.7), array("dense", every(10), 0.9))


def test_an_array_of_the_table_gets_its_own_figures_above_all() -> None:
    found = expected_accuracy(manifest(*ARRAYS), [Typing(AF, every(40))])
    assert found is not None
    assert found["arrays"][0]["array"] == "middle"
    assert found["typed_share"] == pytest.approx(1 / 40)
    assert found["outside"] is None
    for place, one in enumerate(found["bins"]):
        assert one["r2"] == pytest.approx(0.7 * (place + 1) / 3, abs=0.03)
        assert one["sites"] + one["typed"] == (which == place).sum()


def test_between_two_arrays_lies_between_their_figures() -> None:
    found = expected_accuracy(manifest(*ARRAYS), [Typing(AF, every(20))])
    assert found is not None
    assert 0.7 < found["bins"][2]["r2"] < 0.9
    assert sum(one["weight"] for one in found["arrays"]) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(("step", "outside"), [(200, "sparser"), (40, None), (4, "denser")])
def test_outside_the_range_of_the_arrays_is_said(step: int, outside: str | None) -> None:
    found = expected_accuracy(manifest(*ARRAYS), [Typing(AF, every(step))])
    assert found is not None
    assert found["outside"] == outside


def test_without_a_table_that_fits_there_is_nothing() -> None:
    typed = [Typing(AF, every(40))]
    assert expected_accuracy(manifest(), typed) is None
    assert expected_accuracy(manifest(*ARRAYS), [Typing(None, every(40))]) is None
    other = {"array": "other edges", "people": 5, "bins": [{"maf": [0.0, 0.5], "sites": 10, "r2": 0.5}]}
    assert expected_accuracy(manifest(ARRAYS[0], other), typed) is None
    beyond = array("larger than the bundle", every(40), 0.5)
    beyond["bins"][0]["sites"] += len(MAF)
    assert expected_accuracy(manifest(beyond), typed) is None


def test_one_array_has_no_error_and_unknown_scores_stay_unknown() -> None:
    unknown = array("a", every(40), 0.6)
    unknown["bins"][0]["r2"] = None
    found = expected_accuracy(manifest(unknown), [Typing(AF, every(40))])
    assert found is not None
    assert [one["r2"] for one in found["bins"]] == [None, 0.4, 0.6]
    assert [one["error"] for one in found["bins"]] == [None] * 3


@pytest.mark.skipif(not DEMO.is_dir(), reason="the demo bundle is not here")
def test_the_reckoning_beats_the_mean_of_all_arrays_on_the_shipped_bundle() -> None:
    """Each of its 23 arrays left out in turn: the error that the report gives is half that of the plain mean."""
    from models.dae.bundle import Bundle

    bundle = Bundle.open(DEMO)
    table = bundle.sites("20")
    found = expected_accuracy(bundle.manifest, [Typing(table.af, np.arange(0, len(table), 40, dtype=np.int32))])
    assert found is not None
    assert len(found["arrays"]) == NEAREST
    scores = np.array([[one["r2"] for one in line["bins"]] for line in bundle.manifest.accuracy])
    plain = np.abs(scores - scores.mean(0)).mean(0)
    errors = np.array([one["error"] for one in found["bins"]])
    assert (errors[1:] < 0.6 * plain[1:]).all()
    assert (errors < 0.05).all()
