"""Sample QC of a PLINK fileset: stated sexes, chromosome X in PLINK's two codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from genotypes import codes as gt
from tests.support.cohort import BUNDLE, MALES, NON_PAR, PEOPLE, cohort, write
from tests.support.plink_samples import needs_plink19, plink
from worker.pipeline.folder import Harmonised
from worker.pipeline.harmonise import harmonise
from worker.pipeline.ingest import ingest


@needs_plink19
def test_a_fileset_with_a_wrong_sex(tmp_path: Path) -> None:
    codes = cohort()
    write(tmp_path / "x.vcf", {name: gt.as_diploid(block) for name, block in codes.items()})
    sexes = [1] * MALES + [2] * (PEOPLE - MALES)
    sexes[3], sexes[40] = 2, 1
    (tmp_path / "sex.txt").write_text("".join(f"S{k} S{k} {sex}\n" for k, sex in enumerate(sexes)))
    plink("plink1.9", "--vcf", tmp_path / "x.vcf", "--double-id", "--split-x", "b37", "no-fail", "--update-sex",
          tmp_path / "sex.txt", "--make-bed", "--out", tmp_path / "cohort")  # fmt: skip
    assert {line.split()[0] for line in (tmp_path / "cohort.bim").read_text().splitlines()} >= {"23", "25"}
    ingest([tmp_path / f"cohort.{ending}" for ending in ("bed", "bim", "fam")], tmp_path / "in")
    summary = harmonise(tmp_path / "in", BUNDLE, tmp_path / "out")
    found = summary.qc["sample_qc"]["findings"]
    assert {(one["sample"].split("_")[0], one["check"]) for one in found} == {
        ("S3", "sex_mismatch"),
        ("S40", "sex_mismatch"),
    }
    assert "samples_swapped" in json.dumps(summary.qc["notes"])
    harmonised = Harmonised.open(tmp_path / "out")
    one = harmonised.chromosome("X")
    assert one.haploid == list(range(MALES))
    store = harmonised.typed(one)
    assert store.rows is not None
    inside = (store.rows >= NON_PAR.start) & (store.rows < NON_PAR.stop)
    assert np.array_equal(gt.dosage(store.codes[inside]), gt.dosage(codes["X"][store.rows[inside]]))
    assert (gt.ploidy(store.codes[inside][:, :MALES]) == 1).all()
    assert (gt.ploidy(store.codes[~inside]) == 2).all()
