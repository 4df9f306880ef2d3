"""plink2 as the judge of our site statistics; its tests are skipped where it is not installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

needs_plink2 = pytest.mark.skipif(shutil.which("plink2") is None, reason="plink2 is not installed")


def plink2(vcf: Path, *arguments: str) -> dict[str, list[dict[str, str]]]:
    """Run plink2 on a VCF; the rows of every table that it wrote, by the table's ending."""
    out = vcf.with_suffix("")
    command = ["plink2", "--threads", "1", "--vcf", str(vcf), "--out", str(out), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    tables = {}
    for path in out.parent.glob(f"{out.name}.*"):
        if path != vcf and path.suffix != ".log":
            head, *lines = path.read_text().splitlines()
            names = head.lstrip("#").split()
            tables[path.suffix[1:]] = [dict(zip(names, line.split(), strict=True)) for line in lines]
    return tables
