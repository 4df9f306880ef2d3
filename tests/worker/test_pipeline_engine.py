"""The pipeline with the real engine on a bundle that is trained here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.dae.bundle import Bundle
from models.dae.engine import DaeImputer
from tests.support.bundles import EVERY, make_panel, tiny_bundle
from tests.support.pipeline import read_result
from tests.support.vcf import gt_strings, write_vcf
from worker.pipeline.run import OfflineOptions, run_offline


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return Bundle.open(tiny_bundle(tmp_path_factory.mktemp("bundle")))


def upload(path: Path) -> np.ndarray:
    """Twenty people outside the panel, typed at every fifth site; returns (V, 20) true dosages."""
    panel = make_panel()
    truth = (panel.others[0::2] + panel.others[1::2]).T
    rows = range(0, len(panel.pos), EVERY)
    samples = [f"S{number}" for number in range(20)]
    pos = [int(panel.pos[row]) for row in rows]
    ref, alt = [panel.ref[row] for row in rows], [panel.alt[row] for row in rows]
    write_vcf(path, "chr20", pos, ref, alt, gt_strings(truth[::EVERY].astype(np.int8)), samples)
    return truth


def test_imputes_people_outside_the_panel(tmp_path: Path, bundle: Bundle) -> None:
    truth = upload(tmp_path / "in.vcf.gz")
    done = run_offline([tmp_path / "in.vcf.gz"], bundle, lambda name: DaeImputer(bundle, name), tmp_path / "out.vcf.gz")
    records = read_result(tmp_path / "out.vcf.gz")
    ds = np.array([record.ds for record in records])
    assert ds.shape == truth.shape
    assert np.array_equal(ds[::EVERY], truth[::EVERY])
    hidden = np.arange(len(truth)) % EVERY != 0
    frequent = (truth.mean(1) > 0.2) & (truth.mean(1) < 1.8) & hidden
    r2 = np.corrcoef(ds[frequent].ravel(), truth[frequent].ravel())[0, 1] ** 2
    by_frequency = np.repeat(truth[frequent].mean(1, keepdims=True), truth.shape[1], 1)
    assert r2 > 0.1 + np.corrcoef(by_frequency.ravel(), truth[frequent].ravel())[0, 1] ** 2
    assert done.chromosomes[0].typed == len(truth[::EVERY])


def test_sample_batches_agree(tmp_path: Path, bundle: Bundle) -> None:
    upload(tmp_path / "in.vcf.gz")
    ds = []
    for batch in (20, 7):
        out = tmp_path / f"out{batch}.bcf"
        options = OfflineOptions(sample_batch=batch)
        run_offline([tmp_path / "in.vcf.gz"], bundle, lambda name: DaeImputer(bundle, name), out, options)
        ds.append(np.array([record.ds for record in read_result(out)]))
    # Matrix products of other shapes may round the last bit otherwise, which moves a thousandth now and then.
    assert np.allclose(ds[0], ds[1], atol=0.0021)
