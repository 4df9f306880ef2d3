"""Progress of a chunk: people done within a tile, sites written, cancellation from either thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from models.protocol import ImputedBlock, SitesDone, TypedGenotypes, unheard
from tests.support.cohort import BUNDLE, cohort, write
from tests.support.fake_engine import FakeImputer
from worker.pipeline.harmonise import harmonise
from worker.pipeline.impute import impute_chunk
from worker.pipeline.ingest import ingest
from worker.pipeline.pace import Pace
from worker.pipeline.plan import plan


def test_a_silent_engine_is_as_far_as_its_blocks() -> None:
    told: list[float] = []
    pace = Pace(200, 0.8, told.append)
    pace.written(50)
    pace.written(200)
    assert told == [0.25, 1.0]


def test_people_done_and_sites_written_add_up_and_never_fall() -> None:
    told: list[float] = []
    pace = Pace(100, 0.8, told.append)
    pace.imputed(25)
    pace.imputed(50)
    pace.written(50)
    pace.imputed(10)
    pace.imputed(100)
    pace.written(100)
    assert told == pytest.approx([0.2, 0.4, 0.5, 0.5, 0.9, 1.0])


@dataclass
class Slow(FakeImputer):
    """Tells how far it is before the first block of every tile, as the copying engine does."""

    before_blocks: float = 0.5
    finds_phase: bool = False

    def impute(self, tiles: range, typed: TypedGenotypes, heard: SitesDone = unheard) -> Iterator[ImputedBlock]:
        begin = self.tiles[tiles.start].first
        for index in tiles:
            tile = self.tiles[index]
            for share in (0.25, 0.5, 0.75, 1.0):
                heard(tile.first - begin + share * (tile.end - tile.first))
            yield from super().impute(range(index, index + 1), typed)


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """X of the cohort, whose tiles meet three regions, and chromosome 1, harmonised."""
    folder = tmp_path_factory.mktemp("pace")
    codes = cohort()
    path = write(folder / "up.vcf", {"1": codes["1"], "X": codes["X"]})
    ingest([path], folder / "in")
    harmonise(folder / "in", BUNDLE, folder / "harmonised")
    return folder / "harmonised"


@pytest.mark.parametrize("chromosome", ["1", "X"])
def test_a_chunk_moves_within_its_tiles(joined: Path, tmp_path: Path, chromosome: str) -> None:
    (spec,) = [one for one in plan(joined, BUNDLE, 100, 10_000) if one.chromosome == chromosome]
    table, tiles = BUNDLE.sites(chromosome), BUNDLE.tiles(chromosome)
    told: list[float] = []
    impute_chunk(joined, Slow(table, tiles), spec, tmp_path / "out", progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    # Half of the time of the first tile has gone by when its people are done; steps are a quarter of that or less.
    assert told[0] <= 0.5 * tiles[0].end / len(table) / 4 + 1e-9
    assert max(np.diff(told)) < 0.6 / len(tiles)


def test_a_listener_stops_a_chunk_before_its_first_block(joined: Path, tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def stop(fraction: float) -> None:
        if fraction > 0.1:
            raise Enough

    (spec,) = [one for one in plan(joined, BUNDLE, 100, 10_000) if one.chromosome == "1"]
    with pytest.raises(Enough):
        impute_chunk(joined, Slow(BUNDLE.sites("1"), BUNDLE.tiles("1")), spec, tmp_path / "out", progress=stop)
