"""What the plots show is what the files hold: counted again from the result by bcftools, from the upload by hand."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from genotypes import codes as gt
from genotypes.store import Store, StoreWriter
from tests.support.bcftools import bcftools, needs_bcftools
from tests.support.fake_engine import make_sites
from tests.support.messy import BUNDLE, messy_upload
from worker.pipeline.cohort_stats import POINTS, cloud, cohort_stats, count_store, histogram
from worker.pipeline.harmonise import harmonise
from worker.pipeline.ingest import ingest
from worker.pipeline.report import TEMPLATES
from worker.pipeline.run import OfflineOptions, run_offline

SCHEMA = json.loads((TEMPLATES / "report.schema.json").read_text())


@needs_bcftools
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_report_counts_what_the_result_holds(tmp_path: Path, seed: int) -> None:
    source = messy_upload(seed).write(tmp_path / "x.vcf")
    run_offline([source], BUNDLE, BUNDLE.imputer, tmp_path / "out", OfflineOptions(sample_batch=4))
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    jsonschema.validate(report, SCHEMA)
    qc, cohort = report["qc"], report["cohort"]

    for one in report["chromosomes"]:
        path = tmp_path / "out" / one["file"]
        assert one["sites"] == int(bcftools("index", "-n", path))
        counts = {flag: bcftools("query", "-i", f"INFO/{flag}=1", "-f", "x\n", path).count("x")
                  for flag in ("TYPED", "IMPUTED", "TYPED_ONLY")}  # fmt: skip
        assert (one["imputed"], one["typed_only"]) == (counts["IMPUTED"], counts["TYPED_ONLY"])
        assert sum(window["imputed"] for window in one["windows"]) == one["imputed"]
        assert sum(window["typed"] for window in one["windows"]) == one["typed"]
        assert sum(bin_["sites"] for bin_ in one["hidden"]) == one["typed"]
        (density,) = [part for part in cohort["density"] if part["chromosome"] == one["chromosome"]]
        assert sum(density["typed"]) == one["typed"]
        assert sum(density["bundle"]) == len(BUNDLE.sites(one["chromosome"]))

    lines = gzip.decompress((tmp_path / "out" / "qc-variants.tsv.gz").read_bytes()).decode().splitlines()[1:]
    fates = Counter(line.split("\t")[5] for line in lines)
    assert report["variants"] == {"total": len(lines), "shown": len(lines), "by_fate": dict(fates.most_common())}
    assert qc["sites"]["typed_only"] == fates["typed_only"]
    assert qc["sites"]["matched"] == cohort["sites"] == sum(one["typed"] for one in report["chromosomes"])


@needs_bcftools
@pytest.mark.parametrize("seed", [4, 5])
def test_frequencies_call_rates_and_heterozygosity(tmp_path: Path, seed: int) -> None:
    """Observed genotypes are read back from the harmonised stores' own text: the upload, mended, by hand."""
    upload = messy_upload(seed)
    ingest([upload.write(tmp_path / "x.vcf")], tmp_path / "in")
    harmonise(tmp_path / "in", BUNDLE, tmp_path / "met")
    stats = cohort_stats(tmp_path / "met", BUNDLE)
    assert stats == json.loads((tmp_path / "met" / "cohort.json").read_text())

    lines = gzip.decompress((tmp_path / "met" / "qc-variants.tsv.gz").read_bytes()).decode().splitlines()[1:]
    fate = {(cells[0], cells[1]): cells[5] for line in lines if (cells := line.split("\t"))}
    points, site_rates, calls, hets, autosomal = [], [], np.zeros(9), np.zeros(9), np.zeros(9)
    for chrom, pos, gts in zip(upload.chrom, upload.pos, upload.gts, strict=True):
        what = fate.get((chrom, str(pos)), "exact")
        if what not in ("exact", "swapped", "flipped", "flipped_swapped"):
            continue
        alleles = [gt.split("/") for gt in gts]
        called = np.array(["." not in pair for pair in alleles])
        alt = sum(pair.count("1") for pair, ok in zip(alleles, called, strict=True) if ok)
        af = alt / (2 * called.sum())
        points.append(1 - af if "swapped" in what else af)
        site_rates.append(called.mean())
        calls += called
        if chrom == "20":
            autosomal += called
            hets += [ok and set(pair) == {"0", "1"} for pair, ok in zip(alleles, called, strict=True)]
    ours = sorted(y for _, y in stats["frequency"]["points"])
    assert np.allclose(ours, sorted(points), atol=1e-4)
    assert stats["frequency"]["sites"] == stats["sites"] == len(points)
    far = sum(abs(x - y) > 0.2 for x, y in stats["frequency"]["points"])
    assert abs(stats["frequency"]["far"] - far) <= 1, "points are rounded to four digits"
    assert sum(one["far"] for one in stats["frequency"]["deciles"]) == stats["frequency"]["far"]
    for name, values in (("site_call_rate", site_rates), ("sample_call_rate", calls / len(points))):
        counts, _ = np.histogram(values, stats[name]["edges"])
        assert sum(stats[name]["counts"]) == len(values)
        assert counts.tolist() == stats[name]["counts"]
    het = stats["heterozygosity"]
    assert het["mean"] == pytest.approx(float((hets / autosomal).mean()), abs=1e-4)
    assert np.allclose(sorted(y for _, y in het["points"]), np.sort(hets / autosomal), atol=1e-4)


def test_large_clouds_become_counts_on_a_grid() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.random(POINTS + 1), rng.random(POINTS + 1)
    few, many = cloud(x[1:], y[1:], (0, 1), (0, 1)), cloud(x, y, (0, 1), (0, 1))
    assert few["cells"] is None
    assert len(few["points"]) == POINTS
    assert many["points"] is None
    assert sum(count for _, _, count in many["cells"]) == POINTS + 1
    column, row, count = many["cells"][0]
    inside = (np.floor(x * 50) == column) & (np.floor(y * 50) == row)
    assert count == inside.sum()


def test_a_histogram_shows_where_the_values_are() -> None:
    assert histogram(np.array([0.985, 1.0, 1.0]), 0, 1, 20, floor=True)["edges"][0] == 0.98
    assert histogram(np.array([0.3, 1.0]), 0, 1, 20, floor=True)["edges"][0] == 0
    assert sum(histogram(np.array([0.3, 1.0]), 0, 1, 20, floor=True)["counts"]) == 2


def test_every_code_counts_as_what_it_is(tmp_path: Path) -> None:
    codes = np.random.default_rng(3).integers(-1, 7, (40, 30), dtype=np.int8)
    with StoreWriter(tmp_path, "x", 30, "20") as writer:
        writer.append(make_sites("20", 40), codes)
    found = count_store(Store.open(tmp_path, "x"))
    ploidy, dosage = gt.ploidy(codes), gt.dosage(codes)
    called = ploidy > 0
    assert (found.alt == np.where(called, dosage, 0).sum(1)).all()
    assert (found.alleles == ploidy.sum(1)).all()
    assert (found.calls == called.sum(1)).all()
    assert (found.sample_calls == called.sum(0)).all()
    assert (found.diploid == (ploidy == 2).sum(0)).all()
    assert (found.het == ((ploidy == 2) & (dosage == 1)).sum(0)).all()
