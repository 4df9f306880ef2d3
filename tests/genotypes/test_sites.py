from dataclasses import replace

import numpy as np
import pysam
import pytest

from errors import Code, TesseraError
from genotypes.sites import SiteTable, read_sites_bcf, strings, write_sites_bcf
from tests.support.bcftools import bcftools, needs_bcftools


def table(n: int = 4, chrom: str = "20", extras: bool = True) -> SiteTable:
    pos = np.arange(1, n + 1, dtype=np.int32) * 100
    return SiteTable(
        chrom,
        pos,
        strings(["A", "C", "ACGT", "G"][:n]),
        strings(["G", "T", "A", "GTTT"][:n]),
        strings(["rs1", ".", "rs3;rs4", "."][:n]),
        np.linspace(0.1, 0.9, n).astype(np.float32) if extras else None,
        np.arange(n, dtype=np.int32) // 2 if extras else None,
    )


def same(one: SiteTable, two: SiteTable) -> None:
    assert one.chrom == two.chrom
    for name in ("pos", "ref", "alt", "id", "af", "tile"):
        left, right = getattr(one, name), getattr(two, name)
        assert (left is None) == (right is None)
        if left is not None:
            assert left.dtype == right.dtype
            assert left.tolist() == right.tolist()


@pytest.mark.parametrize("extras", [True, False])
@pytest.mark.parametrize("n", [0, 1, 4])
def test_npz_keeps_everything(tmp_path, n, extras):
    table(n, extras=extras).save(tmp_path / "x.npz")
    same(SiteTable.load(tmp_path / "x.npz"), table(n, extras=extras))


def test_npz_holds_no_pickles(tmp_path):
    table().save(tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz", allow_pickle=False) as data:
        assert all(data[name].dtype != object for name in data)


def test_take_and_slice_agree():
    same(table().take(np.array([1, 2])), table().slice(1, 3))
    same(table().take(np.array([False, True, True, False])), table().slice(1, 3))


def test_concatenate_keeps_order_and_drops_half_known_columns():
    both = SiteTable.concatenate([table().slice(2, 4), table(extras=False).slice(0, 2)])
    assert both.pos.tolist() == [300, 400, 100, 200]
    assert both.af is None
    assert len(SiteTable.concatenate([], "7")) == 0
    assert SiteTable.concatenate([], "7").chrom == "7"


def test_bcf_keeps_everything(tmp_path):
    path = tmp_path / "sites.bcf"
    write_sites_bcf(path, [table(), table(chrom="21", n=2)], {"20": 63025520, "21": None}, "GRCh37")
    found = read_sites_bcf(path)
    assert list(found) == ["20", "21"]
    same(found["20"], table())
    same(found["21"], table(chrom="21", n=2))
    assert (tmp_path / "sites.bcf.csi").exists()


def test_bcf_without_frequencies(tmp_path):
    path = tmp_path / "sites.bcf"
    write_sites_bcf(path, [table(extras=False)], {"20": None})
    same(read_sites_bcf(path)["20"], table(extras=False))


@needs_bcftools
def test_bcftools_reads_the_bcf(tmp_path):
    path = tmp_path / "sites.bcf"
    write_sites_bcf(path, [table()], {"20": 63025520}, "GRCh37")
    text = bcftools("query", "-r", "20:200-300", "-f", "%CHROM %POS %ID %REF %ALT %AF %TILE\n", path)
    # -r also finds records that reach into the region; none does here.
    assert text.splitlines() == ["20 200 . C T 0.366667 0", "20 300 rs3;rs4 ACGT A 0.633333 1"]
    assert "##contig=<ID=20,length=63025520,assembly=GRCh37>" in bcftools("view", "-h", path)


def test_bcf_with_long_names_and_alleles(tmp_path):
    """Lengths and numbers of every width that the format has, as htslib reads them."""
    n = 300
    ref = strings("A" + "C" * (n - row) for row in range(n))
    alt = strings(",".join(["G" * (1 + row // 2), "T", "TT"][: 1 + row % 3]) for row in range(n))
    ids = strings("i" * row or "." for row in range(n))
    tiles = np.where(np.arange(n) < 150, np.arange(n) % 127, 70_000 - 300 * np.arange(n)).astype(np.int32)
    long = SiteTable("20", np.arange(1, n + 1, dtype=np.int32) * 9_001, ref, alt, ids, None, tiles)
    path = tmp_path / "sites.bcf"
    write_sites_bcf(path, [long], {"20": None})
    same(read_sites_bcf(path)["20"], long)
    with pysam.VariantFile(str(path)) as file:
        records = list(file)
    assert [record.info["TILE"] for record in records] == tiles.tolist()
    assert [record.id or "." for record in records] == ids.tolist()


def test_bcf_that_is_cut_off_is_corrupt(tmp_path):
    path = tmp_path / "sites.bcf"
    write_sites_bcf(path, [table()], {"20": 63025520}, "GRCh37")
    with pysam.BGZFile(str(path), "rb") as file:
        whole = file.read()
    with pysam.BGZFile(str(path), "wb") as file:
        file.write(whole[:-3])
    with pytest.raises(TesseraError) as caught:
        read_sites_bcf(path)
    assert caught.value.code is Code.corrupt_file


@pytest.mark.parametrize("place", [32, 33, 35])
@pytest.mark.parametrize("value", [0xE7, 0xF7])
def test_bcf_whose_values_reach_beyond_their_record_is_corrupt(tmp_path, place, value):
    """Announcements of ID, REF and ALT that promise more bytes than the record has."""
    path = tmp_path / "sites.bcf"
    write_sites_bcf(path, [replace(table(extras=False), id=strings(["."] * 4))], {"20": 63025520}, "GRCh37")
    with pysam.BGZFile(str(path), "rb") as file:
        whole = bytearray(file.read())
    first = 9 + int.from_bytes(whole[5:9], "little")
    assert whole[first + 33] == 0x17  # REF, one letter
    whole[first + place] = value
    with pysam.BGZFile(str(path), "wb") as file:
        file.write(bytes(whole))
    with pytest.raises(TesseraError) as caught:
        read_sites_bcf(path)
    assert caught.value.code is Code.corrupt_file


def test_rubbish_is_corrupt(tmp_path):
    (tmp_path / "x.bcf").write_bytes(b"not a bcf at all")
    with pytest.raises(TesseraError) as caught:
        read_sites_bcf(tmp_path / "x.bcf")
    assert caught.value.code is Code.corrupt_file
