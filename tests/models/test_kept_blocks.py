"""Blocks of libraries that stay in memory for a while."""

from pathlib import Path

import numpy as np
import pytest

from genotypes.bits import highest, lowest
from genotypes.kernels import genotype_kernel
from models.haplotypes import stored
from models.haplotypes.library import Library
from models.haplotypes.stored import StoredLibrary


@genotype_kernel
def _ends(word):
    return lowest(word), highest(word)


def test_places_of_bits() -> None:
    for low, high in ((0, 63), (0, 0), (63, 63), (17, 40)):
        word = np.uint64((1 << low) | (1 << high))
        assert _ends(word) == (low, 63 - high)


@pytest.fixture
def library(tmp_path: Path) -> StoredLibrary:
    alleles = np.random.default_rng(2).integers(0, 2, (300, 70)).astype(np.int8)
    Library.of(alleles, np.arange(300.0)).write(tmp_path / "x", [])
    return StoredLibrary(tmp_path / "x")


def test_a_block_is_read_once_and_is_not_another_library_s(library: StoredLibrary) -> None:
    first = library.block(0)
    assert library.block(0) is first
    again = StoredLibrary(library.path)
    assert again.block(0) is not first
    assert np.array_equal(again.block(0).carriers, first.carriers)


def test_the_oldest_go_when_there_are_too_many(library: StoredLibrary) -> None:
    block = library.block(0)
    kept = stored._Kept(3 * block.nbytes)
    keys = [(library, number) for number in range(4)]
    for key in keys[:3]:
        kept.put(key, block)
    assert kept.get(keys[0]) is block
    kept.put(keys[3], block)
    assert [kept.get(key) is not None for key in keys] == [True, False, True, True]
    kept.put(keys[3], block)
    assert kept.get(keys[0]) is block
