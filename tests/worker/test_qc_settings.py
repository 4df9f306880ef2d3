"""Thresholds of the whole server, and a job's own over them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from errors import TesseraError
from genotypes.mending import QcOptions
from jobs.settings import load_settings
from worker.pipeline.harmonise_options import HarmoniseOptions
from worker.stages import Desk


def _meeting(options: dict[str, Any]) -> HarmoniseOptions:
    job = SimpleNamespace(build="auto", strict=False, options=options)
    tools = SimpleNamespace(settings=load_settings())
    return Desk(cast(Any, SimpleNamespace(job=job)), cast(Any, tools), cast(Any, None), Path(), Path()).meeting


def test_the_settings_have_the_defaults_of_the_pipeline() -> None:
    assert load_settings().qc.model_dump() == asdict(QcOptions())


def test_a_jobs_thresholds_come_before_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESSERA_QC_CALL_RATE", "0.95")
    monkeypatch.setenv("TESSERA_QC_HWE", "0.001")
    monkeypatch.setenv("TESSERA_QC_AF_CHISQ", "50")
    monkeypatch.setenv("TESSERA_SAMPLES_ACTION", "flag")
    assert _meeting({}).qc == QcOptions(0.95, 0.001, None, 50)
    assert _meeting({}).samples.action == "flag"
    met = _meeting({"qc_hwe": 0.0, "qc_af_diff": 0.2, "samples": "drop"})
    assert met.qc == QcOptions(0.95, 0.0, 0.2, 50)
    assert met.samples.action == "drop"


def test_frequencies_by_population_are_closer_unless_the_server_says_how_far(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _meeting({}).qc.settled(by_population=True) == QcOptions(af_diff=0.3, af_chisq=50)
    assert _meeting({}).qc.settled(by_population=False) == QcOptions(af_diff=0.4, af_chisq=300)
    monkeypatch.setenv("TESSERA_QC_AF_DIFF", "0.4")
    assert _meeting({}).qc.settled(by_population=True) == QcOptions(af_diff=0.4, af_chisq=50)


@pytest.mark.parametrize(("name", "value"), [("HWE", "2"), ("CALL_RATE", "-1"), ("AF_CHISQ", "-1"), ("MIND", "1")])
def test_thresholds_that_cannot_be_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"TESSERA_QC_{name}", value)
    with pytest.raises(TesseraError, match=f"TESSERA_QC_{name}"):
        load_settings()
