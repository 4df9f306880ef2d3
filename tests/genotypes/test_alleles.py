"""Ways of writing a variant: against bcftools norm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pysam
import pytest

from errors import Code, TesseraError
from genotypes.alleles import left_align, reverse_complement, trim
from genotypes.reference import Reference
from tests.support.bcftools import bcftools, needs_bcftools, records
from tests.support.vcf import write_vcf


@pytest.mark.parametrize(
    ("written", "shortest"),
    [
        ((10, "A", "C"), (10, "A", "C")),
        ((10, "AT", "A"), (10, "AT", "A")),
        ((10, "ATT", "AT"), (10, "AT", "A")),
        ((10, "GCA", "GTA"), (11, "C", "T")),
        ((10, "AAT", "AAAT"), (10, "A", "AA")),
        ((10, "CAG", "CAGAG"), (10, "C", "CAG")),
        ((10, "AC", "GT"), (10, "AC", "GT")),
    ],
)
def test_trim(written: tuple[int, str, str], shortest: tuple[int, str, str]) -> None:
    assert trim(*written) == shortest


def test_reverse_complement() -> None:
    assert reverse_complement("AACGTN") == "NACGTT"


def write_genome(folder: Path, name: str = "GRCh37.fa", contig: str = "chr1") -> str:
    """A genome rich in repeats, with its index."""
    rng = np.random.default_rng(4)
    units = ["A", "CA", "GATA", "TTC", "G"]
    text = "".join(units[rng.integers(5)] * int(rng.integers(1, 8)) for _ in range(120))
    (folder / name).write_text(f">{contig}\n{text}\n")
    pysam.faidx(str(folder / name))
    return text


@needs_bcftools
def test_left_alignment_is_bcftools_norms(tmp_path: Path) -> None:
    genome = write_genome(tmp_path)
    rng = np.random.default_rng(5)
    rows: list[tuple[int, str, str]] = []
    for _ in range(300):
        at, length = int(rng.integers(5, len(genome) - 20)), int(rng.integers(1, 7))
        ref = genome[at - 1 : at - 1 + length + 1]
        more = genome[at : at + length]
        rows.append((at, ref, ref[0]) if rng.random() < 0.5 else (at, ref[0], ref[0] + more))
    pos, ref, alt = zip(*rows, strict=True)
    contigs = {"chr1": len(genome)}
    path = write_vcf(tmp_path / "x.vcf", "chr1", pos, ref, alt, [["0/1"]] * 300, ["s"], contigs=contigs)
    normal = tmp_path / "normal.vcf"
    bcftools("norm", "-f", tmp_path / "GRCh37.fa", "-o", normal, path)
    expected = sorted((int(one[1]), one[3], one[4]) for one in records(normal))
    with Reference.open(tmp_path, "hg19") as reference:
        fetch = reference.fetcher("1")
        assert fetch is not None
        found = sorted(left_align(*row, fetch) for row in rows)
    assert found == expected
    assert sum(one[0] != other[0] for one, other in zip(sorted(rows), found, strict=True)) > 50


def test_reference_is_found_by_its_build(tmp_path: Path) -> None:
    write_genome(tmp_path, "hg38.fa")
    with Reference.open(tmp_path, "GRCh38") as found, Reference.open(tmp_path, "GRCh37") as other:
        assert found.fetcher("1") is not None
        assert found.fetcher("2") is None
        assert other.fetcher("1") is None
    with Reference.open(None, "GRCh38") as nothing:
        assert nothing.fetcher("1") is None


def test_unreadable_reference_is_a_fault_of_the_setup(tmp_path: Path) -> None:
    (tmp_path / "GRCh38.fa.gz").write_bytes(b"no genome")
    with pytest.raises(TesseraError) as caught:
        Reference.open(tmp_path, "GRCh38")
    assert caught.value.code is Code.setup_invalid
