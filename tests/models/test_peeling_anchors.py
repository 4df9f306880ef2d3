"""Where a founder's haplotypes are named: at a locus whose name reaches the others."""

import numpy as np
import pytest

from models.peeling.engine import Peeling
from models.peeling.options import Options
from models.peeling.pedigree import Pedigree
from models.peeling.penetrance import Penetrance, from_calls
from tests.support.pedigrees import pedigree_of

LOCI, MIDDLE = 21, 10
FAMILY = [(None, None), (None, None), (0, 1), (0, 1), (0, 1), (0, 1)]
FROM_SIRE = [0, 0, 1, 1]
PLACES = np.linspace(0, 10, LOCI)  # cM


def family(ambiguous: range) -> tuple[Pedigree, Penetrance]:
    """A typed sire, heterozygous everywhere, an untyped dam, four children of whom two have each haplotype of both.

    At the `ambiguous` loci the dam's haplotypes are the sire's exchanged, so that all children are heterozygous.
    """
    sire = np.stack([np.zeros(LOCI, int), np.ones(LOCI, int)])
    sire[:, ::3] = sire[::-1, ::3]
    dam = np.zeros((2, LOCI), int)
    dam[:, ambiguous] = 1 - sire[:, ambiguous]
    codes = np.full((LOCI, len(FAMILY)), -1, np.int8)
    codes[:, 0] = 1
    for child, which in enumerate(FROM_SIRE, 2):
        codes[:, child] = sire[which] + dam[which]
    return pedigree_of(FAMILY), from_calls(codes)


@pytest.mark.parametrize("ambiguous", [range(0), range(MIDDLE, MIDDLE + 1), range(MIDDLE - 3, MIDDLE + 4)])
def test_a_sire_is_named_where_his_children_tell_his_haplotypes(ambiguous: range) -> None:
    pedigree, data = family(ambiguous)
    peeling = Peeling(pedigree, data, PLACES, Options(cycles=10))
    peeling.run()
    seg = peeling.flanking()[:, :4].reshape(LOCI, 4, 2, 2)
    paternal = seg.sum(axis=3)[..., 0]  # (L, C) probability of the sire's paternal haplotype
    assert np.all(np.abs(paternal - 0.5) > 0.45)
    assert (paternal[0, 0] > 0.5) != (paternal[0, 2] > 0.5)
    assert np.array_equal(paternal > 0.5, np.broadcast_to(paternal[0, [0, 0, 2, 2]] > 0.5, paternal.shape))


def test_of_loci_that_tell_alike_the_middle_one_is_taken() -> None:
    pedigree, data = family(range(MIDDLE, MIDDLE + 1))
    peeling = Peeling(pedigree, data, PLACES, Options(cycles=1))
    (cell,) = peeling._anchors.cells.tolist()
    assert cell == [MIDDLE - 1, 0]


def test_nobody_who_tells_leaves_the_locus_in_the_middle() -> None:
    codes = np.full((LOCI, 3), -1, np.int8)
    codes[:, 0] = 1
    codes[MIDDLE + 2, 0] = -1
    peeling = Peeling(pedigree_of([(None, None), (None, None), (0, 1)]), from_calls(codes), PLACES, Options(cycles=1))
    assert peeling._anchors.cells.tolist() == [[MIDDLE, 0]]
