from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.api import live_api
from tests.support.browser import chromium, sound_page


@pytest.mark.browser
def test_the_documentation_comes_up_and_asks_no_other_host(tmp_path: Path) -> None:
    asked: list[str] = []
    with live_api(tmp_path) as live, chromium() as browser, sound_page(browser) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{live.url}/docs")
        page.get_by_text("Submit a job").click()
        page.get_by_text("one file with all chromosomes or several files").wait_for()
    assert asked
    assert all(url.startswith((live.url, "data:")) for url in asked)
