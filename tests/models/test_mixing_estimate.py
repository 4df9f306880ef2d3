"""What a training says that synthetic haplotypes will cost, before it begins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from cli.main import app
from models.haplotypes import genome_estimate, mixing_estimate
from models.haplotypes.chromosome import Chromosome
from models.haplotypes.genome import open_work, read_files
from models.haplotypes.genome_estimate import estimate_genome
from models.haplotypes.genome_options import GenomeOptions
from models.haplotypes.importing import chromosomes_of
from models.haplotypes.library import Library
from models.haplotypes.mixing import mix
from models.haplotypes.mixing_estimate import mixing_seconds
from models.haplotypes.resample import Resampling
from models.haplotypes.stored import StoredLibrary
from models.haplotypes.synthetic import Disguise
from tests.support.bundles import PEOPLE, SITES, make_panel, write_panel

SYNTHETIC = Disguise(Resampling(longest_cm=0.2))


@pytest.fixture(scope="module")
def panels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Two files of the same size, of chromosomes 20 and 21."""
    folder = tmp_path_factory.mktemp("panels")
    for contig in ("20", "21"):
        write_panel(folder / f"{contig}.bcf", make_panel(), contig)
    return folder / "20.bcf", folder / "21.bcf"


def options(panels: tuple[Path, ...], folder: Path, disguise: Disguise = SYNTHETIC) -> GenomeOptions:
    return GenomeOptions(panels, (), folder / "b", "b", "GRCh37", disguise=disguise)


def read(panels: tuple[Path, ...], folder: Path) -> tuple[GenomeOptions, list[Chromosome]]:
    """The panel in its work folder."""
    o = options(panels, folder)
    work = open_work(o)
    read_files(o, work, lambda doing, fraction: None)
    return o, chromosomes_of(o, work)


def test_only_synthetic_haplotypes_take_time_to_mix(panels: tuple[Path, ...], tmp_path: Path) -> None:
    plain = estimate_genome(options(panels, tmp_path, Disguise()), None, 1)
    mixed = estimate_genome(options(panels, tmp_path), None, 1)
    assert plain.mixing_s == 0
    assert mixed.mixing_s > 0
    assert (plain.sites, plain.people) == (mixed.sites, mixed.people)


def test_it_is_proportional_to_the_sites_that_are_left(
    panels: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []

    def rate(library: object, cm: NDArray[np.float64], people: int, how: Resampling) -> float:
        told.append((len(cm), people, how))
        return 0.5

    monkeypatch.setattr(genome_estimate, "mixing_seconds", rate)
    one, two = (estimate_genome(options(panels[:n], tmp_path), None, 1) for n in (1, 2))
    assert one.mixing_s == pytest.approx(0.5 * SITES, rel=0.02)
    assert two.mixing_s == pytest.approx(0.5 * two.sites)
    assert two.mixing_s == pytest.approx(2 * one.mixing_s, rel=0.02)
    assert told == [(SITES, PEOPLE, SYNTHETIC.resampling)] * 2
    frequent = estimate_genome(options(panels[:1], tmp_path, replace(SYNTHETIC, least_carriers=40)), None, 1)
    carriers = make_panel().haplotypes.sum(axis=0)
    kept = int((np.minimum(carriers, 2 * PEOPLE - carriers) >= 40).sum())
    assert 0 < kept < SITES
    assert frequent.mixing_s == pytest.approx(0.5 * kept, rel=0.02)
    assert told[-1][0] == kept


def test_crossovers_count_by_the_map_and_all_else_by_sites(
    panels: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = read(panels[:1], tmp_path)[1]
    bins = 40

    def timed(alleles: NDArray[np.int8], cm: object, persons: object, how: Resampling, path: Path) -> tuple[float, int]:
        return 0.25 * len(alleles) + (8.0 * bins if how.generations > 1 else 0.0), bins

    monkeypatch.setattr(mixing_estimate, "_timed", timed)
    monkeypatch.setattr(mixing_estimate, "_read", lambda library: 0.125)
    for width, held in ((1 / 128, 100), (1 / 64, 50)):  # four sites, eight sites a bin
        cm = np.repeat(np.arange(SITES // 4) / 128, 4)
        seconds = mixing_seconds(one.library, cm, PEOPLE, Resampling(bin_cm=width))
        assert seconds == pytest.approx(0.125 + 0.25 + 8.0 * held / SITES)
    monkeypatch.setattr(mixing_estimate, "TIMED_CELLS", 50 * 2 * PEOPLE)  # every eighth site
    assert mixing_seconds(one.library, cm, PEOPLE, Resampling(bin_cm=1 / 64)) == pytest.approx(0.375 + 8.0 * 50 / SITES)


def test_what_an_earlier_run_has_mixed_counts_no_more(
    panels: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    o, (one, other) = read(panels, tmp_path)
    mix(o, one, lambda doing, fraction: None)
    monkeypatch.setattr(genome_estimate, "mixing_seconds", lambda library, cm, people, how: 1.0)
    assert estimate_genome(o, open_work(o), 1).mixing_s == pytest.approx(SITES, rel=0.02)
    mix(o, other, lambda doing, fraction: None)
    assert estimate_genome(o, open_work(o), 1).mixing_s == 0


def test_the_command_says_it_with_synthetic_only(panels: tuple[Path, ...], tmp_path: Path) -> None:
    words = ["bundle", "train", "--panel", str(panels[0]), "--out", str(tmp_path / "b"), "--build", "GRCh37"]
    said = [CliRunner().invoke(app, [*words, "--dry-run", *more]).stdout for more in ([], ["--synthetic"])]
    assert ["mixing" in one for one in said] == [False, True]
    assert all("accuracy" in one for one in said)


def test_reading_is_timed_on_the_file(
    panels: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = read(panels[:1], tmp_path)[1]
    one.library.block(0)  # stays in memory
    blocks: list[int] = []
    block = StoredLibrary._read_block

    def counted(library: StoredLibrary, number: int) -> Library:
        blocks.append(number)
        return block(library, number)

    monkeypatch.setattr(StoredLibrary, "_read_block", counted)
    mixing_estimate._read(one.library)
    assert blocks == [0]
