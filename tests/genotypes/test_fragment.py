import gzip
from itertools import pairwise

import numpy as np
import pysam
import pytest

from genotypes import codes as gt
from genotypes import fragment as fragment_module
from genotypes.bgzf import concatenate
from genotypes.cell_sums import sum_cells
from genotypes.cells import Layout, quantise, quantise_haplotypes, tables
from genotypes.celltext import cell_text
from genotypes.fragment import FragmentWriter, write_header
from genotypes.header import contig_numbers, imputed_header
from genotypes.index import index_vcf
from genotypes.quality import SiteQuality, SiteSums
from genotypes.read import VcfReader
from genotypes.sites import SiteTable, strings
from tests.support.bcftools import bcftools, needs_bcftools, records

CONTIGS = {"19": 59128983, "20": 63025520}
V = 12


def cell_sums(layout: Layout, items: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    held = tables(layout.phased)
    powers = np.array([1e3, 1e6, 1e3, 1e3, 1e9, 1e6, 1e3])[:, None]
    return sum_cells(items, held.thousandths, held.square, layout.ploidy) / powers


def sites(v: int = V, first: int = 100) -> SiteTable:
    ref, alt = ["A", "ACG", "T"] * v, ["C", "A", "G" * 200] * v
    ids = ["rs1", ".", "a-rather-long-name-of-a-site"] * v
    pos = np.arange(first, first + 10 * v, 10, dtype=np.int32)
    return SiteTable("20", pos, strings(ref[:v]), strings(alt[:v]), strings(ids[:v]))


def build(folder, ploidy, phased, fmt, typed_only=True, blocks=2):
    """A whole file of several pieces; returns its path and the items expected in it."""
    rng = np.random.default_rng(5)
    layout = Layout(np.array(ploidy, np.int8), phased)
    samples = [f"sample{k}" for k in range(len(ploidy))]
    header = imputed_header(
        samples, CONTIGS, build="GRCh37", bundle_id="b 1", bundle_sha="abc", software="tessera 0.1",
        command="impute\nx", phased=phased,
    )  # fmt: skip
    suffix = "vcf.gz" if fmt == "vcf" else "bcf"
    pieces = [folder / "head"]
    write_header(pieces[0], header, fmt)
    expected, tables_ = [], []
    for number in range(blocks):
        if phased:
            hds = rng.uniform(0, 1, (V, len(ploidy), 2)).astype(np.float32)
            hds[:, layout.haploid, 1] = 0
            cells = quantise_haplotypes(hds)
        else:
            gp = rng.dirichlet([0.3] * 3, (V, len(ploidy))).astype(np.float32)
            gp[:, layout.haploid] = np.stack([1 - gp[..., 2], 0 * gp[..., 1], gp[..., 2]], -1)[:, layout.haploid]
            cells = quantise(gp)
        rows = np.array([1, 5, 6], np.int32)
        diploid = rng.choice([-1, 0, 2, 3, 4] if phased else [-1, 0, 1, 2, 3], (3, len(ploidy)))
        observed = np.where(layout.haploid, rng.choice([-1, 5, 6], (3, len(ploidy))), diploid).astype(np.int8)
        items = layout.items(cells)
        items[rows] = layout.items(cells[rows], observed)
        quality = SiteSums.of(cell_sums(layout, items), layout.ploidy).quality()
        here = sites(first=1000 * (number + 1))
        pieces.append(folder / f"piece{number}")
        with FragmentWriter(pieces[-1], layout, fmt, contig=contig_numbers(header)["20"]) as out:
            out.write(here, cells, quality, observed, rows)
            if typed_only and number == blocks - 1:
                more = np.where(
                    layout.haploid, rng.choice([-1, 5], (2, len(ploidy))), rng.choice([-1, 1], (2, len(ploidy)))
                )
                out.write_typed_only(sites(2, first=9000), more.astype(np.int8))
        expected.append(items)
        tables_.append(here)
        if typed_only and number == blocks - 1:
            expected.append(layout.observed_items(more.astype(np.int8)))
            tables_.append(sites(2, first=9000))
    path = folder / f"out.{suffix}"
    concatenate(pieces, path)
    return path, layout, np.concatenate(expected), SiteTable.concatenate(tables_)


PLOIDIES = {"diploid": [2] * 5, "haploid": [1] * 3, "mixed": [2, 1, 1, 2, 1], "one": [2]}


@needs_bcftools
@pytest.mark.parametrize("phased", [False, True])
@pytest.mark.parametrize("ploidy", PLOIDIES.values(), ids=PLOIDIES.keys())
def test_vcf_and_bcf_read_the_same_and_right(tmp_path, ploidy, phased):
    for fmt in ("vcf", "bcf"):
        (tmp_path / fmt).mkdir()
    vcf, _, items, table = build(tmp_path / "vcf", ploidy, phased, "vcf")
    bcf, *_ = build(tmp_path / "bcf", ploidy, phased, "bcf")
    rows = records(vcf)
    fields = "%CHROM\t%POS\t%ID\t%REF\t%ALT\t%FILTER\t%AF\t%MAF\t%R2\t%IMPUTED\t%TYPED\t%TYPED_ONLY[\t%GT %DS %GP"
    fields += (" %HDS" if phased else "") + "]\n"
    assert bcftools("query", "-f", fields, vcf) == bcftools("query", "-f", fields, bcf)
    assert [row[1] for row in rows] == [str(pos) for pos in table.pos]
    assert [row[2] for row in rows] == table.id.tolist()
    assert [row[3] for row in rows] == table.ref.tolist()
    assert [row[4] for row in rows] == table.alt.tolist()
    for row, expected in zip(rows, items.tolist(), strict=True):
        assert len(row) == 9 + len(ploidy)
        for cell, item in zip(row[9:], expected, strict=True):
            assert cell == cell_text(item, phased).decode()


@needs_bcftools
@pytest.mark.parametrize("fmt", ["vcf", "bcf"])
def test_whole_files_index_and_answer_regions(tmp_path, fmt):
    path, *_ = build(tmp_path, [2, 1, 2], False, fmt)
    index = index_vcf(path)
    assert index.name == ("out.vcf.gz.tbi" if fmt == "vcf" else "out.bcf.csi")
    found = bcftools("query", "-r", "20:2000-2010", "-f", "%POS\n", path).split()
    assert found == ["2000", "2010"]
    assert bcftools("index", "-n", path).strip() == str(2 * V + 2)
    header = bcftools("view", "-h", path)
    assert "##tessera_bundle=b 1\n" in header
    assert "##tessera_command=impute x\n" in header
    assert "##contig=<ID=20,length=63025520,assembly=GRCh37>" in header


@needs_bcftools
def test_bcftools_counts_what_we_say(tmp_path):
    path, *_ = build(tmp_path, [2] * 40, False, "bcf", typed_only=False)
    lines = bcftools("query", "-f", "%AF %R2[ %DS %GP{1} %GP{2}]\n", path).splitlines()
    for line in lines:
        af, r2, *rest = (float(one) for one in line.split())
        ds, one, two = np.array(rest).reshape(-1, 3).T
        assert af == pytest.approx(np.mean(ds) / 2, abs=1e-6)
        away, doubt = (ds - np.mean(ds)) ** 2, one + 4 * two - ds**2
        drawn = np.sum(away) + np.sum(away * doubt) / np.sum(away)  # of 40 people
        assert r2 == pytest.approx(drawn / (np.sum(away) + np.sum(doubt) * 39 / 40), abs=1e-4)


def test_flags(tmp_path):
    path, *_ = build(tmp_path, [2, 2], False, "vcf", blocks=1)
    info = [
        line.split("\t")[7].split(";")[-1]
        for line in gzip.decompress(path.read_bytes()).decode().splitlines()
        if not line.startswith("#")
    ]
    typed = {1, 5, 6}
    assert info[:V] == ["TYPED" if row in typed else "IMPUTED" for row in range(V)]
    assert info[V:] == ["TYPED_ONLY"] * 2


@pytest.mark.parametrize("fmt", ["vcf", "bcf"])
def test_our_reader_reads_what_we_write(tmp_path, fmt):
    path, layout, items, table = build(tmp_path, [2, 1, 2, 2], True, fmt)
    (block,) = VcfReader(path)
    alleles = tables(True).alleles[items]
    expected = np.where(
        layout.haploid,
        np.where(alleles[..., 0] < 0, -1, alleles[..., 0]),
        np.where(alleles < 0, -9, alleles).sum(-1).clip(-1),
    )
    assert (gt.dosage(block.codes) == expected).all()
    assert (block.sites.pos == table.pos).all()


@pytest.mark.parametrize("fmt", ["vcf", "bcf"])
def test_block_size_changes_nothing_but_where_text_is_cut(tmp_path, monkeypatch, fmt):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, *_ = build(tmp_path / "a", [2, 1, 2], False, fmt)
    monkeypatch.setattr(fragment_module, "_BLOCK_GENOTYPES", 7)
    two, *_ = build(tmp_path / "b", [2, 1, 2], False, fmt)
    assert gzip.decompress(one.read_bytes()) == gzip.decompress(two.read_bytes())


def test_threads_and_calls_change_nothing_and_every_record_is_where_it_is_said_to_be(tmp_path, monkeypatch):
    monkeypatch.setattr(fragment_module, "_BLOCK_GENOTYPES", 3000)
    rng = np.random.default_rng(3)
    layout, table = Layout(np.full(1000, 2, np.int8), phased=False), sites(40)
    cells = quantise(rng.dirichlet([0.3] * 3, (40, 1000)).astype(np.float32))
    quality = SiteSums.of(cell_sums(layout, cells), layout.ploidy).quality()
    found = []
    for threads, edges in ((1, [0, 40]), (4, [0, 40]), (4, [0, 1, 2, 7, 30, 31, 40]), (1, [0, 20, 40])):
        path = tmp_path / "1.vcf.gz"
        with FragmentWriter(path, layout, threads=threads) as out:
            for first, end in pairwise(edges):
                out.write(table.slice(first, end), cells[first:end], quality.take(slice(first, end)))
        found.append((path.read_bytes(), out.places()))
    assert len({data for data, _ in found}) == 1
    starts = [f"20\t{pos}\t".encode() for pos in table.pos]
    for _, places in found:
        with pysam.BGZFile(str(tmp_path / "1.vcf.gz")) as text:
            for offsets, want in ((places.begin, starts), (places.end, [*starts[1:], b""])):
                for offset, start in zip(offsets, want, strict=True):
                    text.seek(int(offset))
                    assert text.read(len(start) or 1) == start
        assert places.pos.tolist() == table.pos.tolist()


@pytest.mark.parametrize("fmt", ["vcf", "bcf"])
def test_missing_er2_is_left_out_and_present_er2_written(tmp_path, fmt):
    layout = Layout(np.array([2], np.int8), phased=False)
    header = imputed_header(
        ["a"], {"20": None}, build=None, bundle_id="b", bundle_sha="s", software="t", command="c", phased=False
    )
    write_header(tmp_path / "head", header, fmt)
    value = np.array([0.5, 0.25], np.float32)
    quality = SiteQuality(value, value, value, np.array([0.75, np.nan], np.float32))
    with FragmentWriter(tmp_path / "piece", layout, fmt) as out:
        out.write(sites(2), np.zeros((2, 1), np.int32), quality)
    path = tmp_path / ("x.vcf.gz" if fmt == "vcf" else "x.bcf")
    concatenate([tmp_path / "head", tmp_path / "piece"], path)
    with pysam.VariantFile(str(path)) as file:
        first, second = file
    assert first.info["ER2"] == 0.75
    assert "ER2" not in second.info
    assert second.info["R2"] == 0.25
