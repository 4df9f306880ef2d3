"""Real uploads and a real panel, where the data folder is there."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from errors import Code, TesseraError
from genotypes import codes as gt
from genotypes.guard import guard
from genotypes.maps import GeneticMap
from genotypes.panel import read_panel
from genotypes.read import VcfReader
from genotypes.sniff import HEAD_BYTES, sniff_head
from tests.support.bcftools import needs_bcftools, records

DATA = Path(__file__).parents[2].parent / "shared" / "data"
pytestmark = [pytest.mark.shared, pytest.mark.skipif(not DATA.is_dir(), reason="../shared is not there")]
GOOD = ["chr20-phased-1sample", "chr20-unphased", "single", "three", "unorderd"]


def good_files() -> list[Path]:
    targets = sorted(DATA.glob("kgp-chr2?/target.*.vcf.gz"))
    return targets + [path for name in GOOD for path in sorted((DATA / "vcf-fixtures" / name).glob("*.gz"))]


@needs_bcftools
@pytest.mark.parametrize("path", good_files(), ids=lambda path: path.name[:30])
def test_real_files_read_as_bcftools_reads_them(tmp_path, path):
    kind = sniff_head(path.read_bytes()[:HEAD_BYTES], path.name)
    guarded = guard(path, kind, tmp_path)
    blocks = list(VcfReader(guarded.path))
    # bcftools wants contig lines, which some of these lack; the comparison needs only the cells.
    expected = np.array([[cell[:3] for cell in row[9:]] for row in records_leniently(path)])
    dosages = np.select([np.char.find(expected, ".") >= 0], [-1], np.char.count(expected, "1"))
    assert (np.concatenate([gt.dosage(block.codes) for block in blocks]) == dosages).all()


def records_leniently(path: Path) -> list[list[str]]:
    try:
        return records(path)
    except AssertionError:
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()
        return [line.split("\t") for line in lines if not line.startswith("#")]


@pytest.mark.parametrize(
    ("name", "code"),
    [("header", Code.header_only), ("wrong_chrs", Code.malformed_record), ("wrong_vcf", Code.empty_file)],
)
def test_real_broken_files(tmp_path, name, code):
    (path,) = (DATA / "vcf-fixtures" / name).glob("*.gz")
    with pytest.raises(TesseraError) as caught:
        list(VcfReader(guard(path, sniff_head(path.read_bytes()[:HEAD_BYTES], path.name), tmp_path).path))
    assert caught.value.code is code


def test_the_real_panel_and_map():
    panel = read_panel(DATA / "kgp-chr20" / "ref.bcf")
    assert panel.haplotypes.shape == (24803, 4004)
    assert (np.diff(panel.sites.pos) >= 0).all()
    cm = GeneticMap.read(DATA / "maps" / "chr20.b37.gmap.gz").cm(panel.sites.pos)
    assert (np.diff(cm) >= 0).all()
    assert 5 < cm[-1] - cm[0] < 10
