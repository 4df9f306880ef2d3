"""The version that headers and reports name."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def software() -> str:
    """`tessera X.Y.Z`, or `tessera` alone when run from a tree that is not installed."""
    try:
        return f"tessera {version('tessera')}"
    except PackageNotFoundError:
        return "tessera"
