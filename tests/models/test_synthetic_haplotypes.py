"""Synthetic haplotypes: what they keep of a panel, what they must not keep, and the bundles that hold them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from cli.main import app
from errors import TesseraError
from models.bundles import make_imputer, open_bundle
from models.haplotypes.bundle import HaplotypeBundle
from models.haplotypes.genome import train_genome
from models.haplotypes.genome_options import GenomeOptions
from models.haplotypes.resample import Block, Resampling, Stretches, bins_of, synthesise
from models.haplotypes.stored import StoredLibrary
from models.haplotypes.synthetic import Disguise, persons_of
from models.protocol import TypedGenotypes
from tests.support.bundles import EVERY, PEOPLE, SITES, make_panel, write_panel
from worker.pipeline.effort import effort_notes, effort_taken

PERSONS = np.arange(40) // 2
CM = np.sort(np.random.default_rng(3).random(900)) * 3
FAST = Resampling(longest_cm=0.2)
ROWS = np.arange(0, SITES, EVERY).astype(np.int32)


def random_panel(rare: bool = False) -> NDArray[np.int8]:
    """(900, 40) alleles without any likeness between haplotypes; or half of the sites with few carriers."""
    rng = np.random.default_rng(8)
    frequency = np.where(rng.random(900) < 0.5, 0.05, 0.5) if rare else np.full(900, 0.5)
    return (rng.random((900, 40)) < frequency[:, None]).astype(np.int8)


def blocks(alleles: NDArray[np.int8], size: int) -> Iterator[Block]:
    for first in range(0, len(alleles), size):
        yield alleles[first : first + size], CM[first : first + size]


def made_of(
    alleles: NDArray[np.int8], o: Resampling, seed: int, size: int = 100
) -> tuple[NDArray[np.int8], list[list[int]]]:
    """Synthetic alleles, and for each site whom each synthetic haplotype copies."""
    parts, sources = [], []
    for part, copied in synthesise(blocks(alleles, size), PERSONS, o, seed):
        parts.append(part)
        sources += [copied.tolist()] * len(part)
    return np.concatenate(parts), sources


def longest_run(one: list[int], other: list[int]) -> float:
    """cM of the longest stretch in which two lists agree, site by site."""
    best, start = 0.0, None
    for v, (a, b) in enumerate(zip(one, other, strict=True)):
        start = (v if start is None else start) if a == b else None
        if start is not None:
            best = max(best, CM[v] - CM[start])
    return best


@pytest.mark.parametrize("o", [FAST, replace(FAST, windows=()), replace(FAST, generations=5.0, longest_cm=9.0)])
def test_every_allele_count_is_kept_and_every_haplotype_used_once(o: Resampling) -> None:
    alleles = random_panel(rare=True)
    made, sources = made_of(alleles, o, 1)
    assert made.sum(axis=1).tolist() == alleles.sum(axis=1).tolist()
    assert all(sorted(row) == list(range(40)) for row in sources)
    assert all((made[v] == alleles[v, row]).all() for v, row in enumerate(sources))
    assert (made != alleles).any()


@pytest.mark.parametrize("longest", [0.05, 0.2, 0.7])
@pytest.mark.parametrize("windows", [(), (0.1, 0.03)])
def test_no_stretch_of_one_person_is_longer_than_the_bound(longest: float, windows: tuple[float, ...]) -> None:
    o = Resampling(generations=20.0, longest_cm=longest, windows=windows)
    stretches = Stretches()
    sources = [row for part, row in synthesise(blocks(random_panel(), 64), PERSONS, o, 2, stretches) for _ in part]
    found = []
    for k in range(40):
        person, first = None, 0
        for v, row in enumerate(sources):
            if PERSONS[row[k]] != person:
                person, first = PERSONS[row[k]], v
            found.append(CM[v] - CM[first])
    assert 0.5 * longest < max(found) <= longest
    assert stretches.facts()["longest"] == pytest.approx(max(found), abs=1e-4)


def test_two_people_alone_take_turns_within_the_bound() -> None:
    persons = np.array([0, 0, 1, 1])
    o = Resampling(longest_cm=0.3)
    rows = [row for part, row in synthesise(blocks(random_panel()[:, :4], 50), persons, o, 1) for _ in part]
    stretches = Stretches()
    list(synthesise(blocks(random_panel()[:, :4], 50), persons, o, 1, stretches))
    assert stretches.facts()["longest"] <= 0.3
    assert {tuple(persons[row] == 0) for row in rows} > {(True, True, False, False)}


def test_the_alleles_themselves_hold_no_longer_stretch() -> None:
    alleles = random_panel()
    made, _ = made_of(alleles, FAST, 4)
    by_chance = 0.1  # cM: some thirty sites that agree at random
    columns = alleles.T.tolist()
    longest = [max(longest_run(one, other) for other in columns) for one in made.T[:6].tolist()]
    assert max(longest) <= FAST.longest_cm + by_chance
    assert min(longest_run(one, one) for one in columns[:6]) > 2.9


def test_a_seed_decides_everything_and_blocks_nothing() -> None:
    alleles = random_panel()
    first = made_of(alleles, FAST, 5, size=100)
    for size in (7, 900):
        again = made_of(alleles, FAST, 5, size)
        assert np.array_equal(first[0], again[0])
        assert first[1] == again[1]
    assert first[1] != made_of(alleles, FAST, 6)[1]


def test_crossovers_join_identical_haplotypes_where_there_are_some() -> None:
    founders = random_panel()[:, :2]
    alleles = founders[:, np.random.default_rng(2).permutation(40) % 2]
    kinds = {tuple(one) for one in founders.T.tolist()}
    whole = made_of(alleles, replace(FAST, generations=200.0, memory=1), 1)[0]
    assert {tuple(one) for one in whole.T.tolist()} == kinds
    mixed = made_of(alleles, replace(FAST, generations=200.0, windows=()), 1)[0]
    assert not {tuple(one) for one in mixed.T.tolist()} & kinds


def test_bins_hash_alike_what_is_alike() -> None:
    alleles = random_panel()
    alleles[:, 7] = alleles[:, 3]
    alleles[400, 7] ^= 1
    bins = list(bins_of(blocks(alleles, 33), 0.05, np.random.default_rng(1)))
    assert sum(len(b.alleles) for b in bins) == 900
    assert all(b.last - b.first <= 0.05 for b in bins)
    differing = [b.first <= CM[400] <= b.last for b in bins]
    assert [bool((b.after - b.before)[3] != (b.after - b.before)[7]) for b in bins] == differing


def test_one_person_cannot_be_mixed() -> None:
    with pytest.raises(TesseraError, match="two people"):
        next(synthesise(blocks(random_panel()[:, :2], 50), np.zeros(2, np.int64), FAST, 1))
    with pytest.raises(ValueError, match="positive"):
        Resampling(longest_cm=0.001)


def test_sites_with_few_carriers_are_left_out() -> None:
    alleles = np.zeros((6, 20), np.int8)
    for v, count in enumerate([1, 2, 3, 17, 18, 20]):
        alleles[v, :count] = 1
    assert Disguise(least_carriers=3).rows(alleles).tolist() == [2, 3]
    assert len(Disguise().rows(alleles)) == 6
    with pytest.raises(TesseraError, match="4 carriers"):
        Disguise(least_carriers=4).refuse_few(1)


def test_who_has_one_haplotype_counts_as_a_person() -> None:
    assert persons_of(6, 3).tolist() == [0, 0, 1, 1, 2, 2]
    assert persons_of(5, 3).tolist() == [0, 1, 2, 3, 4]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> HaplotypeBundle:
    folder = tmp_path_factory.mktemp("synthetic")
    write_panel(folder / "panel.bcf", make_panel())
    words = ["bundle", "train", "--panel", str(folder / "panel.bcf"), "--out", str(folder / "s"), "--build", "GRCh37"]
    done = CliRunner().invoke(app, [*words, "--synthetic", "--longest-cm", "0.25", "--no-ancestry"])
    assert done.exit_code == 0, done.output
    assert "mosaics" in done.output
    opened = open_bundle(folder / "s")
    assert isinstance(opened, HaplotypeBundle)
    return opened


def test_a_bundle_of_synthetic_haplotypes_says_so_and_imputes(bundle: HaplotypeBundle) -> None:
    manifest = bundle.manifest
    assert manifest.architecture["holds_panel_haplotypes"] is False
    assert "0.25 cM" in manifest.architecture["holds"]
    assert manifest.is_library
    assert effort_taken("thorough", manifest) == "thorough"
    assert effort_notes("thorough", manifest) == []
    assert manifest.training["synthetic"]["copied_cm"]["longest"] <= 0.25
    assert set(manifest.training) == {"arrays", "seed", "synthetic"}  # the seed is that of who is held out
    assert set(manifest.training["synthetic"]) == {*Resampling.__dataclass_fields__, "copied_cm"}
    panel = make_panel()
    truth = (panel.others[0::2] + panel.others[1::2]).T
    typed = TypedGenotypes(ROWS, truth[ROWS], np.full(truth.shape[1], 2, np.int8), phased=False)
    imputer = make_imputer(bundle, "20", device="cpu", threads=1)
    gp = np.concatenate([block.gp for block in imputer.impute(range(1), typed)])
    hidden = ~np.isin(np.arange(SITES), ROWS)
    dosage = (gp[..., 1] + 2 * gp[..., 2])[hidden]
    assert np.corrcoef(dosage.ravel(), truth[hidden].ravel())[0, 1] ** 2 > 0.6
    shown = CliRunner().invoke(app, ["bundle", "show", str(bundle.folder)])
    assert "Holds synthetic haplotypes" in shown.stdout
    assert "not tested" in shown.stdout


def test_a_bundle_keeps_few_of_the_haplotypes_that_one_person_has(bundle: HaplotypeBundle) -> None:
    held = haplotypes_in(bundle.folder)
    panel = [tuple(one) for one in make_panel().haplotypes.tolist()]
    assert np.array_equal(np.sum(held, axis=0), make_panel().haplotypes.sum(axis=0))
    own = {one for one in panel if panel.count(one) == 1}
    assert len(own) > 40
    assert len(own & set(held)) < 0.2 * len(own)


def haplotypes_in(folder: Path) -> list[tuple[int, ...]]:
    library = StoredLibrary(folder / "20" / "haplotypes.safetensors")
    return [tuple(one) for one in library.alleles(np.arange(len(library), dtype=np.int32)).T.tolist()]


def test_no_two_trainings_draw_the_same_crossovers(tmp_path: Path) -> None:
    write_panel(tmp_path / "panel.bcf", make_panel())
    held = []
    for seed, name in ((None, "a"), (None, "b"), (9, "c"), (9, "d")):
        disguise = Disguise(Resampling(), least_carriers=2, seed=seed)
        panel = (tmp_path / "panel.bcf",)
        o = GenomeOptions(panel, (), tmp_path / name, name, "GRCh37", ancestry=False, disguise=disguise)
        train_genome(o, lambda *_: None)
        held.append(haplotypes_in(tmp_path / name))
    assert held[0] != held[1]
    assert held[2] == held[3]


def test_networks_hold_no_haplotypes(tmp_path: Path) -> None:
    write_panel(tmp_path / "panel.bcf", make_panel())
    words = ["--panel", str(tmp_path / "panel.bcf"), "--out", str(tmp_path / "b"), "--build", "GRCh37"]
    done = CliRunner().invoke(app, ["bundle", "train", *words, "--architecture", "tile-dae", "--synthetic"])
    assert done.exit_code != 0
    assert not (tmp_path / "b").exists()
    assert len(make_panel().haplotypes) == 2 * PEOPLE
