import gzip

import numpy as np
import pytest

from errors import Code, TesseraError
from genotypes.maps import GeneticMap

TEXT = "pos\tchr\tcM\n1000000\t20\t1.0\n2000000\t20\t3.0\n4000000\t20\t3.5\n"


def test_linear_inside_one_cm_a_megabase_outside(tmp_path):
    (tmp_path / "m.txt").write_text(TEXT)
    found = GeneticMap.read(tmp_path / "m.txt").cm(np.array([0, 1_000_000, 1_500_000, 3_000_000, 5_000_000]))
    assert found.tolist() == pytest.approx([0.0, 1.0, 2.0, 3.25, 4.5])
    assert found.dtype == np.float64


def test_gzip_and_plink_read_the_same(tmp_path):
    (tmp_path / "m.gmap.gz").write_bytes(gzip.compress(TEXT.encode()))
    (tmp_path / "m.map").write_text("20 a 1.0 1000000\n20 b 3.0 2000000\n20 c 3.5 4000000\n")
    at = np.arange(0, 6_000_000, 250_000)
    one, two = GeneticMap.read(tmp_path / "m.gmap.gz"), GeneticMap.read(tmp_path / "m.map")
    assert one.cm(at).tolist() == two.cm(at).tolist()


def test_several_chromosomes_need_a_name(tmp_path):
    (tmp_path / "m.map").write_text("chr1 a 0 100\nchr2 b 5 100\n")
    with pytest.raises(TesseraError, match="several"):
        GeneticMap.read(tmp_path / "m.map")
    assert GeneticMap.read(tmp_path / "m.map", "2").cm(np.array([100])).tolist() == [5.0]


@pytest.mark.parametrize(
    "text", ["", "chrom position\n1 2\n", "pos chr cM\n1 20 x\n", "pos chr cM\n1 20 2\n2 20 1\n", "pos chr cM\n"]
)
def test_anything_else_is_refused(tmp_path, text):
    (tmp_path / "m.txt").write_text(text)
    with pytest.raises(TesseraError) as caught:
        GeneticMap.read(tmp_path / "m.txt")
    assert caught.value.code is Code.setup_invalid


def test_uniform():
    assert GeneticMap.uniform(2.0).cm(np.array([0, 500_000])).tolist() == [0.0, 1.0]
