"""Chromosome X: males are haploid between the pseudoautosomal regions and diploid in them, however a file has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from genotypes import codes as gt
from genotypes.cells import Layout
from models.dae.bundle import Bundle
from models.dae.engine import DaeImputer
from models.protocol import TypedGenotypes
from tests.support.bundles import EVERY, make_panel, train_tiny
from tests.support.cohort import BUNDLE, TABLES, cohort
from tests.support.pipeline import Record, read_result, run_stages
from tests.support.vcf import gt_strings, write_vcf
from worker.pipeline.folder import Harmonised
from worker.pipeline.regions import Region, impute, recode
from worker.pipeline.run import OfflineOptions, run_offline
from worker.pipeline.types import OutputOptions

X = TABLES["X"]
TYPED = np.arange(0, len(X), 2)
MALES, PEOPLE = 5, 12


def people() -> gt.Codes:
    """(V, 12) codes of X: five males, seven females."""
    return cohort()["X"][:, [*range(MALES), *range(30, 30 + PEOPLE - MALES)]]


def upload(folder: Path, codes: gt.Codes, *, phased: bool = False, every: int = 2) -> Path:
    """X of the cohort at every second site, with a site that the bundle lacks in PAR1 and one in nonPAR."""
    rows = np.arange(0, len(X), every)
    pos = [*X.pos[rows].tolist(), 1_234_567, 50_000_123]
    text = [*gt_strings(codes[rows], phased), *gt_strings(codes[[2, 100]], phased)]
    text[-1][0] = "." if text[-1][0] in "01" else "./."
    order = np.argsort(pos)
    folder.mkdir(exist_ok=True)
    return write_vcf(
        folder / "x.vcf.gz",
        "chrX",
        [pos[k] for k in order],
        ["A"] * len(pos),
        ["G"] * len(pos),
        [text[k] for k in order],
        [f"S{k}" for k in range(codes.shape[1])],
        header=['##FILTER=<ID=PASS,Description="ok">'],
    )


def result(folder: Path, codes: gt.Codes, kind: Literal["vcf.gz", "bcf"] = "vcf.gz", **how: int | bool) -> Path:
    path = upload(folder, codes, phased=bool(how.pop("phased", False)))
    (summary,) = run_stages(folder, [path], BUNDLE, OutputOptions(kind), **how)  # type: ignore[arg-type]
    return folder / "result" / summary.file


def ploidies(record: Record) -> list[int]:
    return [len(text.replace("|", "/").split("/")) for text in record.gt]


def non_par(record: Record) -> bool:
    return 2_699_521 <= record.key[1] <= 154_931_043


def as_diploid_homozygotes(codes: gt.Codes) -> gt.Codes:
    return gt.as_diploid(codes)


def in_mixture(codes: gt.Codes) -> gt.Codes:
    out = codes.copy()
    out[::3] = gt.as_diploid(codes[::3])
    return out


def some_females_haploid(codes: gt.Codes) -> gt.Codes:
    out = codes.copy()
    homozygous = (np.arange(len(codes)) % 5 == 0)[:, None] & (codes != gt.HET)
    homozygous[:, :MALES] = False
    out[homozygous] = gt.as_haploid(codes)[homozygous]
    return out


WAYS = {"haploid": np.copy, "homozygous": as_diploid_homozygotes, "mixed": in_mixture, "females": some_females_haploid}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_every_way_of_writing_males_gives_the_same_result(tmp_path: Path, way: Callable[[gt.Codes], gt.Codes]) -> None:
    codes = people()
    records = read_result(result(tmp_path / "way", way(codes)))
    plain = read_result(result(tmp_path / "plain", codes, "bcf"))
    assert len(records) == len(X) + 2
    for one, other in zip(records, plain, strict=True):
        assert ploidies(one) == [1 if non_par(one) else 2] * MALES + [2] * (PEOPLE - MALES)
        assert (one.key, one.gt) == (other.key, other.gt)
        assert str(one.info.get("R2"))[:5] == str(other.info.get("R2"))[:5]
        assert np.allclose(one.ds, other.ds, atol=1e-6, equal_nan=True)
    typed = {r.key[1]: r.gt for r in records}
    for row in TYPED.tolist():
        assert [text.count("1") for text in typed[int(X.pos[row])]] == gt.dosage(codes[row]).tolist()


def test_typed_only_sites_have_the_ploidy_of_their_region(tmp_path: Path) -> None:
    records = [r for r in read_result(result(tmp_path, people())) if r.info.get("TYPED_ONLY")]
    assert [ploidies(record)[:2] for record in records] == [[2, 2], [1, 1]]
    assert records[1].gt[0] == "."


def test_heterozygous_males_are_set_missing_and_counted(tmp_path: Path) -> None:
    codes = people()
    codes[[100, 110, 120], 3] = gt.HET
    path = result(tmp_path, gt.as_diploid(codes))
    by_pos = {record.key[1]: record for record in read_result(path)}
    assert all(by_pos[int(X.pos[row])].gt[3] in ("0", "1") for row in (100, 110, 120))
    harmonised = Harmonised.open(tmp_path / "harmonised")
    one = harmonised.chromosome("X")
    assert one.haploid == list(range(MALES))
    store = harmonised.typed(one)
    assert store.codes[np.isin(store.rows, (100, 110, 120)), 3].tolist() == [gt.MISSING] * 3
    assert '"x_male_heterozygotes"' in (tmp_path / "harmonised" / "qc.json").read_text()


@pytest.mark.parametrize("kind", ["vcf.gz", "bcf"])
@pytest.mark.parametrize("phased", [False, True])
def test_batches_of_samples_change_no_byte(tmp_path: Path, kind: Literal["vcf.gz", "bcf"], phased: bool) -> None:
    codes = people()
    if phased:
        codes[codes == gt.HET] = gt.PHASED_01
    whole = result(tmp_path / "whole", codes, kind, phased=phased)
    split = result(tmp_path / "split", codes, kind, phased=phased, sample_batch=4)
    assert whole.read_bytes() == split.read_bytes()


def test_phased_males_have_one_haplotype_in_non_par(tmp_path: Path) -> None:
    codes = people()
    codes[codes == gt.HET] = gt.PHASED_01
    for record in read_result(result(tmp_path, codes, phased=True)):
        assert ploidies(record)[:MALES] == [1 if non_par(record) else 2] * MALES


def test_x_of_another_species_has_no_regions(tmp_path: Path) -> None:
    from tests.support.fake_engine import FakeBundle

    bundle = FakeBundle({"X": X}, build="ARS-UCD1.2", length=None)
    codes = people()
    codes[:] = np.where(np.arange(PEOPLE) < MALES, gt.as_haploid(codes), codes)
    path = upload(tmp_path, codes)
    (summary,) = run_stages(tmp_path, [path], bundle)
    for record in read_result(tmp_path / "result" / summary.file):
        assert ploidies(record) == [1] * MALES + [2] * (PEOPLE - MALES)


@pytest.fixture(scope="module")
def x_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The tiny panel as if it lay across the end of PAR1."""
    folder = tmp_path_factory.mktemp("x")
    panel = make_panel()
    pairs = np.array([[gt.HOM_REF, gt.PHASED_01], [gt.PHASED_10, gt.HOM_ALT]], np.int8)
    codes = pairs[panel.haplotypes[0::2], panel.haplotypes[1::2]].T
    pos = (panel.pos + 1_200_000).tolist()
    people = [f"P{k}" for k in range(codes.shape[1])]
    write_vcf(
        folder / "panel.bcf", "X", pos, panel.ref, panel.alt, gt_strings(codes, True), people, contigs={"X": 155270560}
    )
    (folder / "arrays" / "every-fifth").mkdir(parents=True)
    (folder / "arrays" / "every-fifth" / "chrX.b37.txt").write_text("".join(f"X\t{p}\n" for p in pos[::EVERY]))
    train_tiny(folder, "x", 100)
    return Bundle.open(folder / "x")


