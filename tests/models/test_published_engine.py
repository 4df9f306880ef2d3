from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.codes import HAP_ALT, HAP_REF, PHASED_01, PHASED_10
from models.dae.bundle import Bundle
from models.dae.engine import DaeImputer
from models.dae.published.convert import ImportOptions, import_bundle
from models.protocol import TypedGenotypes
from tests.reference import published_forward as reference
from tests.support.published import PublishedTile, overlapping_tiles

PEOPLE = 7


@pytest.fixture(scope="module")
def imputer(tmp_path_factory: pytest.TempPathFactory) -> DaeImputer:
    folder = tmp_path_factory.mktemp("published")
    for tile in overlapping_tiles():
        tile.write(folder)
    import_bundle(ImportOptions(folder, folder / "out", "hrc", "GRCh37"), lambda done, total: None)
    return DaeImputer(Bundle.open(folder / "out"), "22")


@pytest.fixture(scope="module")
def typed(imputer: DaeImputer) -> TypedGenotypes:
    rows = np.arange(0, len(imputer.sites), 2).astype(np.int32)
    codes = np.random.default_rng(4).integers(-1, 3, (len(rows), PEOPLE)).astype(np.int8)
    return TypedGenotypes(rows, codes, np.full(PEOPLE, 2, np.int8), False)


def run(imputer: DaeImputer, typed: TypedGenotypes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    blocks = list(imputer.impute(range(len(imputer.tiles)), typed))
    assert all(block.hds is None and block.hidden_ds is not None for block in blocks)
    assert [b.first for b in blocks] == np.cumsum([0, *(len(b.gp) for b in blocks[:-1])]).tolist()
    hidden = [block.hidden_ds for block in blocks if block.hidden_ds is not None]
    return np.concatenate([block.gp for block in blocks]), np.concatenate(hidden)


def expected(imputer: DaeImputer, seen: dict[int, int]) -> NDArray[np.float64]:
    """(V, 3) of one person, from the published files alone; `seen` is row -> dosage."""
    sites = imputer.sites
    row_of = {key: row for row, key in enumerate(zip(sites.pos.tolist(), sites.ref, sites.alt, strict=True))}
    out = np.full((len(sites), 3), np.nan)
    for tile in overlapping_tiles():
        rows = [row_of[site] for site in tile.sites]
        ab = reference.presences(tile.state, tile.activation, [seen.get(row, -1) for row in rows])
        for row, gp in zip(rows, reference.genotypes(ab), strict=True):
            if owner_of(imputer, row) == set(rows) and np.isnan(out[row, 0]):
                out[row] = gp
    return out


def owner_of(imputer: DaeImputer, row: int) -> set[int]:
    (tile,) = [tile for tile in imputer.tiles if tile.first <= row < tile.end]
    return set(tile.inputs.tolist())


def test_every_site_is_what_its_published_network_says(imputer: DaeImputer, typed: TypedGenotypes) -> None:
    gp, _ = run(imputer, typed)
    for person in range(PEOPLE):
        seen = dict(zip(typed.rows.tolist(), typed.codes[:, person].tolist(), strict=True))
        np.testing.assert_allclose(gp[:, person], expected(imputer, seen), atol=2e-5)


def test_hidden_dosage_is_the_network_without_that_fold(imputer: DaeImputer, typed: TypedGenotypes) -> None:
    _, hidden = run(imputer, typed)
    untyped = np.setdiff1d(np.arange(len(imputer.sites)), typed.rows)
    assert np.isnan(hidden[untyped]).all()
    assert not np.isnan(hidden[typed.rows]).any()
    tile = imputer.tiles[-1]
    own = typed.rows[(typed.rows >= tile.first) & (typed.rows < tile.end)]
    seen = dict(zip(typed.rows.tolist(), typed.codes[:, 2].tolist(), strict=True))
    for row in own.tolist():  # fewer typed sites than folds: one is hidden at a time
        gp = expected(imputer, seen | {row: -1})[row]
        assert hidden[row, 2] == pytest.approx(gp[1] + 2 * gp[2], abs=2e-5)


def test_phase_is_not_read(imputer: DaeImputer, typed: TypedGenotypes) -> None:
    codes = typed.codes.copy()
    codes[codes == 1] = np.where(np.arange((codes == 1).sum()) % 2, PHASED_01, PHASED_10)
    phased = TypedGenotypes(typed.rows, codes, typed.ploidy, True)
    np.testing.assert_array_equal(run(imputer, phased)[0], run(imputer, typed)[0])


def test_a_haploid_sample_is_read_as_a_homozygote(imputer: DaeImputer, typed: TypedGenotypes) -> None:
    homozygous = np.where(typed.codes == 1, 2, typed.codes).astype(np.int8)
    codes = np.select([homozygous == 0, homozygous == 2], [HAP_REF, HAP_ALT], -1).astype(np.int8)
    diploid, _ = run(imputer, TypedGenotypes(typed.rows, homozygous, typed.ploidy, False))
    haploid, hidden = run(imputer, TypedGenotypes(typed.rows, codes, np.ones(PEOPLE, np.int8), False))
    assert not haploid[..., 1].any()
    sure = diploid[..., 0] + diploid[..., 2] > 1e-3
    np.testing.assert_allclose(
        haploid[..., 2][sure], (diploid[..., 2] / (diploid[..., 0] + diploid[..., 2]))[sure], atol=1e-3
    )
    assert np.nanmax(hidden) <= 1


def test_latents_that_are_not_kept_give_the_same(imputer: DaeImputer, typed: TypedGenotypes) -> None:
    kept = run(imputer, typed)
    again = DaeImputer(imputer.bundle, "22")
    again.keep_latents = 0
    for one, two in zip(kept, run(again, typed), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)


def test_blocks_are_bounded(tmp_path: Path) -> None:
    PublishedTile([(p, "A", "C") for p in range(1, 2301)], n_layers=2, ratio=0.01).write(tmp_path)
    import_bundle(ImportOptions(tmp_path, tmp_path / "out", "x", "GRCh37"), lambda done, total: None)
    imputer = DaeImputer(Bundle.open(tmp_path / "out"), "22")
    nothing = TypedGenotypes(np.empty(0, np.int32), np.empty((0, 3), np.int8), np.full(3, 2, np.int8), False)
    assert [len(block.gp) for block in imputer.impute(range(1), nothing)] == [767, 766, 767]


def test_a_kind_that_nobody_knows_is_refused(imputer: DaeImputer) -> None:
    bundle = Bundle(imputer.bundle.folder, imputer.bundle.manifest)
    bundle.manifest.architecture["kind"] = "other"
    try:
        with pytest.raises(TesseraError) as error:
            bundle.tiles("22")
    finally:
        bundle.manifest.architecture["kind"] = "published-dense"
    assert error.value.code is Code.bundle_invalid
