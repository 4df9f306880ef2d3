import pytest

from errors import Code, TesseraError
from genotypes.panel import read_panel
from tests.support.vcf import write_vcf


def write(path, gts, **more):
    n = len(gts)
    samples = [f"s{k}" for k in range(len(gts[0]))]
    facts = {"chrom": "20", "pos": range(10, 10 + n), "ref": ["A"] * n, "alt": ["C"] * n} | more
    return write_vcf(path, gts=gts, samples=samples, contigs={"20": 99, "21": 99}, **facts)


@pytest.mark.parametrize("name", ["x.vcf.gz", "x.bcf"])
def test_haplotypes_lie_side_by_side(tmp_path, name):
    panel = read_panel(write(tmp_path / name, [["0|1", "1|1"], ["0|0", "1|0"]]))
    assert panel.haplotypes.tolist() == [[0, 1, 1, 1], [0, 0, 1, 0]]
    assert panel.haplotypes.flags.c_contiguous
    assert panel.sites.af.tolist() == [0.75, 0.25]
    assert panel.samples == ["s0", "s1"]
    assert panel.sites.chrom == "20"


def test_haploid_samples_have_one_column(tmp_path):
    panel = read_panel(write(tmp_path / "x.vcf", [["0|1", "1"], ["0|0", "0"]]))
    assert panel.haplotypes.tolist() == [[0, 1, 1], [0, 0, 0]]


def test_several_alts_are_split_and_sites_sorted(tmp_path):
    panel = read_panel(write(tmp_path / "x.vcf", [["1|2"], ["0|1"]], pos=[30, 20], alt=["C,G", "T"]))
    assert panel.sites.pos.tolist() == [20, 30, 30]
    assert panel.haplotypes.tolist() == [[0, 1], [1, 0], [0, 1]]


def test_one_chromosome_of_several(tmp_path):
    path = write(tmp_path / "x.vcf", [["0|1"], ["1|1"]], chrom=["20", "21"])
    assert read_panel(path, "21").haplotypes.tolist() == [[1, 1]]
    with pytest.raises(TesseraError, match="20 and 21"):
        read_panel(path)
    with pytest.raises(TesseraError) as caught:
        read_panel(path, "7")
    assert caught.value.code is Code.header_only


@pytest.mark.parametrize("cells", [["0/1", "0|0"], [".|.", "0|0"], ["0", "0|0"]])
def test_what_a_panel_may_not_hold(tmp_path, cells):
    path = write(tmp_path / "x.vcf", [["0|1", "1|1"], cells])
    with pytest.raises(TesseraError, match="20:11") as caught:
        read_panel(path)
    assert caught.value.code is Code.malformed_record


def test_a_male_of_x_has_his_first_haplotype_throughout(tmp_path):
    path = write_vcf(tmp_path / "x.vcf", "X", [10, 20, 30], ["A"] * 3, ["C"] * 3,
                     [["0|1", "1|0"], ["1", "1|1"], ["1|0", "0|1"]], ["male", "female"])  # fmt: skip
    assert read_panel(path).haplotypes.tolist() == [[0, 1, 0], [1, 1, 1], [1, 0, 1]]
    path = write_vcf(tmp_path / "y.vcf", "X", [10, 20], ["A"] * 2, ["C"] * 2, [["0|1"], ["."]], ["male"])
    with pytest.raises(TesseraError, match="X:20"):
        read_panel(path)
