import numpy as np
import pytest

from errors import Code, TesseraError
from genotypes import codes as gt
from genotypes.plink2 import PgenReader
from genotypes.read import VcfReader
from tests.support.filesets import needs_plink2, plink2
from tests.support.vcf import write_vcf

pytestmark = needs_plink2
CONTIGS = {"20": 63025520}


def genotypes(sites: int, samples: int, separator: str, alts: int = 1):
    rng = np.random.default_rng(5)
    drawn = rng.integers(0, alts + 1, (sites, samples, 2)).astype("U1")
    drawn[rng.random((sites, samples)) < 0.05] = "."
    return [[separator.join(pair) for pair in row] for row in drawn]


def fileset(tmp_path, rows, alt, *options, samples=7):
    count = len(rows)
    path = write_vcf(
        tmp_path / "x.vcf",
        "20",
        list(range(100, 100 + 10 * count, 10)),
        ["A"] * count,
        alt * count,
        rows,
        [f"s{number}" for number in range(samples)],
        contigs=CONTIGS,
    )
    plink2("--vcf", path, "--make-pgen", *options, "--out", tmp_path / "y")
    zst = (tmp_path / "y.pvar.zst").exists()
    return path, [tmp_path / name for name in ("y.pgen", "y.pvar.zst" if zst else "y.pvar", "y.psam")]


def table(reader):
    blocks = list(reader)
    codes = np.concatenate([block.codes for block in blocks])
    pos = np.concatenate([block.sites.pos for block in blocks])
    alleles = [pair for block in blocks for pair in zip(block.sites.ref, block.sites.alt, strict=True)]
    return pos.tolist(), alleles, codes, {block.phased for block in blocks}


@pytest.mark.parametrize("separator", ["/", "|"])
@pytest.mark.parametrize("options", [[], ["vzs"]], ids=["plain", "zstandard"])
def test_a_pgen_reads_as_the_vcf_it_was_made_from(tmp_path, separator, options):
    path, paths = fileset(tmp_path, genotypes(300, 7, separator), ["C"], *options)
    reader, source = PgenReader(*paths), VcfReader(path)
    expected, found = table(source), table(reader)
    assert reader.samples == source.samples
    assert reader.ref_known
    assert found[:2] == expected[:2]
    assert np.array_equal(found[2], expected[2])
    assert found[3] == ({True} if separator == "|" else {False})


def test_several_alleles_are_split_as_in_a_vcf(tmp_path):
    path, paths = fileset(tmp_path, genotypes(50, 7, "/", alts=3), ["C,G,T"])
    expected, found = table(VcfReader(path)), table(PgenReader(*paths))
    assert len(found[0]) == 150
    assert found[:2] == expected[:2]
    assert np.array_equal(found[2], expected[2])


def test_sex_and_build_are_told(tmp_path):
    _, paths = fileset(tmp_path, genotypes(5, 2, "/"), ["C"], samples=2)
    paths[1].write_text("##contig=<ID=20,length=63025520>\n" + paths[1].read_text())
    paths[2].write_text("#FID\tIID\tSEX\tAGE\nF\ts0\t2\t40\nF\ts1\tNA\t41\n")
    reader = PgenReader(*paths)
    assert reader.sex == {"s0": "female"}
    assert reader.header_build == "GRCh37"


def cut_pgen(paths):
    paths[0].write_bytes(paths[0].read_bytes()[:-60])


def cut_header(paths):
    paths[0].write_bytes(paths[0].read_bytes()[:8])


def lose_site(paths):
    paths[1].write_text("\n".join(paths[1].read_text().splitlines()[:-1]) + "\n")


def lose_sample(paths):
    paths[2].write_text("#IID\ns0\n")


def no_sites(paths):
    paths[1].write_text(paths[1].read_text().splitlines()[0] + "\n")


def bad_position(paths):
    paths[1].write_text(paths[1].read_text().replace("\t110\t", "\tx\t"))


def no_iid(paths):
    paths[2].write_text("#FID\tNAME\nF\ts0\n")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (cut_pgen, Code.corrupt_file),
        (cut_header, Code.truncated_file),
        (lose_site, Code.parts_disagree),
        (lose_sample, Code.parts_disagree),
        (no_sites, Code.header_only),
        (bad_position, Code.malformed_record),
        (no_iid, Code.malformed_record),
    ],
)
def test_refusals(tmp_path, change, code):
    _, paths = fileset(tmp_path, genotypes(300, 7, "/"), ["C"])
    change(paths)
    with pytest.raises(TesseraError) as caught:
        list(PgenReader(*paths))
    assert caught.value.code is code


def test_missing_calls_are_missing(tmp_path):
    _, paths = fileset(tmp_path, [["./.", "0/1", "./1"]], ["C"], "--vcf-half-call", "missing", samples=3)
    assert table(PgenReader(*paths))[2].tolist() == [[gt.MISSING, gt.HET, gt.MISSING]]
