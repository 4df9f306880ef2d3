"""The map of populations: made from a panel, written into a bundle, and people placed on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.main import app
from errors import Code, TesseraError
from genotypes import codes as gt
from genotypes.ancestry import LEAST_SITES, AncestryMap
from models.dae.ancestry import AncestryOptions
from models.dae.bundle import Bundle
from models.dae.map_maker import make_map, prune
from tests.support.bundles import PEOPLE, tiny_bundle
from tests.support.plink_samples import needs_plink2, plink, table, write_codes
from tests.support.populations import BUNDLE, LABELS, ROWS, SITES, TRAIN, Blocks, people


@pytest.fixture(scope="module")
def made() -> AncestryMap:
    return make_map(BUNDLE, [Blocks(TRAIN)], LABELS, AncestryOptions(axes=3))


def test_others_are_placed_in_their_population(made: AncestryMap) -> None:
    codes, truth = people()
    placed = made.place([("20", ROWS, codes)], len(truth))
    assert [made.populations[k] for k in placed.population] == truth
    assert placed.probability.sum(axis=1) == pytest.approx(np.ones(len(truth)))
    assert placed.probability.max(axis=1).min() > 0.5
    assert made.people.sum() == 30  # a third of the panel, placed on axes that the others made


def test_missing_sites_pull_nobody_to_the_middle(made: AncestryMap) -> None:
    codes, truth = people()
    whole = made.place([("20", ROWS, codes)], len(truth))
    holes = codes.copy()
    holes[np.random.default_rng(3).random(codes.shape) < 0.6] = gt.MISSING
    part = made.place([("20", ROWS, holes)], len(truth))
    slope = (whole.scores[:, :2] * part.scores[:, :2]).sum(0) / (whole.scores[:, :2] ** 2).sum(0)
    assert np.abs(slope - 1).max() < 0.1
    right = [made.populations[k] == t for k, t in zip(part.population, truth, strict=True)]
    assert np.mean(right) > 0.9
    # Fewer sites, less sure.
    assert part.probability.max(axis=1).mean() < whole.probability.max(axis=1).mean()


def test_blocks_phase_and_haploid_calls_make_no_difference(made: AncestryMap) -> None:
    codes, truth = people()
    whole = made.place([("20", ROWS, codes)], len(truth))
    written = np.where(codes == gt.HET, gt.PHASED_10, codes)
    written[:, 0] = np.where(codes[:, 0] == gt.HET, gt.HET, gt.as_haploid(codes[:, 0]))
    blocks = [("20", ROWS[first : first + 100], written[first : first + 100]) for first in range(0, SITES, 100)]
    again = made.place([("21", ROWS, codes), *blocks], len(truth))
    assert np.allclose(whole.scores, again.scores, atol=1e-5)
    assert np.array_equal(whole.sites, again.sites)


def test_too_few_sites_place_nobody(made: AncestryMap) -> None:
    codes, truth = people()
    codes[LEAST_SITES - 1 :, 0] = gt.MISSING
    placed = made.place([("20", ROWS, codes)], len(truth))
    assert placed.population[0] == -1
    assert np.isnan(placed.scores[0]).all()
    assert (placed.population[1:] >= 0).all()


def test_what_is_saved_is_read(made: AncestryMap, tmp_path: Path) -> None:
    made.save(tmp_path / "map.safetensors")
    again = AncestryMap.load(tmp_path / "map.safetensors")
    codes, truth = people()
    one, two = (held.place([("20", ROWS, codes)], len(truth)) for held in (made, again))
    assert np.array_equal(one.scores, two.scores)
    assert again.populations == ["north", "south", "west"]
    (tmp_path / "map.safetensors").write_bytes(b"no")
    with pytest.raises(TesseraError) as caught:
        AncestryMap.load(tmp_path / "map.safetensors")
    assert caught.value.code is Code.bundle_invalid


def test_pruned_sites_do_not_repeat_each_other() -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 3, (20, 200)).astype(np.int8)
    twice = np.concatenate([base, np.zeros((1, 200), np.int8)]).repeat(2, axis=0)
    assert prune(twice, 0.5).tolist() == list(range(0, 40, 2))


def test_one_population_is_no_map() -> None:
    with pytest.raises(TesseraError) as caught:
        make_map(BUNDLE, [Blocks(TRAIN)], dict.fromkeys(TRAIN.samples, "all"), AncestryOptions(axes=3))
    assert caught.value.code is Code.setup_invalid


@needs_plink2
def test_axes_span_those_of_plink2(tmp_path: Path) -> None:
    dosage = (TRAIN.haplotypes[:, 0::2] + TRAIN.haplotypes[:, 1::2]).astype(np.int8)
    made = make_map(BUNDLE, [Blocks(TRAIN)], LABELS, AncestryOptions(axes=2, max_r2=1, axes_share=0.9, min_maf=0.01))
    plink(
        "plink2",
        "--vcf",
        write_codes(tmp_path / "x.vcf", dosage),
        "--maf",
        "0.01",
        "--pca",
        "2",
        "--out",
        tmp_path / "x",
    )
    theirs = np.array([[float(row["PC1"]), float(row["PC2"])] for row in table(tmp_path / "x.eigenvec")])
    ours = made.place([("20", ROWS, dosage)], dosage.shape[1]).scores
    fitted = theirs @ np.linalg.lstsq(theirs, ours, rcond=None)[0]
    assert np.corrcoef(fitted[:, 0], ours[:, 0])[0, 1] > 0.99
    assert np.corrcoef(fitted[:, 1], ours[:, 1])[0, 1] > 0.99


def test_a_bundle_gets_a_map_by_the_command(tmp_path: Path) -> None:
    tiny_bundle(tmp_path, steps=30)
    labels = tmp_path / "labels.txt"
    labels.write_text("id population\n" + "".join(f"P{k} {'even' if k % 2 == 0 else 'odd'}\n" for k in range(PEOPLE)))
    words = ["bundle", "ancestry", tmp_path / "tiny", "--out", tmp_path / "mapped", "--panel", tmp_path / "panel.bcf"]
    done = CliRunner().invoke(app, [*map(str, words), "--populations", str(labels), "--axes", "4"])
    assert done.exit_code == 0, done.output
    old, new = Bundle.open(tmp_path / "tiny"), Bundle.open(tmp_path / "mapped")
    old.verify()
    new.verify()
    assert old.ancestry() is None
    held = new.ancestry()
    assert held is not None
    assert held.populations == ["even", "odd"]
    assert old.manifest.id != new.manifest.id
    assert set(new.manifest.files) == set(old.manifest.files) | {"ancestry.safetensors", "populations.safetensors"}
