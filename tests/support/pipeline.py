"""Running the stages over the fake bundle, chunk by chunk, and reading what came out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cyvcf2
import numpy as np
from numpy.typing import NDArray

from tests.support.fake_engine import FakeBundle
from worker.pipeline.assemble import assemble
from worker.pipeline.harmonise import harmonise
from worker.pipeline.impute import impute_chunk
from worker.pipeline.ingest import ingest
from worker.pipeline.plan import plan
from worker.pipeline.types import AssembleSummary, ChunkSpec, OutputOptions


def run_stages(
    folder: Path,
    files: Sequence[Path],
    bundle: FakeBundle,
    output: OutputOptions | None = None,
    *,
    tile_batch: int = 1,
    sample_batch: int = 10_000,
) -> list[AssembleSummary]:
    """Every stage into `folder`; results lie in `folder/result`."""
    output = output or OutputOptions()
    ingest(files, folder / "in")
    harmonise(folder / "in", bundle, folder / "harmonised")
    chunks: dict[str, list[tuple[ChunkSpec, Path]]] = {}
    for spec in plan(folder / "harmonised", bundle, tile_batch, sample_batch):
        place = folder / f"chunk{spec.index}"
        impute_chunk(folder / "harmonised", bundle.imputer(spec.chromosome), spec, place, output)
        chunks.setdefault(spec.chromosome, []).append((spec, place))
    return [
        assemble(folder / "harmonised", bundle, name, parts, folder / "result", output)
        for name, parts in chunks.items()
    ]


@dataclass
class Record:
    """One line of a result."""

    key: tuple[str, int, str, str]
    info: dict[str, object]
    gt: list[str]
    ds: NDArray[np.float64]
    gp: NDArray[np.float64]


def read_result(path: Path) -> list[Record]:
    """Every record, read by htslib."""
    records = []
    for one in cyvcf2.VCF(str(path), gts012=True):
        gts = []
        for *alleles, phased in one.genotypes:
            gts.append(("|" if phased else "/").join("." if a < 0 else str(a) for a in alleles))
        gp = one.format("GP")
        records.append(
            Record(
                key=(one.CHROM, one.POS, one.REF, one.ALT[0] if one.ALT else "."),
                info=dict(one.INFO),
                gt=gts,
                ds=np.asarray(one.format("DS"), float)[:, 0],
                gp=np.asarray(gp, float),
            )
        )
    return records
