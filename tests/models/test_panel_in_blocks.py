"""Populations and map of an existing bundle: from a panel in blocks the same bits as from the whole one."""

from __future__ import annotations

import shutil
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from errors import Code, TesseraError
from genotypes.harmonise import Action, match
from genotypes.packed_rows import PackedRows
from genotypes.panel_blocks import DiploidPanel, PanelBlock
from genotypes.sites import SiteTable, strings
from models import populations
from models.bundles import open_bundle
from models.dae.ancestry import AncestryOptions
from models.dae.map_maker import make_map
from models.haplotypes.genome import train_genome
from models.haplotypes.genome_options import GenomeOptions
from models.panel_match import PanelMatch
from models.populations import describe_people
from tests.reference.whole_panels import map_of, people_of
from tests.support.fake_engine import FakeBundle, make_sites
from tests.support.populations import BUNDLE, LABELS, TRAIN, Blocks, panel
from tests.support.vcf import write_vcf

PEOPLE = 210
OPTIONS = AncestryOptions(axes=3, max_sites=150, max_r2=0.05)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], dict[str, str]]:
    """Panels of chromosomes 20 and 21 with indels and two sites at one position, and the people's populations."""
    folder = tmp_path_factory.mktemp("panels")
    labels: dict[str, str] = {}
    paths = []
    for number, contig in enumerate(("20", "21")):
        table = make_sites(contig, 600, seed=number)
        held, labels = panel(people=PEOPLE, fst=0.12 + number / 50)
        gts = [[f"{a}|{b}" for a, b in zip(row[::2], row[1::2], strict=True)] for row in held.haplotypes.tolist()]
        words = (table.pos.tolist(), list(table.ref), list(table.alt), gts, held.samples)
        paths.append(write_vcf(folder / f"{contig}.vcf.gz", contig, *words))
    return paths, labels


