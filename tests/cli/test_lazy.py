"""What the commands load before they are asked for anything."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cli.lazy import lazily

UNWANTED = ("httpx._client", "redis.client", "jobs.slices", "numba", "torch")


def test_the_commands_load_no_client_and_no_settings() -> None:
    code = f"import sys, cli.main; print(*(name for name in {UNWANTED!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


def test_a_lazy_module_is_the_module() -> None:
    code = "from cli.lazy import lazily; a = lazily('colorsys'); import colorsys; print(a is colorsys, a.ONE_THIRD)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["True", str(1 / 3)]
    assert lazily("sys") is sys


def test_a_missing_module_is_missed_at_once() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        lazily("no_such_module")
