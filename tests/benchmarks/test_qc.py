from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.qc import make, run_once


@pytest.mark.skipif(shutil.which("bgzip") is None, reason="bgzip is not installed")
def test_the_spoilt_sites_are_mended(tmp_path: Path) -> None:
    make(tmp_path, 600, 30)
    found = run_once(tmp_path)
    assert 10 < found["counts"]["swapped"] < 60
    assert 5 < found["counts"]["flipped"] < 60
    assert found["ingest"][1] > 0
    assert found["harmonise"][1] > 0
