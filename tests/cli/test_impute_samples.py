"""`tessera impute --samples`."""

from __future__ import annotations

import gzip
from pathlib import Path

import pysam
import pytest
from typer.testing import CliRunner

from cli.main import app


@pytest.mark.parametrize(("choice", "samples"), [("drop", 19), ("flag", 20)])
def test_a_poor_sample_is_dropped_or_kept(
    upload: Path, bundles: Path, tmp_path: Path, choice: str, samples: int
) -> None:
    poor = tmp_path / "poor.vcf"
    with gzip.open(upload, "rt") as source:
        rows = [line.rstrip("\n").split("\t") for line in source]
    for row in rows:
        if not row[0].startswith("#"):
            row[-1] = "./."
    poor.write_text("".join("\t".join(row) + "\n" for row in rows))
    words = [poor, "-b", bundles / "tiny", "-o", tmp_path / "x.vcf.gz", "-t", 1, "--samples", choice]
    done = CliRunner().invoke(app, ["impute", *map(str, words)])
    assert done.exit_code == 0, done.output
    with pysam.VariantFile(str(tmp_path / "x.vcf.gz")) as file:
        assert len(file.header.samples) == samples
