"""`tessera impute` on PLINK files, archives and raw data: what comes out is what the VCF gives."""

from __future__ import annotations

import zipfile
from pathlib import Path

import cyvcf2
import numpy as np
import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.support.filesets import needs_plink2, plink2

pytestmark = needs_plink2


def dosages(out: Path, bundle: Path, *files: Path) -> tuple[list[str], np.ndarray]:
    done = CliRunner().invoke(app, ["impute", *map(str, files), "-b", str(bundle), "-o", str(out), "-t", "1"])
    assert done.exit_code == 0, done.output
    reader = cyvcf2.VCF(str(out))
    return reader.samples, np.array([record.format("DS")[:, 0] for record in reader])


@pytest.mark.parametrize("form", ["bed", "pgen", "zip"])
def test_a_fileset_is_imputed_as_its_vcf(upload: Path, bundles: Path, tmp_path: Path, form: str) -> None:
    expected = dosages(tmp_path / "a.vcf.gz", bundles / "tiny", upload)
    plink2("--vcf", upload, "--make-pgen" if form == "pgen" else "--make-bed", "--out", tmp_path / "y")
    endings = ("pgen", "pvar", "psam") if form == "pgen" else ("fam", "bed", "bim")
    files = [tmp_path / f"y.{ending}" for ending in endings]
    if form == "zip":
        with zipfile.ZipFile(tmp_path / "y.zip", "w") as archive:
            for path in files:
                archive.write(path, path.name)
        files = [tmp_path / "y.zip"]
    samples, found = dosages(tmp_path / "b.vcf.gz", bundles / "tiny", *files)
    assert samples == expected[0]
    assert np.array_equal(found, expected[1])


def test_raw_data_of_one_person_is_imputed_as_their_vcf(upload: Path, bundles: Path, tmp_path: Path) -> None:
    reader = cyvcf2.VCF(str(upload))
    lines = ["# rsid\tchromosome\tposition\tgenotype"]
    for number, record in enumerate(reader):
        alleles = [record.REF, *record.ALT, "-"]
        one, two, _ = record.genotypes[0]
        lines.append(f"rs{number}\t{record.CHROM}\t{record.POS}\t{alleles[one]}{alleles[two]}")
    path = tmp_path / "Ann Other.txt"
    path.write_text("\n".join(lines) + "\n")
    expected = dosages(tmp_path / "a.vcf.gz", bundles / "tiny", upload)
    samples, found = dosages(tmp_path / "b.vcf.gz", bundles / "tiny", path)
    assert samples == ["Ann_Other"]
    assert np.abs(found[:, 0] - expected[1][:, 0]).max() < 0.0015


def test_a_part_that_is_not_given_is_named(upload: Path, bundles: Path, tmp_path: Path) -> None:
    plink2("--vcf", upload, "--make-bed", "--out", tmp_path / "y")
    words = ["impute", tmp_path / "y.bed", tmp_path / "y.bim", "-b", bundles / "tiny", "-o", tmp_path / "o.vcf.gz"]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 4
    assert "'y.bed' came without 'y.fam'" in " ".join(done.output.split())
