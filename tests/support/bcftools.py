"""bcftools as the judge of what we write and read; its tests are skipped where it is not installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

needs_bcftools = pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")


def bcftools(*arguments: str | Path) -> str:
    """Run bcftools; its warnings and errors on stderr fail the test."""
    done = subprocess.run(["bcftools", *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if line.startswith(("[E::", "[W::", "Error"))], done.stderr
    return done.stdout


def records(path: Path) -> list[list[str]]:
    """The columns of every record, as bcftools reads them."""
    return [line.split("\t") for line in bcftools("view", "-H", path).splitlines()]


def run_leniently(*arguments: str | Path) -> str:
    """What bcftools gives of a file that it complains about, up to where it stops."""
    done = subprocess.run(["bcftools", *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)
    return done.stdout
