"""Cut the work into chunks: consecutive tiles of a chromosome x consecutive samples."""

from __future__ import annotations

from pathlib import Path

from worker.pipeline.folder import Harmonised
from worker.pipeline.types import BundleView, ChunkSpec


def plan(harmonised: Path, bundle: BundleView, tile_batch: int, sample_batch: int) -> list[ChunkSpec]:
    """The chunks of a job, chromosome by chromosome, tile batch by tile batch, sample batch by sample batch.

    Args:
        harmonised: folder that `harmonise` wrote.
        bundle: bundle that it was written for.
        tile_batch: tiles in a chunk, at least 1.
        sample_batch: samples in a chunk, at most; the batches are as even as can be.
    """
    facts = Harmonised.open(harmonised)
    count = len(facts.samples)
    batches = max(1, -(-count // sample_batch))
    edges = [count * one // batches for one in range(batches + 1)]
    chunks: list[ChunkSpec] = []
    for one in facts.chromosomes:
        tiles = bundle.tiles(one.name)
        for first in range(0, len(tiles), tile_batch):
            end = min(first + tile_batch, len(tiles))
            for batch in range(batches):
                chunks.append(
                    ChunkSpec(
                        index=len(chunks),
                        chromosome=one.name,
                        tile_first=first,
                        tile_end=end,
                        site_first=tiles[first].first,
                        site_end=tiles[end - 1].end,
                        sample_first=edges[batch],
                        sample_end=edges[batch + 1],
                        sample_batches=batches,
                    )
                )
    return chunks