@pytest.fixture(scope="module")
def library(files: tuple[list[Path], dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("library") / "b"
    o = GenomeOptions(tuple(files[0]), (), out, "b", "GRCh37", ancestry=False, tile_sites=250)
    train_genome(o, lambda doing, fraction: None)
    return out


class Small(DiploidPanel):
    """In blocks of 37 sites."""

    def __iter__(self) -> Iterator[PanelBlock]:
        for block in super().__iter__():
            for first in range(0, len(block.sites), 37):
                sites = block.sites.slice(first, first + 37)
                yield PanelBlock(sites, block.haplotypes[first : first + 37], block.ploidy, block.fraction)


@pytest.mark.parametrize("kind", ["two levels", "one level", "clusters"])
@pytest.mark.parametrize("blocks", [DiploidPanel, Small])
def test_the_files_are_those_of_whole_panels(
    library: Path,
    files: tuple[list[Path], dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    blocks: type,
    kind: str,
) -> None:
    paths, names = files
    above = {"north": "cold", "south": "warm", "west": "warm"}
    labels = (
        None if kind == "clusters" else {s: (p, above[p] if kind == "two levels" else "") for s, p in names.items()}
    )
    counts, mapped = people_of(open_bundle(library), paths, labels, OPTIONS)
    counts.save(tmp_path / "counts")
    mapped.save(tmp_path / "map")
    shutil.copytree(library, tmp_path / "b")
    monkeypatch.setattr(populations, "DiploidPanel", blocks)
    made = describe_people(tmp_path / "b", paths, labels, OPTIONS)
    assert made.unmapped is None
    assert (tmp_path / "b" / "ancestry.safetensors").read_bytes() == (tmp_path / "map").read_bytes()
    assert (tmp_path / "b" / "populations.safetensors").read_bytes() == (tmp_path / "counts").read_bytes()
    assert made.manifest.panel["populations"] == counts.describe()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "counts", "map"]
    open_bundle(tmp_path / "b").verify()


@pytest.mark.parametrize("size", [1, 49, 51, 600])
def test_pruning_looks_back_over_blocks(tmp_path: Path, size: int) -> None:
    whole = map_of(BUNDLE, [TRAIN], LABELS, OPTIONS)
    whole.save(tmp_path / "whole")
    make_map(BUNDLE, [Blocks(TRAIN, size)], LABELS, OPTIONS).save(tmp_path / "parts")
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "parts").read_bytes()
    assert 10 < len(whole.chromosomes["20"].rows) <= 150


@pytest.mark.parametrize("seed", range(3))
def test_sites_that_stand_twice_match_once_over_all_blocks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = make_sites("20", 80)
    rows = np.sort(rng.integers(0, len(table), 200))
    sites = table.take(rows)
    turned = rng.random(200) < 0.3
    ref, alt = np.where(turned, sites.alt, sites.ref), np.where(turned, sites.ref, sites.alt)
    sites = SiteTable("chr20", sites.pos, strings(ref), strings(alt), sites.id)
    whole = match(sites, table)
    assert (whole.action == Action.duplicate).sum() > 50
    matching = PanelMatch(FakeBundle({"20": table}), "chr20")
    parts = [matching.of(sites.slice(first, first + 7)) for first in range(0, 200, 7)]
    assert np.array_equal(np.concatenate([one.action for one in parts]), whole.action)
    assert np.array_equal(np.concatenate([one.rows for one in parts]), whole.rows)


def test_chromosomes_of_a_bundle_of_cattle_are_told_apart() -> None:
    cattle = FakeBundle({name: make_sites(name, 30) for name in ("X", "25", "23")}, build="ARS-UCD1.2")
    assert [PanelMatch(cattle, name).name for name in ("chr23", "25", "X")] == ["23", "25", "X"]
    people = FakeBundle({"X": make_sites("X", 30)})
    assert PanelMatch(people, "23").name == "X"
    with pytest.raises(TesseraError) as caught:
        PanelMatch(cattle, "24")
    assert caught.value.code is Code.setup_invalid


def test_packed_rows_come_back_in_any_order(tmp_path: Path) -> None:
    rows = (np.random.default_rng(1).random((50, 21)) < 0.4).astype(np.int8)
    packed = PackedRows(tmp_path / "rows", 21)
    for first in (0, 20, 20, 33):
        packed.add(rows[first : {0: 20, 20: 33, 33: 50}[first]] if first != 20 or len(packed) == 20 else rows[:0])
    assert len(packed) == 50
    some = np.array([49, 0, 7, 7, 21])
    assert packed.take(some).tolist() == rows[some].tolist()
    assert packed.take(some[:0]).shape == (0, 21)
    assert (tmp_path / "rows").stat().st_size == 50 * 3


class Random:
    """A panel that is nowhere as a whole."""

    def __init__(self, table: SiteTable, people: int) -> None:
        self.table, self.samples = table, [f"P{k}" for k in range(people)]

    def __iter__(self) -> Iterator[PanelBlock]:
        rng = np.random.default_rng(0)
        for first in range(0, len(self.table), 500):
            sites = self.table.slice(first, first + 500)
            alleles = (rng.random((len(sites), 2 * len(self.samples)), np.float32) < 0.3).astype(np.int8)
            yield PanelBlock(sites, alleles, np.full(len(self.samples), 2, np.int8), 1.0)


def test_memory_does_not_grow_with_the_panel() -> None:
    table = make_sites("20", 16_000)
    bundle = FakeBundle({"20": table}, tile_sites=16_000)
    held = Random(table, 400)
    labels = {sample: "ab"[row % 2] for row, sample in enumerate(held.samples)}
    tracemalloc.start()
    try:
        made = make_map(bundle, [held], labels, AncestryOptions(axes=2, max_sites=200, max_r2=0.02))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(made.chromosomes["20"].rows) == 200
    assert peak < 16_000 * 800 / 2  # half of the panel's haplotypes


def test_panels_of_haploids_and_of_two_chromosomes_are_refused(tmp_path: Path) -> None:
    write_vcf(tmp_path / "h.vcf", "20", [5, 6], ["A"] * 2, ["G"] * 2, [["0|1", "1"]] * 2, ["a", "b"])
    with pytest.raises(TesseraError, match="has haploids") as caught:
        list(DiploidPanel(tmp_path / "h.vcf"))
    assert caught.value.code is Code.setup_invalid
    write_vcf(tmp_path / "two.vcf", ["20", "21"], [5, 6], ["A"] * 2, ["G"] * 2, [["0|1", "1|1"]] * 2, ["a", "b"])
    with pytest.raises(TesseraError, match="name one") as caught:
        list(DiploidPanel(tmp_path / "two.vcf"))
    assert caught.value.code is Code.malformed_record
    (block,) = DiploidPanel(tmp_path / "two.vcf", "21")
    assert block.sites.pos.tolist() == [6]
