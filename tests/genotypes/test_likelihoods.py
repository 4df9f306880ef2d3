"""PL, GL and AD of text and BCF as observation numbers."""

from pathlib import Path

import numpy as np
import pysam
import pytest

from errors import Code, TesseraError
from genotypes import likelihoods as gl
from genotypes.read import VcfReader

HEAD = """##fileformat=VCFv4.3
##contig=<ID=1,length=1000>
##FORMAT=<ID=GT,Number=1,Type=String,Description="g">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="p">
##FORMAT=<ID=GL,Number=G,Type=Float,Description="l">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="a">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="d">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\ts2\ts3
"""


def both(tmp_path: Path, *lines: str) -> list[np.ndarray]:
    """What the text and what its BCF say: (V, S, 3) PL of the likelihoods."""
    text, bcf = tmp_path / "x.vcf", tmp_path / "x.bcf"
    text.write_text(HEAD + "".join("\t".join(line.split()) + "\n" for line in lines))
    with pysam.VariantFile(str(text)) as source, pysam.VariantFile(str(bcf), "wb", header=source.header) as out:
        for record in source:
            out.write(record)
    found = []
    for path in (text, bcf):
        (block,) = VcfReader(path, likelihoods=True)
        numbers = block.likelihoods
        assert numbers is not None
        pl = np.where((numbers > 0)[..., None], gl.triples()[np.maximum(numbers, gl.FIRST) - gl.FIRST], -1)
        found.append(pl)
    np.testing.assert_array_equal(found[0], found[1])
    return found[0].tolist()


def test_pl_counts_from_its_smallest_and_is_rounded_to_levels(tmp_path):
    got = both(tmp_path, "1 5 . A C . . . GT:DP:PL 0/0:4:3,0,33 0/1:.:. 1/1:9:255,24,0")
    assert got == [[[3, 0, 35], [-1] * 3, [60, 24, 0]]]


def test_gl_is_turned_into_pl(tmp_path):
    got = both(tmp_path, "1 5 . A C . . . GT:GL 0/0:-0.1,-0.4,-2.1 0/1:. 1/1:-9,-1,-0")
    assert got == [[[0, 3, 20], [-1] * 3, [60, 10, 0]]]


def test_depths_become_the_likelihoods_of_reads(tmp_path):
    got = both(tmp_path, "1 5 . A C . . . GT:AD ./.:1,0 ./.:2,2 ./.:0,0")
    # One read: half as likely of a heterozygote; four reads of both kinds: two errors against (1/2)^4.
    assert got == [[[0, 3, 30], [50, 0, 50], [-1] * 3]]


def test_pl_goes_before_gl_and_ad(tmp_path):
    got = both(tmp_path, "1 5 . A C . . . GT:AD:GL:PL 0/0:0,9:-9,-9,0:0,3,6 . .:.:.:.")
    assert got[0][0] == [0, 3, 6]


def test_other_alleles_of_a_multiallelic_record_count_as_ref(tmp_path):
    # Order of the genotypes: 00 01 11 02 12 22.
    got = both(tmp_path, "1 5 . A C,G . . . GT:PL 0/0:0,10,20,30,40,50 1/2:50,40,30,20,0,10 .:.")
    assert got == [[[0, 10, 20], [10, 0, 30], [-1] * 3], [[0, 30, 50], [30, 0, 10], [-1] * 3]]


def test_a_file_without_gt_is_read_by_its_likelihoods(tmp_path):
    path = tmp_path / "x.vcf"
    path.write_text(HEAD + "1\t5\t.\tA\tC\t.\t.\t.\tPL\t0,9,9\t.\t9,0,9\n")
    (block,) = VcfReader(path, likelihoods=True)
    assert block.codes.tolist() == [[-1, -1, -1]]
    assert (gl.observe(block.codes, block.likelihoods) > 0).tolist() == [[True, False, True]]
    with pytest.raises(TesseraError) as caught:
        list(VcfReader(path))
    assert caught.value.code is Code.no_gt


def test_a_likelihood_that_is_no_number_is_named_by_line(tmp_path):
    path = tmp_path / "x.vcf"
    path.write_text(HEAD + "1\t5\t.\tA\tC\t.\t.\t.\tGT:PL\t0/0:0,x,9\t.\t.\n")
    with pytest.raises(TesseraError) as caught:
        list(VcfReader(path, likelihoods=True))
    assert caught.value.details["line"] == 9


def test_numbers_and_triples_are_each_others_inverse():
    triples = gl.triples()
    numbers = gl.encode(triples)
    kept = triples[(triples > 0).any(axis=1)]
    np.testing.assert_array_equal(triples[numbers[numbers > 0].astype(int) - gl.FIRST], kept)
    assert len(triples) + gl.FIRST < 1 << 15  # the table is doubled, and a cell has 16 bits


def test_swapping_twice_is_nothing_and_once_turns_the_triple():
    numbers = np.arange(gl.FIRST + len(gl.triples()), dtype=np.uint16)
    numbers = numbers[
        (numbers < gl.FIRST) | (gl.encode(gl.triples())[np.maximum(numbers, gl.FIRST) - gl.FIRST] == numbers)
    ]
    turned = gl.swap_alleles(numbers)
    np.testing.assert_array_equal(gl.swap_alleles(turned), numbers)
    one = gl.encode(np.array([0, 12, 40]))
    assert gl.triples()[int(gl.swap_alleles(one)) - gl.FIRST].tolist() == [40, 12, 0]
    assert gl.swap_alleles(np.array([0, 1, 2, 3], np.uint16)).tolist() == [0, 3, 2, 1]