def typed_of(phased: bool, first: int = 230) -> TypedGenotypes:
    """People outside the panel at the array's sites; the first five are males, haploid from row `first` on."""
    panel = make_panel()
    rows = np.arange(0, len(panel.pos), EVERY, dtype=np.int32)
    pairs = np.array([[gt.HOM_REF, gt.PHASED_01], [gt.PHASED_10, gt.HOM_ALT]], np.int8)
    codes = pairs[panel.others[0::2], panel.others[1::2]].T[rows]
    codes = codes if phased else gt.unphase(codes)
    codes[rows >= first, :5] = np.where(panel.others[0:10:2, rows[rows >= first]].T == 1, gt.HAP_ALT, gt.HAP_REF)
    return TypedGenotypes(rows, codes, np.where(np.arange(20) < 5, 1, 2).astype(np.int8), phased)


@pytest.mark.parametrize("phased", [False, True])
def test_each_region_is_imputed_with_its_own_ploidy(x_bundle: Bundle, phased: bool) -> None:
    imputer = DaeImputer(x_bundle, "X")
    typed = typed_of(phased)
    both = np.full(20, 2, np.int8)
    regions = [
        Region(0, 230, 10**9, Layout(both, phased)),
        Region(230, 400, 10**9, Layout(typed.ploidy, phased)),
    ]
    tiles = range(len(imputer.tiles))
    blocks = list(impute(imputer, tiles, regions, lambda ploidy: recode(typed, ploidy)))
    assert [block.first for _, block in blocks] == sorted({block.first for _, block in blocks})
    gp = np.concatenate([block.gp for _, block in blocks])
    assert gp.shape == (400, 20, 3)
    whole = {
        kind: np.concatenate([b.gp for b in imputer.impute(tiles, recode(typed, ploidy))])
        for kind, ploidy in (("diploid", both), ("haploid", typed.ploidy))
    }
    assert np.allclose(gp[:230], whole["diploid"][:230], atol=1e-6)
    assert np.allclose(gp[230:], whole["haploid"][230:], atol=1e-6)
    assert (gp[230:, :5, 1] == 0).all()
    assert (gp[:230, :5, 1] > 0.01).any()
    for region, block in blocks:
        assert region.first <= block.first < block.first + len(block.gp) <= region.end
        assert block.hidden_ds is not None
        assert len(block.hidden_ds) == len(block.gp)


def test_whole_pipeline_on_x_with_the_real_engine(tmp_path: Path, x_bundle: Bundle) -> None:
    table = x_bundle.sites("X")
    typed = typed_of(False, int(np.searchsorted(table.pos, 2_699_521)))
    write_vcf(
        tmp_path / "in.vcf.gz",
        "chrX",
        table.pos[typed.rows].tolist(),
        table.ref[typed.rows].tolist(),
        table.alt[typed.rows].tolist(),
        gt_strings(gt.as_diploid(typed.codes)),
        [f"S{k}" for k in range(20)],
    )
    run_offline(
        [tmp_path / "in.vcf.gz"],
        x_bundle,
        lambda name: DaeImputer(x_bundle, name),
        tmp_path / "out.vcf.gz",
        OfflineOptions(),
    )
    records = read_result(tmp_path / "out.vcf.gz")
    assert len(records) == 400
    for record in records:
        assert ploidies(record) == [1 if non_par(record) else 2] * 5 + [2] * 15
