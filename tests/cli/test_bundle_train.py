"""`tessera bundle train` as it is typed."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from models.dae.bundle import Bundle
from tests.support.bundles import make_panel, write_panel

SMALL = [
    "--architecture",
    "tile-dae",
    "--build",
    "GRCh37",
    "--width",
    "32",
    "--latent",
    "8",
    "--steps",
    "20",
    "--batch",
    "16",
    "--tile-sites",
    "200",
]


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("train") / "panel.bcf"
    write_panel(path, make_panel())
    return path


def train(panel: Path, out: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["bundle", "train", "--panel", str(panel), "--out", str(out), *SMALL, *words])


def test_a_dry_run_says_what_it_costs_and_leaves_nothing(panel: Path, tmp_path: Path) -> None:
    done = train(panel, tmp_path / "b", "--dry-run")
    assert done.exit_code == 0, done.output
    for word in ("steps left", "40,", "time", "memory", "disk"):
        assert word in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_tiles_one_by_one_then_the_bundle(panel: Path, tmp_path: Path) -> None:
    done = train(panel, tmp_path / "b", "--tile", "1")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "b.work" / "tile-1.pt").exists()
    assert not (tmp_path / "b.work" / "tile-0.pt").exists()
    assert not (tmp_path / "b").exists()
    done = train(panel, tmp_path / "b")
    assert done.exit_code == 0, done.output
    assert len(Bundle.open(tmp_path / "b").tiles("20")) == 2


def test_mistakes_are_sentences(panel: Path, tmp_path: Path) -> None:
    assert "no architecture" in train(panel, tmp_path / "b", "--architecture", "unet").output
    assert "even in number" in train(panel, tmp_path / "b", "--n-layers", "3").output
    assert "no tile 7" in train(panel, tmp_path / "b", "--tile", "7").output
