"""What the imputed file holds."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pysam
import pytest

from tests.support.fake_engine import FakeBundle
from tests.support.pipeline import Record, read_result, run_stages
from tests.support.uploads import Upload, make_bundle, make_upload
from worker.pipeline.impute import impute_chunk
from worker.pipeline.plan import plan
from worker.pipeline.types import AssembleSummary, ChunkSpec, OutputOptions

BUNDLE = make_bundle()
TABLE = BUNDLE.sites("20")
Kind = Literal["vcf.gz", "bcf"]


def mixed_upload(samples: int = 7, separator: str = "/") -> Upload:
    """Typed sites, typed-only ones before, between, at and behind the bundle's, in a shuffled file."""
    upload = make_upload(TABLE, samples, separator=separator)
    extra = [(500, "A", "C"), (1_003_500, "G", "T"), (1_006_000, TABLE.ref[6], "GATTACA"), (9_000_000, "T", "TA")]
    extra.append((1_003_500, "G", "C"))
    for number, (pos, ref, alt) in enumerate(extra):
        upload.chrom.append("20")
        upload.pos.append(pos)
        upload.ref.append(ref)
        upload.alt.append(alt)
        upload.gts.append([f"{(s + number) % 2}{separator}{s % 2}" for s in range(samples)])
    upload.gts[-1][0] = f".{separator}."
    return upload.rows(np.random.default_rng(2).permutation(len(upload.pos)).tolist())


def result(folder: Path, upload: Upload, kind: Kind = "vcf.gz", **batches: int) -> tuple[Path, AssembleSummary]:
    folder.mkdir(exist_ok=True)
    files = [upload.write(folder / "x.vcf.gz")]
    (summary,) = run_stages(folder, files, BUNDLE, OutputOptions(kind), **batches)
    return folder / "result" / summary.file, summary


