from pathlib import Path

import pytest

from benchmarks.peers import Run
from benchmarks.stages import matrix_peak, print_stages, warm_stages
from tests.support.bundles import EVERY, SITES, make_panel, tiny_library
from tests.support.vcf import write_vcf


def test_every_stage_of_a_warm_run_and_both_limits_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    panel = make_panel()
    rows = range(0, SITES, EVERY)
    columns = ([str(words[row]) for row in rows] for words in (panel.ref, panel.alt))
    calls = [[f"{panel.others[0][row]}/{panel.others[1][row]}"] for row in rows]
    target = write_vcf(tmp_path / "x.vcf.gz", "20", [int(panel.pos[row]) for row in rows], *columns, calls, ["a"])
    bundle = tiny_library(tmp_path)
    print_stages(target, bundle, tmp_path, 1, Run("bcftools", target, 2.0, 3.0, 6.0))
    lines = capsys.readouterr().out.splitlines()
    named = {line[2:60].strip(): [float(word) for word in line[60:].split()] for line in lines[1:]}
    assert {"engine", "items, text, compression", "ingest", "harmonise", "assemble", "all"} <= set(named)
    parts = [figures for name, figures in named.items() if name != "all" and "limit" not in name]
    assert sum(figures[0] for figures in parts) == pytest.approx(named["all"][0], abs=0.05)
    assert named["limit: bcftools writing the same output"][:2] == [2.0, 3.0]
    assert sum(name.startswith("limit: ") and "GFLOP/s" in name for name in named) == 1
    stages, genotypes = warm_stages(target, bundle, tmp_path, 1)
    assert genotypes == SITES
    assert 0 < stages["engine"].wall < stages["all"].wall


def test_the_peak_is_operations_a_second() -> None:
    assert 1e8 < matrix_peak(128) < 1e14
