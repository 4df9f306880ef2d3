"""What holds for every test: in CI nothing may be skipped, and the environment's own settings stay outside."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.support import postgres, swift
from tests.support.servers import unavailable

NO_SKIP = os.environ.get("TESSERA_TESTS_NO_SKIP") == "1"
# Tests that need the developers' data folder are the one group that CI cannot have.
MAY_SKIP = "shared"
WHY_NOT: dict[str, Callable[[], str | None]] = {"postgres": postgres.why_not, "s3": swift.why_not}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip here and not in a fixture, so that pytest folds all tests that lack the same server into one line."""
    for marker, why_not in WHY_NOT.items():
        if item.get_closest_marker(marker) and (reason := why_not()):
            unavailable(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail") and item.get_closest_marker(MAY_SKIP) is None:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be skipped: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    report = yield
    if NO_SKIP and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"module skipped where nothing may be skipped: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings come from the test alone, not from the shell that runs it."""
    for name in [name for name in os.environ if name.startswith("TESSERA_") and not name.startswith("TESSERA_TESTS_")]:
        monkeypatch.delenv(name)
