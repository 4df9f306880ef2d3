"""The version that the service names."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def software_version() -> str:
    """The installed version of Tessera, or `0+unknown` when it runs from a tree that is not installed."""
    try:
        return version("tessera")
    except PackageNotFoundError:
        return "0+unknown"
