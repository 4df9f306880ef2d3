"""Frequencies by population and the map, put into a bundle from its panel."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.main import app
from errors import Code, TesseraError
from genotypes.panel import Panel, read_panel
from models.bundles import open_bundle
from models.dae.ancestry import AncestryOptions
from models.dae.compress import compress
from models.populations import clusters, describe_people
from tests.support.bundles import PEOPLE, tiny_bundle, tiny_library
from tests.support.populations import NAMES, Blocks, panel

LABELS = {f"P{k}": ("even" if k % 2 == 0 else "odd", "") for k in range(PEOPLE)}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def bundle(library: Path, tmp_path: Path) -> Path:
    shutil.copytree(library, tmp_path / "b")
    return tmp_path / "b"


def test_counts_are_the_panels_and_old_bundles_still_open(bundle: Path, library: Path) -> None:
    assert open_bundle(bundle).populations() is None
    made = describe_people(bundle, [library.parent / "panel.bcf"], LABELS, AncestryOptions(axes=3))
    opened = open_bundle(bundle)
    opened.verify()
    held = opened.populations()
    assert held is not None
    assert (made.populations, held.people.tolist(), made.unmapped) == (["odd", "even"], [40, 40], None)
    haplotypes = read_panel(library.parent / "panel.bcf").haplotypes
    odd = np.arange(2 * PEOPLE) // 2 % 2 == 1
    assert np.array_equal(held.counts["20"], np.stack([haplotypes[:, odd].sum(1), haplotypes[:, ~odd].sum(1)], 1))
    assert held.frequency("20", np.array([0.5, 0.5])) == pytest.approx(opened.sites("20").af, abs=1e-6)
    assert opened.manifest.panel["populations"] == held.describe()
    assert {"ancestry.safetensors", "populations.safetensors"} <= set(opened.manifest.files)
    (bundle / "populations.safetensors").write_bytes(b"no")
    with pytest.raises(TesseraError):
        opened.verify()


def test_a_map_that_cannot_be_made_costs_only_the_map(bundle: Path, library: Path) -> None:
    made = describe_people(bundle, [library.parent / "panel.bcf"], LABELS, AncestryOptions(axes=1000))
    assert made.unmapped is not None
    assert open_bundle(bundle).ancestry() is None
    assert open_bundle(bundle).populations() is not None


def test_another_panel_is_refused(bundle: Path, library: Path, tmp_path: Path) -> None:
    from tests.support.bundles import make_panel, write_panel

    write_panel(tmp_path / "other.bcf", make_panel(seed=9))
    with pytest.raises(TesseraError, match="lacks") as caught:
        describe_people(bundle, [tmp_path / "other.bcf"], LABELS)
    assert caught.value.code is Code.setup_invalid
    assert open_bundle(bundle).populations() is None


def test_people_without_labels_are_clustered_and_called_so(tmp_path: Path) -> None:
    many, truth = panel(people=180, fst=0.15)
    groups = clusters(Blocks(many, 70), tmp_path)
    assert [name for name, _ in groups] == [f"cluster {k + 1}" for k in range(3)]
    for members in groups.values():
        names = [truth[sample] for sample in members]
        assert max(names.count(name) for name in NAMES) >= 0.95 * len(names)
    assert sum(map(len, groups.values())) == 180
    assert clusters(Blocks(Panel(many.sites, many.haplotypes[:, :60], many.samples[:30])), tmp_path) == {}


def test_training_describes_its_people_unless_told_not_to(library: Path, tmp_path: Path) -> None:
    table = tmp_path / "p.txt"
    table.write_text("id pop\n" + "".join(f"{sample} {pop}\n" for sample, (pop, _) in LABELS.items()))
    panel = str(library.parent / "panel.bcf")
    words = ["bundle", "train", "--panel", panel, "--build", "GRCh37", "--populations", str(table), "--out"]
    done = CliRunner().invoke(app, [*words, str(tmp_path / "with")])
    assert done.exit_code == 0, done.output
    made = open_bundle(tmp_path / "with")
    made.verify()
    assert made.ancestry() is not None
    assert made.populations() is not None
    assert made.manifest.id in done.output
    shown = CliRunner().invoke(app, ["bundle", "show", str(tmp_path / "with")])
    assert "odd 40, even 40" in " ".join(shown.output.split())
    done = CliRunner().invoke(app, [*words, str(tmp_path / "without"), "--no-ancestry"])
    assert done.exit_code == 0, done.output
    assert open_bundle(tmp_path / "without").ancestry() is open_bundle(tmp_path / "without").populations() is None


def test_a_smaller_copy_keeps_frequencies_and_map(tmp_path: Path) -> None:
    tiny_bundle(tmp_path, steps=10)
    describe_people(tmp_path / "tiny", [tmp_path / "panel.bcf"], LABELS, AncestryOptions(axes=3))
    compress(open_bundle(tmp_path / "tiny"), tmp_path / "small", "int4")
    small = open_bundle(tmp_path / "small")
    small.verify()
    assert small.populations() is not None
    assert small.ancestry() is not None
