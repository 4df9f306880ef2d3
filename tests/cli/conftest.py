from pathlib import Path

import pytest

from tests.support.bundles import EVERY, SITES, make_panel, tiny_bundle
from tests.support.vcf import write_vcf

PEOPLE = 20


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one bundle, named `tiny`."""
    made = tiny_bundle(tmp_path_factory.mktemp("training"), steps=20)
    folder = tmp_path_factory.mktemp("bundles")
    made.rename(folder / "tiny")
    return folder


@pytest.fixture(scope="session")
def upload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Array genotypes of people outside the panel that the bundle was trained on."""
    panel = make_panel()
    rows = range(0, SITES, EVERY)
    both = [panel.others[2 * one : 2 * one + 2] for one in range(PEOPLE)]
    return write_vcf(
        tmp_path_factory.mktemp("upload") / "cohort.vcf.gz",
        "20",
        [int(panel.pos[row]) for row in rows],
        [panel.ref[row] for row in rows],
        [panel.alt[row] for row in rows],
        [[f"{pair[0][row]}/{pair[1][row]}" for pair in both] for row in rows],
        [f"S{one}" for one in range(PEOPLE)],
    )
