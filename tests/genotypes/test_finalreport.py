"""Illumina's FinalReport: columns by name, strands, several samples, and broken files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from errors import Code, TesseraError
from genotypes.finalreport import FinalReportReader
from genotypes.sniff import FileKind, sniff_head
from worker.pipeline.folder import Ingested
from worker.pipeline.ingest import ingest

HEADER = """[Header]
GSGT Version\t2.0.4
Processing Date\t1/1/2020 10:00 AM
Content\t\tGSA-24v3-0_A1.bpm
Num SNPs\t5
Total SNPs\t5
Num Samples\t2
Total Samples\t2
[Data]
SNP Name\tSample ID\tAllele1 - Top\tAllele2 - Top\tAllele1 - Plus\tAllele2 - Plus\tGC Score\tChr\tPosition
"""
ROWS = """rs1\tS1\tA\tG\tT\tC\t0.9\t1\t100
rs2\tS1\tA\tA\tA\tA\t0.9\t1\t50
rs3\tS1\t-\t-\t-\t-\t0.0\t2\t300
rs4\tS1\tI\tD\tI\tD\t0.9\t2\t400
rs5\tS1\tC\tC\tC\tC\t0.9\tX\t500
rs1\tS2\tG\tG\tC\tC\t0.9\t1\t100
rs2\tS2\tA\tC\tA\tC\t0.9\t1\t50
rs3\tS2\tA\tC\tA\tC\t0.9\t2\t300
rs4\tS2\tI\tI\tI\tI\t0.9\t2\t400
rs5\tS2\tC\tG\tC\tG\t0.9\t0\t0
"""
PLUS = {("1", 50): ("A", "C", [0, 1]), ("1", 100): ("C", "T", [1, 0]), ("2", 300): ("A", "C", [-1, 1])}


def read(folder: Path, text: str) -> tuple[FinalReportReader, dict[tuple[str, int], tuple[str, str, list[int]]]]:
    path = folder / "report.txt"
    path.write_text(text)
    assert sniff_head(path.read_bytes()[:4096], "report.txt") is FileKind.final_report
    reader = FinalReportReader(path, folder / "scratch")
    found = {}
    for block in reader:
        for row in range(len(block.sites)):
            key = (block.sites.chrom, int(block.sites.pos[row]))
            found[key] = (block.sites.ref[row], block.sites.alt[row], block.codes[row].tolist())
    return reader, found


@pytest.mark.parametrize("split", ["\t", ","])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_plus_strand_is_read_sample_by_sample(tmp_path: Path, split: str, end: str) -> None:
    reader, found = read(tmp_path, (HEADER + ROWS).replace("\t", split).replace("\n", end))
    assert found == PLUS | {("X", 500): ("C", ".", [0, -1])}
    assert reader.samples == ["S1", "S2"]
    assert {one.code: one.count for one in reader.remarks} == {"indels": 2, "unplaced": 1}
    assert reader.ref_known is False


@pytest.mark.parametrize("strand", ["Top", "Forward"])
def test_other_strands_are_read_and_said(tmp_path: Path, strand: str) -> None:
    lines = HEADER.replace("Allele1 - Plus", "Allele1 - AB").replace("Allele2 - Plus", "Allele2 - AB")
    reader, found = read(tmp_path, lines.replace("- Top", f"- {strand}") + ROWS)
    assert found["1", 100] == ("A", "G", [1, 2])
    assert {one.code for one in reader.remarks} == {"indels", "unplaced", "array_strand"}


def test_an_upload_of_a_report(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text((HEADER + ROWS).replace("\t", ","))
    ingest([tmp_path / "r.csv"], tmp_path / "in")
    upload = Ingested.open(tmp_path / "in")
    assert upload.samples == ["S1", "S2"]
    assert {one.name: one.sites for one in upload.chromosomes} == {"1": 2, "2": 1, "X": 1}


def without(column: str) -> Callable[[str], str]:
    return lambda text: text.replace(column, "Other")


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (lambda text: text[: text.index("rs3\tS2")], Code.truncated_file, "'S2' has 2 of 5"),
        (lambda text: text[: text.index("rs3\tS1")], Code.truncated_file, "'S1' has 2 of 5"),
        (lambda text: text[: text.index("\t300\nrs4\tS2")], Code.malformed_record, "8 columns"),
        (lambda text: text[: text.index("[Data]")], Code.header_only, r"\[Data\]"),
        (lambda text: text[: text.index("SNP Name")], Code.header_only, "columns"),
        (lambda text: HEADER, Code.header_only, "no called"),
        (without("Position"), Code.malformed_record, "'position'"),
        (without("Sample ID"), Code.malformed_record, "'sample id'"),
        (lambda text: text.replace("- Top", "- AB").replace("- Plus", "- Design"), Code.malformed_record, "letters"),
        (lambda text: text.replace("\t300\n", "\there\n"), Code.malformed_record, "position"),
        (lambda text: text.replace("T\tC\t0.9", "Q\tC\t0.9"), Code.malformed_record, "'QC'"),
        (lambda text: text + "rs6\tS1\tA\tA\tA\tA\t0.9\t2\t900\n", Code.duplicate_samples, "not together"),
    ],
)
def test_broken_reports_are_refused(tmp_path: Path, spoil: Callable[[str], str], code: Code, words: str) -> None:
    with pytest.raises(TesseraError, match=words) as caught:
        read(tmp_path, spoil(HEADER + ROWS))
    assert caught.value.code is code
