"""`tessera impute`: options come before the settings `TESSERA_QC_*` and `TESSERA_SAMPLES_*`, these before defaults."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app


def _checked(upload: Path, bundles: Path, out: Path, *more: str) -> dict[str, Any]:
    words = ["impute", str(upload), "--qc", "-b", str(bundles / "tiny"), "-o", str(out), *more]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads((out / "qc.json").read_text())
    return found


def _poor(upload: Path, path: Path) -> Path:
    """The upload with its last sample never called, and another called at a third of the sites."""
    lines = gzip.decompress(upload.read_bytes()).decode().splitlines()
    for number, line in enumerate(lines):
        if not line.startswith("#"):
            cells = line.split("\t")
            lines[number] = "\t".join([*cells[:-2], cells[-2] if number % 3 else "./.", "./."])
    path.write_text("\n".join(lines) + "\n")
    return path


def test_settings_come_before_defaults_and_options_before_settings(
    upload: Path, bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poor = _poor(upload, tmp_path / "poor.vcf")
    assert _checked(poor, bundles, tmp_path / "a")["thresholds"]["call_rate"] == 0.9
    monkeypatch.setenv("TESSERA_QC_CALL_RATE", "0.97")
    monkeypatch.setenv("TESSERA_QC_HWE", "0.001")
    monkeypatch.setenv("TESSERA_SAMPLES_ACTION", "flag")
    monkeypatch.setenv("TESSERA_DATABASE_URL", "nonsense")
    flagged = _checked(poor, bundles, tmp_path / "b")
    assert (flagged["thresholds"]["call_rate"], flagged["thresholds"]["hwe"]) == (0.97, 0.001)
    chosen = _checked(poor, bundles, tmp_path / "c", "--qc-call-rate", "0.5", "--samples", "drop")
    assert (chosen["thresholds"]["call_rate"], chosen["thresholds"]["hwe"]) == (0.5, 0.001)
    monkeypatch.delenv("TESSERA_SAMPLES_ACTION")
    monkeypatch.setenv("TESSERA_SAMPLES_MIN_CALL_RATE", "0.7")
    stricter = _checked(poor, bundles, tmp_path / "d")
    assert [one["sample_qc"]["kept"] for one in (flagged, chosen, stricter)] == [20, 19, 18]


def test_a_setting_that_cannot_be_is_named(
    upload: Path, bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESSERA_QC_MIND", "1")
    words = ["impute", str(upload), "--qc", "-b", str(bundles / "tiny"), "-o", str(tmp_path / "x")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code != 0
    assert "TESSERA_QC_MIND" in f"{done.output}{done.exception}"
