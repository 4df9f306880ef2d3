"""Several files in one job: chromosomes apart, samples in other orders, the same chromosome twice, samples apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from errors import Code, TesseraError
from tests.support.filesets import fileset, ingested, notes
from tests.support.spoilt import BUNDLE, GOOD
from tests.support.uploads import Upload, make_upload
from worker.pipeline.folder import Ingested
from worker.pipeline.harmonise import harmonise

ALL = range(len(GOOD.pos))


def whole(tmp_path: Path) -> list[list[int]]:
    (tmp_path / "whole").mkdir()
    upload = ingested(tmp_path / "whole", [GOOD.write(tmp_path / "whole" / "x.vcf")])
    return codes(upload)


def codes(upload: Ingested, chromosome: str = "20") -> list[list[int]]:
    (one,) = (one for one in upload.chromosomes if one.name == chromosome)
    return np.array(upload.store(one).codes).tolist()


def refused(tmp_path: Path, files: Sequence[Path], code: Code, **options: object) -> TesseraError:
    with pytest.raises(TesseraError) as caught:
        ingested(tmp_path, files, **options)
    assert caught.value.code is code
    return caught.value


def elsewhere(upload: Upload, chromosome: str) -> Upload:
    return replace(upload, chrom=[chromosome] * len(upload.pos), contigs=None)


def test_chromosomes_in_files_with_other_sample_orders(tmp_path: Path) -> None:
    files = [GOOD.write(tmp_path / "a.vcf")]
    for number, order in enumerate(([4, 0, 3, 1, 2], [1, 2, 3, 4, 0])):
        files.append(elsewhere(GOOD.columns(order), str(number + 1)).write(tmp_path / f"{number}.vcf.gz"))
    upload = ingested(tmp_path, files)
    assert upload.samples == GOOD.samples
    assert [one.name for one in upload.chromosomes] == ["20", "1", "2"]
    assert codes(upload, "1") == codes(upload, "2") == codes(upload) == whole(tmp_path)
    assert [note["code"] for note in upload.notes] == ["samples_reordered"] * 2


@pytest.mark.parametrize("samples", [["S0", "S1", "S2", "S3", "other"], ["S0", "S1", "S2", "S3"]])
def test_ids_that_do_not_agree_are_named(tmp_path: Path, samples: list[str]) -> None:
    other = elsewhere(GOOD.columns(list(range(len(samples)))), "1")
    files = [GOOD.write(tmp_path / "a.vcf"), replace(other, samples=samples).write(tmp_path / "b.vcf")]
    error = refused(tmp_path, files, Code.samples_differ)
    odd = sorted(set(samples) ^ set(GOOD.samples))
    assert error.details["samples"] == odd
    assert all(f"'{name}'" in error.message for name in odd)


def test_wholly_other_ids_on_another_chromosome_are_refused(tmp_path: Path) -> None:
    other = replace(elsewhere(GOOD, "1"), samples=[f"chr1_{name}" for name in GOOD.samples])
    files = [GOOD.write(tmp_path / "a.vcf"), other.write(tmp_path / "b.vcf")]
    error = refused(tmp_path, files, Code.samples_differ)
    assert "'S0'" in error.message
    assert error.details["count"] == 10


def test_sites_of_one_chromosome_may_lie_in_several_files(tmp_path: Path) -> None:
    odd, even = GOOD.rows([row for row in ALL if row % 2]), GOOD.rows([row for row in ALL if row % 2 == 0])
    files = [odd.write(tmp_path / "a.vcf"), even.columns([4, 3, 2, 1, 0]).write(tmp_path / "b.bcf")]
    upload = ingested(tmp_path, files)
    assert codes(upload) == whole(tmp_path)
    assert notes(upload) == {"samples_reordered": 1, "files_merged": 1}
    files[1] = even.write(tmp_path / "c.vcf")
    refused(tmp_path, files, Code.duplicate_chromosomes, strict=True)


def test_the_same_file_twice_is_one(tmp_path: Path) -> None:
    files = [GOOD.write(tmp_path / "a.vcf"), GOOD.write(tmp_path / "b.vcf.gz")]
    ingested(tmp_path, files)
    summary = harmonise(tmp_path / "in", BUNDLE, tmp_path / "out")
    found = {note["code"]: note["count"] for note in summary.qc["notes"]}
    assert summary.sites == len(GOOD.pos)
    assert found == {"files_merged": 1, "duplicate_positions": len(GOOD.pos)}


def test_samples_of_one_chromosome_may_lie_in_several_files(tmp_path: Path) -> None:
    files = [GOOD.columns([0, 1]).write(tmp_path / "a.vcf"), *fileset(GOOD.columns([4]), tmp_path / "b")]
    files.append(GOOD.columns([2, 3]).write(tmp_path / "c.bcf"))
    upload = ingested(tmp_path, files)
    assert upload.samples == ["S0", "S1", "S4", "S2", "S3"]
    joined = np.array(codes(upload))[:, [0, 1, 3, 4, 2]]
    assert joined.tolist() == whole(tmp_path)
    assert notes(upload) == {"samples_joined": 3, "ref_unknown": len(GOOD.pos)}
    assert {path.name.split(".")[0] for path in (tmp_path / "in").iterdir()} == {"ingest", "j0"}
    refused(tmp_path, files, Code.samples_differ, strict=True)


def test_sites_that_a_file_of_other_samples_lacks_are_missing(tmp_path: Path) -> None:
    first, second = GOOD.columns([0, 1]), GOOD.columns([2, 3, 4])
    first = first.rows([row for row in ALL if row % 3])
    files = [first.write(tmp_path / "a.vcf"), second.rows([row for row in ALL if row % 2]).write(tmp_path / "b.vcf")]
    upload = ingested(tmp_path, files)
    found = dict(zip(upload.store(upload.chromosomes[0]).sites.pos.tolist(), codes(upload), strict=True))
    expected = {}
    for row, line in enumerate(whole(tmp_path)):
        here = (line[:2] if row % 3 else [-1, -1]) + (line[2:] if row % 2 else [-1] * 3)
        if row % 3 or row % 2:
            expected[GOOD.pos[row]] = here
    assert found == expected
    (note,) = upload.notes
    lacking = sum((row % 3 == 0) != (row % 2 == 0) for row in ALL)
    assert f"{lacking:,} sites" in note["message"]


def test_a_chromosome_that_some_samples_lack_is_told(tmp_path: Path) -> None:
    x = make_upload(BUNDLE.sites("X"), samples=2)
    files = [GOOD.columns([0, 1]).write(tmp_path / "a.vcf"), GOOD.columns([2, 3, 4]).write(tmp_path / "b.vcf")]
    files.append(replace(x, contigs=None).write(tmp_path / "x.vcf"))
    upload = ingested(tmp_path, files)
    assert {one.name: one.sites for one in upload.chromosomes} == {"20": 200, "X": 200}
    assert (np.array(codes(upload, "X"))[:, 2:] == -1).all()
    assert notes(upload)["chromosome_absent"] == 3


def test_haploid_samples_keep_their_place_when_joined(tmp_path: Path) -> None:
    x = make_upload(BUNDLE.sites("X"), samples=4)
    for row in x.gts:
        row[3] = row[3][0]
    files = [x.columns([0, 1]).write(tmp_path / "a.vcf"), x.columns([2, 3]).write(tmp_path / "b.vcf")]
    (one,) = ingested(tmp_path, files).chromosomes
    assert one.haploid == [3]
