"""Membership inference on libraries of haplotypes."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.main import app
from errors import TesseraError
from genotypes.manifest import BundleManifest
from models.bundles import open_bundle
from models.haplotypes.bundle import HaplotypeBundle
from models.haplotypes.library import Library
from models.haplotypes.matches import shared
from models.haplotypes.privacy import discriminant, measure, privacy_test
from models.haplotypes.resample import Resampling, Stretches
from models.haplotypes.synthetic import Disguise, persons_of
from tests.support.bundles import make_panel, tiny_library


def test_stretches_and_likelihoods_are_those_of_the_plain_model() -> None:
    rng = np.random.default_rng(1)
    sites, count, error = 300, 40, 3e-4
    frequency = rng.beta(0.3, 0.8, sites)
    alleles = (rng.random((sites, count)) < frequency[:, None]).astype(np.int8)
    cm = np.sort(rng.random(sites)) * 3
    library = Library.of(alleles, cm)
    targets = np.concatenate([alleles[:, :2], rng.random((sites, 4)) < frequency[:, None]], axis=1).astype(np.int8)
    minor = np.ascontiguousarray((targets.astype(bool) ^ library.flipped[:, None]).T).view(np.uint8)
    switch = -np.expm1(-2 * np.diff(cm, prepend=cm[0]))
    longest, likelihood = np.empty(6), np.empty(6)
    shared(library.starts, library.carriers, count, cm, minor, switch, error, longest, likelihood)
    for n in range(6):
        weight, total = np.full(count, 1 / count), 0.0
        for v in range(sites):
            weight = weight * (1 - switch[v]) + switch[v] / count * weight.sum()
            weight *= np.where(alleles[v] == targets[v, n], 1 - error, error)
            total += np.log(weight.sum())
            weight /= weight.sum()
        assert likelihood[n] == pytest.approx(total, rel=1e-9)
        best = 0.0
        for k in range(count):
            start = None
            for v in range(sites):
                start = (v if start is None else start) if alleles[v, k] == targets[v, n] else None
                best = best if start is None else max(best, cm[v] - cm[start])
        assert longest[n] == best
    assert longest[:2].tolist() == [cm[-1] - cm[0]] * 2


def test_a_discriminant_is_fitted_to_others_and_finds_what_there_is() -> None:
    rng = np.random.default_rng(2)
    member = np.arange(400) < 200
    fold = rng.permutation(400) % 5
    noise = rng.normal(size=(400, 6))
    told = noise + np.outer(member, [1.0, 0, 0, -1.0, 0, 0])
    score = discriminant(told, member, fold)
    assert score[member].mean() - score[~member].mean() > 1
    nothing = discriminant(noise, member, fold)
    assert abs(nothing[member].mean() - nothing[~member].mean()) < 0.25


def test_a_plain_library_tells_everybody_and_a_mixed_one_less() -> None:
    rng = np.random.default_rng(3)
    ancestors = (rng.random((600, 30)) < rng.beta(0.3, 0.5, 600)[:, None]).astype(np.int8)
    which = rng.integers(30, size=(60, 240)).repeat(10, axis=0)  # everybody is a mosaic, a piece in ten sites
    alleles = np.take_along_axis(ancestors, which, axis=1)
    cm = np.arange(600) / 100

    def test_of(resampling: Resampling | None) -> dict[str, float]:
        disguise = Disguise(resampling, seed=1)
        found = measure(
            alleles, cm, lambda c: disguise.library(alleles[:, c], cm, persons_of(len(c), len(c) // 2), Stretches()), 1
        )
        assert found["people"] == {"trained": 18, "held_out": 18}
        return {name: one["auc"] for name, one in found["attacks"].items()}

    plain, mixed = test_of(None), test_of(Resampling(longest_cm=0.1, bin_cm=0.1, windows=()))
    assert plain["longest_stretch"] == plain["copying"] == 1
    assert mixed["longest_stretch"] < 0.9
    assert mixed["frequencies"] == plain["frequencies"]


def test_the_result_goes_into_the_manifest(tmp_path: Path) -> None:
    folder = tiny_library(tmp_path)
    before = BundleManifest.read(folder).id
    words = ["bundle", "privacy", str(folder), "--panel", str(tmp_path / "panel.bcf"), "--write"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "Longest stretch" in done.stdout.replace("\n", " ")
    after = BundleManifest.read(folder)
    assert after.id != before
    found = after.training["privacy"]
    assert found["longest_stretch_cm"]["trained"] == pytest.approx([found["cm"]] * 4, abs=0.01)  # they are all held
    assert found["longest_stretch_cm"]["held_out"][1] < found["cm"]
    assert found["attacks"]["longest_stretch"]["auc"] > 0.7
    shown = CliRunner().invoke(app, ["bundle", "show", str(folder)])
    assert "Membership inference: 12 training people" in shown.stdout
    assert len(make_panel().haplotypes) == 2 * after.panel["samples"]


def test_another_panel_is_refused(tmp_path: Path) -> None:
    opened = open_bundle(tiny_library(tmp_path))
    assert isinstance(opened, HaplotypeBundle)
    opened.manifest.panel["samples"] = 79
    with pytest.raises(TesseraError, match="not the panel"):
        privacy_test(opened, tmp_path / "panel.bcf")
