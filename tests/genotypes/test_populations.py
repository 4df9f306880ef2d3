"""Frequencies by population: what is written is read, and what a mixture of them is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from errors import Code, TesseraError
from genotypes.populations import Populations


def held(people: list[int], sites: int = 40) -> Populations:
    rng = np.random.default_rng(3)
    size = np.array(people, np.int64)
    counts = rng.binomial(2 * size, rng.uniform(0, 0.6, (sites, 1)), (sites, len(people)))
    return Populations(["GBR", "FIN", "YRI", "others"], ["EUR", "EUR", "AFR", ""], size, {"20": counts})


@pytest.mark.parametrize("people", [[30, 90, 40, 20], [30, 9000, 40, 20]], ids=["bytes", "words"])
def test_what_is_saved_is_read(people: list[int], tmp_path: Path) -> None:
    one = held(people)
    one.save(tmp_path / "p.safetensors")
    again = Populations.load(tmp_path / "p.safetensors")
    assert (again.names, again.within) == (one.names, one.within)
    assert np.array_equal(again.people, one.people)
    assert np.array_equal(again.counts["20"], one.counts["20"])


def test_a_broken_file_is_an_invalid_bundle(tmp_path: Path) -> None:
    held([30, 90, 40, 20]).save(tmp_path / "p.safetensors")
    whole = (tmp_path / "p.safetensors").read_bytes()
    for bad in (b"no", whole[:-5], whole[:-20] + bytes(20)):
        (tmp_path / "p.safetensors").write_bytes(bad)
        with pytest.raises(TesseraError) as caught:
            Populations.load(tmp_path / "p.safetensors").counts["20"].sum()
        assert caught.value.code is Code.bundle_invalid


def test_a_larger_population_has_the_frequency_of_its_people_together() -> None:
    one = held([30, 90, 40, 20])
    counts = one.counts["20"]
    assert one.frequency("20", one.shares("FIN")) == pytest.approx(counts[:, 1] / 180)
    assert one.frequency("20", one.shares("EUR")) == pytest.approx((counts[:, 0] + counts[:, 1]) / 240)
    assert one.alleles(one.shares("FIN")) == 180
    assert one.alleles(one.shares("EUR")) == 240
    half = np.array([0.5, 0, 0.5, 0])
    assert one.frequency("20", half) == pytest.approx((counts[:, 0] / 60 + counts[:, 2] / 80) / 2)
    assert 60 < one.alleles(half) < 140
    assert one.tops == ["EUR", "EUR", "AFR", "others"]


def test_a_population_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(TesseraError) as caught:
        held([30, 90, 40, 20]).shares("MXL")
    assert caught.value.code is Code.population_unknown
    for name in ("EUR", "AFR", "GBR", "FIN", "YRI", "others", "auto", "all"):
        assert name in caught.value.message
