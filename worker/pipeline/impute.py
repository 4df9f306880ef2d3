"""Impute one chunk: consecutive tiles for consecutive samples."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genotypes.tbi import places_of
from models.protocol import Imputer, TypedGenotypes
from worker.pipeline.ahead import ahead
from worker.pipeline.emit import PIECE, QUALITY, PieceWriter, Typed, join_sums, quality_of
from worker.pipeline.folder import Harmonised
from worker.pipeline.itemise import Itemiser
from worker.pipeline.pace import Pace
from worker.pipeline.people import PEOPLE, PeopleSums
from worker.pipeline.regions import impute, recode
from worker.pipeline.types import ChunkSpec, ChunkSummary, OutputOptions, Progress, silent

ITEMS = "items.i32"
SUMS = "sums.npz"


def impute_chunk(
    harmonised: Path,
    imputer: Imputer,
    spec: ChunkSpec,
    out: Path,
    output: OutputOptions | None = None,
    progress: Progress = silent,
) -> ChunkSummary:
    """Impute a chunk into `out`, made when missing.

    With one sample batch the chunk becomes a finished piece of the result. With several, INFO needs the samples of all
    of them: the chunk then leaves its items and sums, and `assemble` writes the piece.

    Args:
        harmonised: folder that `harmonise` wrote.
        imputer: engine of the chunk's chromosome.
        spec: the chunk.
        out: folder for the files.
        output: format and limits; the same for every chunk of a job.
        progress: called with the fraction done, several times a second by most engines, from the engine's thread or
            from this one; may raise to abort.
    """
    output = output or OutputOptions()
    out.mkdir(parents=True, exist_ok=True)
    facts = Harmonised.open(harmonised)
    one = facts.chromosome(spec.chromosome)
    typed = Typed(facts, one, imputer.sites, spec.sample_first, spec.sample_end)
    people = PeopleSums.empty(spec.samples)
    inputs = _inputs(imputer, spec, typed)
    fitted = (lambda _: inputs) if len(typed.regions) == 1 else partial(recode, inputs)
    done, pace = 0, Pace(spec.sites, imputer.before_blocks, progress)
    with Itemiser(typed, people, imputer.sites.af, output.threads) as itemise:
        blocks = impute(imputer, range(spec.tile_first, spec.tile_end), typed.regions, fitted, pace.imputed)
        if spec.sample_batches > 1:
            sums = []
            with (out / ITEMS).open("wb") as file:
                for items, parts in ahead(itemise(block, region) for region, block in blocks):
                    sums.append(parts)
                    file.write(np.ascontiguousarray(items, "<i4").data)
                    done += len(items)
                    pace.written(done)
            join_sums(sums).save(out / SUMS)
            people.save(out / PEOPLE)
            return ChunkSummary(done, spec.samples, [ITEMS, SUMS, PEOPLE])
        contig = facts.contig_number(spec.chromosome)
        with PieceWriter(out / PIECE, imputer.sites, typed, contig, spec.site_first, spec.site_end, output) as writer:
            for items, parts in ahead(itemise(block, region) for region, block in blocks):
                writer.write(items, quality_of(parts, facts.haplotypes))
                done += len(items)
                pace.written(done)
            writer.close().save(out / QUALITY)
    people.save(out / PEOPLE)
    places = places_of(out / PIECE)
    held = [places.name] if places.exists() else []
    return ChunkSummary(done, spec.samples, [PIECE, *held, QUALITY, PEOPLE])


def _inputs(imputer: Imputer, spec: ChunkSpec, typed: Typed) -> TypedGenotypes:
    """The typed sites that the chunk's tiles can read."""
    tiles = imputer.tiles[spec.tile_first : spec.tile_end]
    read: list[NDArray[np.int32]] = [tile.inputs for tile in tiles if len(tile.inputs)]
    first = min([spec.site_first, *(int(rows[0]) for rows in read)])
    end = max([spec.site_end, *(int(rows[-1]) + 1 for rows in read)])
    observed = typed.observed(first, end)
    return TypedGenotypes(observed.rows + np.int32(first), observed.codes, typed.layout.ploidy, typed.layout.phased)
