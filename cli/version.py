"""Version of the installed software."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def software_version() -> str:
    """`0.1.0`, or `unknown` when run from a tree that is not installed."""
    try:
        return version("tessera")
    except PackageNotFoundError:
        return "unknown"