@pytest.fixture(scope="module", params=["vcf.gz", "bcf"])
def records(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    path, _ = result(tmp_path_factory.mktemp("out"), mixed_upload(), request.param)
    return read_result(path)


def key_of(row: int) -> tuple[str, int, str, str]:
    return ("20", int(TABLE.pos[row]), TABLE.ref[row], TABLE.alt[row])


def test_every_bundle_site_once_and_typed_only_sites_in_position_order(records: list[Record]) -> None:
    upload = mixed_upload()
    keys = [record.key for record in records]
    bundle = [key_of(row) for row in range(len(TABLE))]
    mine = set(zip(upload.chrom, upload.pos, upload.ref, upload.alt, strict=True)) - set(bundle)
    assert [key for key in keys if key in set(bundle)] == bundle
    assert len(mine) == 5
    assert sorted(keys) == sorted([*bundle, *mine])
    assert [key[1] for key in keys] == sorted(key[1] for key in keys)


def test_flags_say_what_a_site_is(records: list[Record]) -> None:
    upload = mixed_upload()
    typed = set(zip(upload.chrom, upload.pos, upload.ref, upload.alt, strict=True))
    bundle = {key_of(row) for row in range(len(TABLE))}
    for record in records:
        flags = {flag for flag in ("IMPUTED", "TYPED", "TYPED_ONLY") if record.info.get(flag)}
        expected = "IMPUTED" if record.key not in typed else "TYPED" if record.key in bundle else "TYPED_ONLY"
        assert flags == {expected}
        assert ("R2" in record.info) == (expected != "TYPED_ONLY")


def test_observed_genotypes_stay_and_missing_ones_are_imputed(records: list[Record]) -> None:
    upload = mixed_upload()
    written = {record.key: record for record in records}
    bundle = {key_of(row) for row in range(len(TABLE))}
    imputed = 0
    for row, key in enumerate(zip(upload.chrom, upload.pos, upload.ref, upload.alt, strict=True)):
        record = written[key]
        for sample, gt in enumerate(upload.gts[row]):
            if "." not in gt:
                assert sorted(record.gt[sample].split("/")) == sorted(gt.split("/"))
                assert record.ds[sample] == gt.count("1")
                assert record.gp[sample].tolist() == [float(gt.count("1") == copies) for copies in range(3)]
            elif key in bundle:
                imputed += 1
                assert "." not in record.gt[sample]
                assert record.gp[sample].sum() == pytest.approx(1, abs=1e-5)
            else:
                assert record.gt[sample] == "./."
                assert np.isnan(record.ds[sample])
    assert imputed > 0


def test_dosage_and_genotype_follow_from_rounded_probabilities(records: list[Record]) -> None:
    for record in records:
        if record.info.get("IMPUTED"):
            assert np.allclose(record.gp.sum(1), 1, atol=1e-5)
            assert np.allclose(record.ds, record.gp[:, 1] + 2 * record.gp[:, 2], atol=1e-5)
            best = record.gp.argmax(1)
            assert [gt.count("1") for gt in record.gt] == best.tolist()


def test_info_is_what_the_probabilities_say(records: list[Record]) -> None:
    for record in records:
        if record.info.get("TYPED_ONLY"):
            continue
        af = record.ds.mean() / 2
        assert record.info["AF"] == pytest.approx(af, abs=2e-5)
        assert record.info["MAF"] == pytest.approx(min(af, 1 - af), abs=2e-5)
        away = (record.ds - record.ds.mean()) ** 2
        doubt = record.gp[:, 1] + 4 * record.gp[:, 2] - record.ds**2
        expected = away.sum() * (away.sum() + doubt.sum() * (1 - 1 / len(away)))
        r2 = min(1.0, (away.sum() ** 2 + (away * doubt).sum()) / expected) if away.sum() > 1e-9 else 0.0
        assert record.info["R2"] == pytest.approx(r2, abs=1e-3)


def test_summary_counts_add_up(tmp_path: Path) -> None:
    path, summary = result(tmp_path, mixed_upload())
    assert summary.sites == len(read_result(path)) == len(TABLE) + 5
    assert (summary.typed, summary.imputed, summary.typed_only) == (20, 40, 5)
    assert sum(one.sites for one in summary.quality) == 40
    assert summary.mean_er2 is not None


@pytest.mark.parametrize("kind", ["vcf.gz", "bcf"])
@pytest.mark.parametrize("separator", ["/", "|"])
@pytest.mark.parametrize(("tiles", "samples"), [(1, 3), (2, 2), (3, 1)])
def test_sample_batches_change_no_byte(tmp_path: Path, kind: Kind, separator: str, tiles: int, samples: int) -> None:
    upload = mixed_upload(separator=separator)
    whole, _ = result(tmp_path / "whole", upload, kind, tile_batch=tiles)
    split, _ = result(tmp_path / "split", upload, kind, tile_batch=tiles, sample_batch=samples)
    assert whole.read_bytes() == split.read_bytes()


@pytest.mark.parametrize("kind", ["vcf.gz", "bcf"])
def test_haploid_samples_in_batches(tmp_path: Path, kind: Kind) -> None:
    upload = make_upload(BUNDLE.sites("X"), 6)
    for row in upload.gts:
        row[1], row[4] = row[1][0], row[4][0]
    upload.contigs = None
    whole, _ = result(tmp_path / "whole", upload, kind)
    split, _ = result(tmp_path / "split", upload, kind, sample_batch=2)
    assert whole.read_bytes() == split.read_bytes()
    for record in read_result(whole):
        assert [len(gt.split("/")) for gt in record.gt] == [2, 1, 2, 2, 1, 2]
        assert record.ds[1] <= 1


def test_phased_input_has_haplotype_dosages(tmp_path: Path) -> None:
    path, _ = result(tmp_path, mixed_upload(separator="|"))
    with pysam.VariantFile(str(path)) as file:
        for record in file:
            for sample in record.samples.values():
                if None not in sample["GT"]:
                    assert sum(sample["HDS"]) == pytest.approx(sample["DS"], abs=2e-3)
                    assert sample.phased


def test_unphased_input_has_none(tmp_path: Path) -> None:
    path, _ = result(tmp_path, mixed_upload())
    with pysam.VariantFile(str(path)) as file:
        assert "HDS" not in file.header.formats


def test_r2_min_drops_imputed_sites_only(tmp_path: Path) -> None:
    upload = mixed_upload()
    whole, _ = result(tmp_path / "whole", upload)
    files = [upload.write(tmp_path / "x.vcf.gz")]
    (summary,) = run_stages(tmp_path, files, BUNDLE, OutputOptions(r2_min=0.3))
    kept = [record.key for record in read_result(tmp_path / "result" / summary.file)]
    expected = [r.key for r in read_result(whole) if not r.info.get("IMPUTED") or float(str(r.info["R2"])) >= 0.3]
    assert kept == expected
    assert 0 < summary.below_r2_min == 65 - len(kept)


def test_r2_min_is_the_same_in_batches(tmp_path: Path) -> None:
    data = []
    for name, batch in (("whole", 100), ("split", 3)):
        folder = tmp_path / name
        folder.mkdir()
        files = [mixed_upload().write(folder / "x.vcf.gz")]
        (summary,) = run_stages(folder, files, BUNDLE, OutputOptions(r2_min=0.3), sample_batch=batch)
        data.append((folder / "result" / summary.file).read_bytes())
    assert data[0] == data[1]


@pytest.mark.parametrize("kind", ["vcf.gz", "bcf"])
def test_index_finds_a_region(tmp_path: Path, kind: Kind) -> None:
    path, summary = result(tmp_path, mixed_upload(), kind)
    assert (path.parent / summary.index).exists()
    with pysam.VariantFile(str(path)) as file:
        found = [record.pos for record in file.fetch("20", 1_003_000, 1_006_000)]
    assert found == [1_003_500, 1_003_500, 1_004_000, 1_005_000, 1_006_000, 1_006_000]


def test_header_says_where_the_file_comes_from(tmp_path: Path) -> None:
    path, _ = result(tmp_path, mixed_upload())
    with pysam.VariantFile(str(path)) as file:
        text = str(file.header)
        assert list(file.header.samples) == mixed_upload().samples
    assert f"##tessera_bundle={BUNDLE.manifest.content_id()}" in text
    assert f"##tessera_bundle_sha256={BUNDLE.digest}" in text
    assert "##tessera_command=tessera impute" in text


def test_two_chromosomes_are_two_files(tmp_path: Path) -> None:
    one, two = make_upload(TABLE), make_upload(BUNDLE.sites("X"))
    one.contigs = two.contigs = None
    files = [two.write(tmp_path / "a.vcf.gz"), one.write(tmp_path / "b.vcf")]
    summaries = run_stages(tmp_path, files, BUNDLE)
    assert [summary.file for summary in summaries] == ["chr20.dose.vcf.gz", "chrX.dose.vcf.gz"]
    assert all(summary.sites == 60 for summary in summaries)


def test_plan_covers_every_site_and_sample_once(tmp_path: Path) -> None:
    run_stages(tmp_path, [make_upload(TABLE, 7).write(tmp_path / "x.vcf.gz")], BUNDLE)
    chunks = plan(tmp_path / "harmonised", BUNDLE, 2, 3)
    seen = np.zeros((60, 7), int)
    for chunk in chunks:
        seen[chunk.site_first : chunk.site_end, chunk.sample_first : chunk.sample_end] += 1
    assert (seen == 1).all()
    assert [chunk.index for chunk in chunks] == list(range(6))
    assert {chunk.sample_batches for chunk in chunks} == {3}
    assert max(chunk.samples for chunk in chunks) - min(chunk.samples for chunk in chunks) <= 1
    assert ChunkSpec.from_dict(chunks[0].as_dict()) == chunks[0]


class Stop(Exception):
    pass


def test_progress_may_abort_a_chunk(tmp_path: Path) -> None:
    run_stages(tmp_path, [make_upload(TABLE).write(tmp_path / "x.vcf.gz")], BUNDLE)
    spec = plan(tmp_path / "harmonised", BUNDLE, 3, 100)[0]
    heard: list[float] = []

    def stop(fraction: float) -> None:
        heard.append(fraction)
        if fraction > 0.3:
            raise Stop

    with pytest.raises(Stop):
        impute_chunk(tmp_path / "harmonised", BUNDLE.imputer("20"), spec, tmp_path / "again", OutputOptions(), stop)
    assert len(heard) > 1


def test_a_missing_chunk_is_never_papered_over(tmp_path: Path) -> None:
    from worker.pipeline.assemble import assemble

    run_stages(tmp_path, [make_upload(TABLE).write(tmp_path / "x.vcf.gz")], BUNDLE)
    specs = plan(tmp_path / "harmonised", BUNDLE, 1, 100)
    chunks = [(spec, tmp_path / f"chunk{spec.index}") for spec in specs if spec.index != 1]
    with pytest.raises(ValueError, match="starts at site 50"):
        assemble(tmp_path / "harmonised", BUNDLE, "20", chunks, tmp_path / "holes")


def test_bundle_names_win_over_the_files(tmp_path: Path) -> None:
    bundle = FakeBundle({"chr20": BUNDLE.sites("20")}, length=None)
    (summary,) = run_stages(tmp_path, [make_upload(TABLE).write(tmp_path / "x.vcf.gz")], bundle)
    assert summary.file == "chr20.dose.vcf.gz"


def test_typed_only_sites_go_by_the_bundles_contig_name(tmp_path: Path) -> None:
    upload = mixed_upload()
    upload.chrom = ["chr20"] * len(upload.chrom)
    upload.contigs = None
    path, summary = result(tmp_path, upload)
    assert summary.typed_only == 5
    assert {record.key[0] for record in read_result(path)} == {"20"}
