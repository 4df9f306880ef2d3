"""Files that do not tell REF from ALT: the bundle's order is no mending, so neither strict nor `mend` holds it up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from errors import Code, TesseraError
from genotypes import codes as gt
from genotypes.mending import ALL, Mend
from tests.support.cohorts import NO_QC, cohort, cohort_bundle, flip_rows, palindromes, swap_rows
from tests.support.filesets import fileset
from worker.pipeline.folder import Harmonised
from worker.pipeline.harmonise import HarmoniseOptions, harmonise
from worker.pipeline.ingest import ingest
from worker.pipeline.types import HarmoniseSummary

BUNDLE = cohort_bundle()
CLEAN = cohort(BUNDLE)
PLAIN = np.flatnonzero(~palindromes(BUNDLE)).tolist()
TURNED = swap_rows(CLEAN, PLAIN[::2])
STRICT = HarmoniseOptions(strict=True, mend=ALL - {Mend.swap}, qc=NO_QC)


def meet(folder: Path, files: list[Path], options: HarmoniseOptions) -> tuple[HarmoniseSummary, gt.Codes]:
    """The summary and the harmonised genotypes."""
    ingest(files, folder / "in")
    summary = harmonise(folder / "in", BUNDLE, folder / "out", options)
    harmonised = Harmonised.open(folder / "out")
    return summary, np.array(harmonised.typed(harmonised.chromosomes[0]).codes)


def test_a_fileset_in_any_order_of_alleles_passes_strict(tmp_path: Path) -> None:
    for name in ("plain", "turned"):
        (tmp_path / name).mkdir()
    _, expected = meet(tmp_path / "plain", [CLEAN.write(tmp_path / "x.vcf")], STRICT)
    summary, codes = meet(tmp_path / "turned", fileset(TURNED, tmp_path / "turned" / "x"), STRICT)
    assert (codes == gt.unphase(expected)).all()
    (one,) = summary.qc["chromosomes"]
    assert (one["swapped"], one["not_mended"], one["ref_known"]) == (len(PLAIN[::2]), 0, False)
    (note,) = [note for note in summary.qc["notes"] if note["code"] == "swapped"]
    assert "do not tell apart" in note["message"]


def test_a_vcf_in_another_order_is_refused_by_strict(tmp_path: Path) -> None:
    with pytest.raises(TesseraError) as caught:
        meet(tmp_path, [TURNED.write(tmp_path / "x.vcf")], HarmoniseOptions(strict=True, qc=NO_QC))
    assert caught.value.code is Code.allele_mismatch


def test_the_other_strand_stays_a_mending(tmp_path: Path) -> None:
    files = fileset(flip_rows(TURNED, PLAIN[:4]), tmp_path / "x")
    with pytest.raises(TesseraError) as caught:
        meet(tmp_path, files, HarmoniseOptions(strict=True, mend=ALL, qc=NO_QC))
    assert caught.value.code is Code.allele_mismatch
