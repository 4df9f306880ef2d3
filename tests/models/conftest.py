from pathlib import Path

import pytest

from tests.support.bundles import TinyPanel, make_panel, tiny_bundle


@pytest.fixture(scope="session")
def tiny_panel() -> TinyPanel:
    return make_panel()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with panel.bcf, arrays/ and the bundle 'tiny' trained on them."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny_bundle(folder)
    return folder
