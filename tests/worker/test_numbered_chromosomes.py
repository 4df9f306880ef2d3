"""Chromosomes 23 to 26: X, Y, X and mitochondria of people, autosomes of cattle, horses and dogs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from errors import Code, TesseraError
from tests.support.fake_engine import FakeBundle, make_sites
from tests.support.filesets import fileset, ingested
from tests.support.pipeline import read_result, run_stages
from tests.support.uploads import Upload, make_upload
from worker.pipeline.choose import choose
from worker.pipeline.cohort_stats import cohort_stats
from worker.pipeline.folder import Harmonised
from worker.pipeline.harmonise import harmonise
from worker.pipeline.ingest import ingest
from worker.pipeline.ingest_names import named_for

NUMBERED = ("23", "24", "25", "26")


def bundle(build: str, names: Sequence[str], seed: int = 1) -> FakeBundle:
    """Every chromosome with sites of its own."""
    tables = {name: make_sites(name, 90, seed + 7 * n, 1_000_000 + 131 * n) for n, name in enumerate(names)}
    return FakeBundle(tables, build, length=None)


CATTLE = bundle("ARS-UCD1.2", ["chr1", *(f"chr{number}" for number in range(22, 30)), "chrX"], seed=50)
PEOPLE = bundle("GRCh37", ["20", "X", "Y", "MT"], seed=90)


def both(*uploads: Upload) -> Upload:
    """Several chromosomes of the same samples."""
    first = replace(uploads[0], contigs=None)
    for one in uploads[1:]:
        first = replace(first, chrom=first.chrom + one.chrom, pos=first.pos + one.pos, ref=first.ref + one.ref,
                        alt=first.alt + one.alt, gts=first.gts + one.gts)  # fmt: skip
    return first


def named(upload: Upload, name: str) -> Upload:
    return replace(upload, chrom=[name] * len(upload.pos), contigs=None)


def upload_of(which: FakeBundle, names: Sequence[str], samples: int = 5) -> Upload:
    """Genotypes at a third of the sites of some chromosomes, without chr."""
    parts = [named(make_upload(which.sites(name), samples), name.removeprefix("chr")) for name in names]
    return both(*parts)


CALVES = upload_of(CATTLE, ["chr22", *(f"chr{name}" for name in NUMBERED), "chrX"])


@pytest.mark.parametrize("kind", ["vcf", "plink"])
def test_autosomes_of_cattle_are_imputed_as_what_they_are(tmp_path: Path, kind: str) -> None:
    files = [CALVES.write(tmp_path / "x.vcf")] if kind == "vcf" else fileset(CALVES, tmp_path / "x")
    made = run_stages(tmp_path, files, CATTLE)
    assert [one.chromosome for one in made] == ["chr22", "chr23", "chr24", "chr25", "chr26", "chrX"]
    harmonised = Harmonised.open(tmp_path / "harmonised")
    assert [one.label for one in harmonised.chromosomes] == [one.chromosome for one in made]
    for one in made:
        records = read_result(tmp_path / "result" / one.file)
        assert {record.key[0] for record in records} == {one.chromosome}
        assert len(records) == len(CATTLE.sites(one.chromosome))
        held = harmonised.typed(harmonised.chromosome(one.chromosome))
        assert len(held.sites) == CALVES.chrom.count(one.chromosome[3:])


def test_the_choice_of_a_bundle_counts_them(tmp_path: Path) -> None:
    """Of two bundles of cattle the one with chromosome 23 is the upload's, and no human one is."""
    (tmp_path / "x.vcf").write_bytes(upload_of(CATTLE, ["chr23"]).write(tmp_path / "y.vcf").read_bytes())
    ingest([tmp_path / "x.vcf"], tmp_path / "in")
    without = bundle("ARS-UCD1.2", ["chr1", "chr27", "chrX"], seed=50)
    for number, one in enumerate((CATTLE, PEOPLE, without)):
        made = replace(one.manifest, name=f"b{number}", id="")
        one.manifest = replace(made, id=made.content_id())
    views = {one.manifest.id: one for one in (PEOPLE, without, CATTLE)}
    choice = choose(tmp_path / "in", [one.manifest for one in views.values()], views.__getitem__)
    assert choice.bundle == CATTLE.manifest.id
    assert "1 chromosome of the upload" in choice.note.message
    with pytest.raises(TesseraError) as caught:
        choose(tmp_path / "in", [without.manifest], views.__getitem__)
    assert caught.value.code is Code.chromosome_not_in_bundle


