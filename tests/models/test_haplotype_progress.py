"""How far the copying engine is within a tile, and that it stops when it is told to."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import models.haplotypes.crew as crew
from models.bundles import make_imputer, open_bundle
from models.haplotypes.crew import DONE, STOP, work_in_parts
from models.haplotypes.person import impute_people
from models.protocol import Imputer, TypedGenotypes
from tests.support.bundles import EVERY, SITES, make_panel, tiny_library

ROWS = np.arange(0, SITES, EVERY).astype(np.int32)


class Enough(Exception):
    """What a listener raises."""


@pytest.fixture(scope="module")
def imputer(tmp_path_factory: pytest.TempPathFactory) -> Imputer:
    folder: Path = tiny_library(tmp_path_factory.mktemp("library"), tiles=2)
    return make_imputer(open_bundle(folder), "20", device="cpu", threads=2)


def people(times: int) -> TypedGenotypes:
    """The twenty people outside the panel, so many times over."""
    panel = make_panel()
    codes = np.tile((panel.others[0::2] + panel.others[1::2]).T[ROWS], (1, times))
    return TypedGenotypes(ROWS, codes, np.full(codes.shape[1], 2, np.int8), False)


def test_people_done_are_heard_within_a_tile(imputer: Imputer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "BEAT_SECONDS", 0.001)
    heard: list[float] = []
    list(imputer.impute(range(2), people(60), heard.append))
    border = imputer.tiles[1].first
    assert heard == sorted(heard)
    assert heard[-1] == SITES
    assert len({sites for sites in heard if 0 < sites < border}) > 3
    assert len({sites for sites in heard if border < sites < SITES}) > 3


def test_second_tile_alone_begins_at_nothing(imputer: Imputer) -> None:
    heard: list[float] = []
    list(imputer.impute(range(1, 2), people(1), heard.append))
    assert max(heard) == imputer.tiles[1].end - imputer.tiles[1].first


def test_what_a_listener_raises_stops_the_tile(imputer: Imputer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "BEAT_SECONDS", 0.001)
    heard: list[float] = []

    def stop(sites: float) -> None:
        heard.append(sites)
        raise Enough

    with pytest.raises(Enough):
        list(imputer.impute(range(2), people(60), stop))
    assert len(heard) == 1
    assert heard[0] < imputer.tiles[0].end


def test_kernel_leaves_people_out_when_told_to(imputer: Imputer, monkeypatch: pytest.MonkeyPatch) -> None:
    import models.haplotypes.engine as engine

    seen: list[tuple[int, int]] = []

    def stopped(*given: object) -> None:
        ticks = given[-1]
        assert isinstance(ticks, np.ndarray)
        ticks[STOP] = 1
        impute_people(*given)
        left_out = int(ticks[DONE])
        ticks[STOP] = 0
        impute_people(*given)
        seen.append((left_out, int(ticks[DONE])))

    monkeypatch.setattr(engine, "impute_people", stopped)
    list(imputer.impute(range(1), people(1)))
    assert {before for before, _ in seen} == {0}
    assert sum(after for _, after in seen) == 20


def test_parts_in_work_see_the_stop_and_waiting_ones_never_begin() -> None:
    begun: list[int] = []
    ended: list[int] = []

    def work(number: int, ticks: NDArray[np.int64]) -> None:
        begun.append(number)
        while not ticks[STOP]:
            time.sleep(0.001)
        ended.append(number)

    def stop(_done: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        work_in_parts(2, 50, work, stop)
    assert sorted(begun) == [0, 1]
    assert sorted(ended) == [0, 1]


def test_what_a_part_raises_stops_the_others() -> None:
    def work(number: int, ticks: NDArray[np.int64]) -> None:
        if number == 1:
            raise OSError("no room")
        while not ticks[STOP]:
            time.sleep(0.001)

    with pytest.raises(OSError, match="no room"):
        work_in_parts(2, 2, work, lambda _done: None)
