"""A cohort whose frequencies are the bundle's, and ways of writing the same cohort otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt
from genotypes.mending import QcOptions
from genotypes.sites import SiteTable, strings
from genotypes.strand import palindromic
from tests.support.fake_engine import FakeBundle
from tests.support.spoilt import COMPLEMENT
from tests.support.uploads import Upload
from tests.support.vcf import gt_strings
from worker.pipeline.folder import Harmonised
from worker.pipeline.harmonise import HarmoniseOptions, harmonise
from worker.pipeline.ingest import ingest
from worker.pipeline.types import HarmoniseSummary

NO_QC = QcOptions(call_rate=0, hwe=0, af_diff=1)
FIRST, STEP = 1_000_000, 1000


def cohort_bundle(sites: int = 300, seed: int = 1) -> FakeBundle:
    """Single-base sites of chromosome 20 with frequencies from 2 to 98 per cent."""
    rng = np.random.default_rng(seed)
    ref = [str(base) for base in rng.choice(list("ACGT"), sites)]
    alt = ["ACGT"[("ACGT".index(base) + int(rng.integers(1, 4))) % 4] for base in ref]
    pos = (FIRST + STEP * np.arange(sites)).astype(np.int32)
    af = rng.uniform(0.02, 0.98, sites).astype(np.float32)
    table = SiteTable("20", pos, strings(ref), strings(alt), strings(["."] * sites), af)
    return FakeBundle({"20": table}, length=None)


def cohort(bundle: FakeBundle, samples: int = 60, seed: int = 2) -> Upload:
    """People in Hardy-Weinberg proportions at every site, one call in fifty missing."""
    rng = np.random.default_rng(seed)
    table = bundle.sites("20")
    assert table.af is not None
    codes = rng.binomial(2, table.af[:, None], (len(table), samples)).astype(np.int8)
    codes[rng.random(codes.shape) < 0.02] = gt.MISSING
    names = [f"S{number}" for number in range(samples)]
    return Upload(["20"] * len(table), table.pos.tolist(), [*table.ref], [*table.alt], gt_strings(codes), names, None)


SWAPPED = {"0/0": "1/1", "1/1": "0/0", "0/1": "0/1", "./.": "./."}


def swap_rows(upload: Upload, rows: list[int]) -> Upload:
    """REF and ALT in the other order."""
    ref, alt, gts = list(upload.ref), list(upload.alt), list(upload.gts)
    for row in rows:
        ref[row], alt[row] = alt[row], ref[row]
        gts[row] = [SWAPPED[call] for call in gts[row]]
    return replace(upload, ref=ref, alt=alt, gts=gts)


def flip_rows(upload: Upload, rows: list[int]) -> Upload:
    """Alleles as the other strand spells them."""
    ref, alt = list(upload.ref), list(upload.alt)
    for row in rows:
        ref[row], alt[row] = ref[row].translate(COMPLEMENT), alt[row].translate(COMPLEMENT)
    return replace(upload, ref=ref, alt=alt)


def palindromes(bundle: FakeBundle) -> NDArray[np.bool_]:
    """(V,) which sites of the bundle are A/T or C/G."""
    return palindromic(bundle.sites("20"))


def meet_bundle(
    folder: Path, upload: Upload, bundle: FakeBundle, options: HarmoniseOptions | None = None
) -> tuple[HarmoniseSummary, gt.Codes]:
    """The summary, and (V, S) harmonised genotypes at all sites of the bundle: missing where a site was not used."""
    ingest([upload.write(folder / "x.vcf")], folder / "in")
    summary = harmonise(folder / "in", bundle, folder / "out", options or HarmoniseOptions(qc=NO_QC))
    harmonised = Harmonised.open(folder / "out")
    store = harmonised.typed(harmonised.chromosomes[0])
    codes = np.full((len(bundle.sites("20")), len(upload.samples)), gt.MISSING, np.int8)
    codes[store.rows] = store.codes
    return summary, codes