def test_heterozygotes_of_all_autosomes_of_cattle_are_counted(tmp_path: Path) -> None:
    """Hardy-Weinberg and inbreeding leave X out alone."""
    ingest([upload_of(CATTLE, ["chr23", "chr25"], 30).write(tmp_path / "x.vcf")], tmp_path / "in")
    harmonise(tmp_path / "in", CATTLE, tmp_path / "out")
    assert cohort_stats(tmp_path / "out", CATTLE)["heterozygosity"]["autosomal"] is True


def test_an_autosome_of_cattle_is_of_one_ploidy(tmp_path: Path) -> None:
    upload = upload_of(CATTLE, ["chr23"])
    upload.gts[4][0], upload.gts[5][0], upload.gts[6][1] = "0", "0/1", "1/1"
    ingest([upload.write(tmp_path / "x.vcf")], tmp_path / "in")
    with pytest.raises(TesseraError) as caught:
        harmonise(tmp_path / "in", CATTLE, tmp_path / "out")
    assert (caught.value.code, caught.value.details["chromosome"]) == (Code.mixed_ploidy, "23")


def test_of_people_they_are_sex_chromosomes_and_mitochondria(tmp_path: Path) -> None:
    whole = upload_of(PEOPLE, ["20", "X", "Y", "MT"])
    cut = whole.chrom.index("X") + 15
    names = {"20": "20", "X": "23", "Y": "24", "MT": "26"}
    numbered = replace(whole, chrom=[names[name] for name in whole.chrom])
    numbered.chrom[cut : whole.chrom.index("Y")] = ["25"] * (whole.chrom.index("Y") - cut)
    results = {}
    for name, upload in (("letters", whole), ("numbers", numbered)):
        (tmp_path / name).mkdir()
        made = run_stages(tmp_path / name, [upload.write(tmp_path / name / "x.vcf")], PEOPLE)
        assert [one.chromosome for one in made] == ["20", "X", "Y", "MT"]
        results[name] = [(tmp_path / name / "result" / one.file).read_bytes() for one in made]
    assert results["letters"] == results["numbers"]


def test_files_of_different_people_may_name_x_differently(tmp_path: Path) -> None:
    whole = upload_of(PEOPLE, ["X"])
    files = [whole.columns([0, 1]).write(tmp_path / "a.vcf"),
             named(whole.columns([2, 3, 4]), "23").write(tmp_path / "b.vcf")]  # fmt: skip
    with named_for(ingested(tmp_path, files), PEOPLE.manifest, tmp_path) as upload:
        (one,) = upload.chromosomes
        store = upload.store(one)
        joined = np.array(store.codes)
    assert (one.name, one.sites) == ("X", len(whole.pos))
    (tmp_path / "whole").mkdir()
    alone = ingested(tmp_path / "whole", [whole.write(tmp_path / "whole" / "x.vcf")])
    assert joined.tolist() == np.array(alone.store(alone.chromosomes[0]).codes).tolist()


def test_one_ploidy_holds_over_both_names_of_y(tmp_path: Path) -> None:
    upload = upload_of(PEOPLE, ["Y"])
    upload.gts = [[call[0] if row < 9 else call for call in calls] for row, calls in enumerate(upload.gts)]
    upload.chrom = ["24"] * 9 + upload.chrom[9:]
    found = ingested(tmp_path, [upload.write(tmp_path / "x.vcf")])
    with pytest.raises(TesseraError) as caught, named_for(found, PEOPLE.manifest, tmp_path):
        pass
    assert (caught.value.code, caught.value.details["chromosome"]) == (Code.mixed_ploidy, "Y")
