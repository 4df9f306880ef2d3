"""Join the chunks of a chromosome into one indexed file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from genotypes.bgzf import concatenate
from genotypes.fragment import write_header
from genotypes.header import imputed_header
from genotypes.index import TBI_LIMIT, index_vcf
from genotypes.quality import SiteSums
from genotypes.sites import SiteTable
from genotypes.tbi import index_pieces
from worker.pipeline.cohort_stats import WINDOWS, window_edges
from worker.pipeline.emit import (
    PIECE,
    QUALITY,
    PieceQuality,
    PieceWriter,
    Typed,
    quality_of,
    slice_sums,
)
from worker.pipeline.folder import Harmonised
from worker.pipeline.impute import ITEMS, SUMS
from worker.pipeline.people import PEOPLE, PeopleSums, merge_people
from worker.pipeline.quality_bins import bin_quality
from worker.pipeline.types import AssembleSummary, BundleView, ChunkSpec, OutputOptions, Progress, Window, silent
from worker.pipeline.version import software

BLOCK_CELLS = 4 << 20  # items held at once

Chunks = Sequence[tuple[ChunkSpec, Path]]


def assemble(
    harmonised: Path,
    bundle: BundleView,
    chromosome: str,
    chunks: Chunks,
    out: Path,
    output: OutputOptions | None = None,
    progress: Progress = silent,
) -> AssembleSummary:
    """Write the result of one chromosome and its index into `out`.

    Args:
        harmonised: folder that `harmonise` wrote.
        bundle: the model bundle.
        chromosome: the bundle's name of it.
        chunks: every chunk of the chromosome with the folder that `impute_chunk` wrote.
        out: folder for the two files, made when missing.
        output: as given to `impute_chunk`.
        progress: called with the fraction done; may raise to abort.
    """
    output = output or OutputOptions()
    out.mkdir(parents=True, exist_ok=True)
    facts = Harmonised.open(harmonised)
    one = facts.chromosome(chromosome)
    path = out / f"{one.label}.dose.{output.format}"
    with TemporaryDirectory(prefix="pieces-", dir=out) as scratch:
        pieces, quality = make_pieces(facts, bundle, chromosome, chunks, Path(scratch), output, progress)
        named = [(chromosome, piece) for piece in pieces]
        index = join(facts, bundle, named, path, Path(scratch), output, phased=one.phased)
    progress(1.0)
    return summarise(chromosome, bundle.sites(chromosome), quality, path.name, index.name)


def make_pieces(
    facts: Harmonised,
    bundle: BundleView,
    chromosome: str,
    chunks: Chunks,
    scratch: Path,
    output: OutputOptions,
    progress: Progress,
) -> tuple[list[Path], list[PieceQuality]]:
    """Pieces of a chromosome in order, written here where there are several sample batches."""
    ordered = sorted(chunks, key=lambda chunk: (chunk[0].tile_first, chunk[0].sample_first))
    groups = [list(group) for _, group in groupby(ordered, key=lambda chunk: chunk[0].tile_first)]
    sites = bundle.sites(chromosome)
    _check_complete(groups, len(sites), len(facts.samples))
    pieces, quality = [], []
    for number, group in enumerate(groups):
        spec, folder = group[0]
        if spec.sample_batches == 1:
            pieces.append(folder / PIECE)
            quality.append(PieceQuality.load(folder / QUALITY))
        else:
            piece = scratch / f"{facts.contig_number(chromosome)}-{number}.bgzf"
            quality.append(_write_piece(facts, sites, group, piece, output))
            pieces.append(piece)
        progress(0.9 * (number + 1) / len(groups))
    return pieces, quality


def join(
    facts: Harmonised,
    bundle: BundleView,
    pieces: Sequence[tuple[str, Path]],
    path: Path,
    scratch: Path,
    output: OutputOptions,
    *,
    phased: bool,
) -> Path:
    """Header, pieces (each with its chromosome) and end block as one file, and its index, whose path is returned."""
    text = imputed_header(
        facts.samples,
        facts.contigs,
        build=facts.build,
        bundle_id=bundle.manifest.content_id(),
        bundle_sha=bundle.digest,
        software=software(),
        command=output.command,
        phased=phased,
    )
    head = scratch / "header.bgzf"
    write_header(head, text, output.kind)
    concatenate([head, *(piece for _, piece in pieces)], path)
    longest = max((length or 0 for length in facts.contigs.values()), default=0)
    if output.kind == "bcf" or longest > TBI_LIMIT:
        return index_vcf(path)
    named = [(bundle.sites(chromosome).chrom, piece) for chromosome, piece in pieces]
    return index_pieces(path, head.stat().st_size, named)


def summarise(
    chromosome: str, sites: SiteTable, quality: Sequence[PieceQuality], file: str, index: str
) -> AssembleSummary:
    """Counts and quality of a finished chromosome."""
    typed = np.concatenate([one.typed for one in quality])
    written = np.concatenate([one.written for one in quality])
    r2 = np.concatenate([one.r2 for one in quality])
    er2 = np.concatenate([one.er2 for one in quality])[typed]
    maf = np.concatenate([one.maf for one in quality])
    if sites.af is not None:
        maf = np.minimum(sites.af, 1 - sites.af)
    known = er2[~np.isnan(er2)].astype(np.float64)
    typed_only = sum(one.typed_only for one in quality)
    imputed = ~typed & written
    return AssembleSummary(
        chromosome=chromosome,
        file=file,
        index=index,
        sites=int(written.sum()) + typed_only,
        typed=int(typed.sum()),
        imputed=int(imputed.sum()),
        typed_only=typed_only,
        below_r2_min=int((~written).sum()),
        quality=bin_quality(maf[imputed], r2[imputed]),
        mean_er2=float(known.mean()) if len(known) else None,
        hidden=bin_quality(maf[typed], er2),
        windows=_windows(sites.pos, r2, typed, imputed, er2),
    )


def _windows(
    pos: NDArray[np.int32],
    r2: NDArray[np.float32],
    typed: NDArray[np.bool_],
    imputed: NDArray[np.bool_],
    er2: NDArray[np.float32],
) -> list[Window]:
    """Equal stretches of the chromosome; `er2` is that of the typed sites alone."""
    edges = window_edges(pos)
    where = np.clip(np.searchsorted(edges, pos, "right") - 1, 0, WINDOWS - 1)

    def means(values: NDArray[np.float32], places: NDArray[np.int64]) -> list[float | None]:
        known = ~np.isnan(values)
        counts = np.bincount(places[known], minlength=WINDOWS)
        sums = np.bincount(places[known], values[known].astype(np.float64), minlength=WINDOWS)
        return [float(s / n) if n else None for s, n in zip(sums.tolist(), counts.tolist(), strict=True)]

    columns = (
        edges[:-1].astype(int).tolist(),
        edges[1:].astype(int).tolist(),
        np.bincount(where[typed], minlength=WINDOWS).tolist(),
        np.bincount(where[imputed], minlength=WINDOWS).tolist(),
        means(r2[imputed], where[imputed]),
        means(er2, where[typed]),
    )
    return [Window(*values) for values in zip(*columns, strict=True)]


def people_of(chunks: Chunks) -> PeopleSums:
    """Sums of every sample over the chunks of a chromosome."""
    ordered = sorted(chunks, key=lambda chunk: (chunk[0].tile_first, chunk[0].sample_first))
    groups = groupby(ordered, key=lambda chunk: chunk[0].tile_first)
    total = merge_people(PeopleSums.beside([PeopleSums.load(one / PEOPLE) for _, one in group]) for _, group in groups)
    assert total is not None
    return total


def _check_complete(groups: Sequence[Sequence[tuple[ChunkSpec, Path]]], sites: int, samples: int) -> None:
    """Every site of every sample once: a result with a hole must never be delivered."""
    row = 0
    for group in groups:
        column = 0
        for spec, _ in group:
            if spec.site_first != row or spec.sample_first != column:
                raise ValueError(f"chunk {spec.index} starts at site {spec.site_first}, not {row}")
            column = spec.sample_end
        if column != samples:
            raise ValueError(f"the chunks at site {row} end at sample {column} of {samples}")
        row = group[0][0].site_end
    if row != sites:
        raise ValueError(f"the chunks end at site {row} of {sites}")


def _write_piece(
    facts: Harmonised,
    sites: SiteTable,
    group: Chunks,
    path: Path,
    output: OutputOptions,
) -> PieceQuality:
    """Encode one tile batch from the items of its sample batches."""
    spec = group[0][0]
    typed = Typed(facts, facts.chromosome(spec.chromosome), sites, 0, len(facts.samples))
    contig = facts.contig_number(spec.chromosome)
    sums = [SiteSums.load(folder / SUMS) for _, folder in group]
    total = sums[0]
    for other in sums[1:]:
        total = total.merge(other)
    with PieceWriter(path, sites, typed, contig, spec.site_first, spec.site_end, output) as writer:
        for first, items in _rows(group, spec.sites, len(facts.samples)):
            writer.write(items, quality_of(slice_sums(total, first, first + len(items)), facts.haplotypes))
        return writer.close()


def _rows(
    group: Chunks, sites: int, samples: int
) -> Iterator[tuple[int, np.ndarray[tuple[int, int], np.dtype[np.int32]]]]:
    """Blocks of rows over all samples: first row within the piece, (V, S) int32 items."""
    step = max(1, BLOCK_CELLS // samples)
    with ExitStack() as stack:
        # Read, not mapped: pages of a mapped file count as memory of this process.
        files = [(stack.enter_context((folder / ITEMS).open("rb")), spec.samples) for spec, folder in group]
        for first in range(0, sites, step):
            count = min(step, sites - first)
            parts = [np.fromfile(file, "<i4", count * wide).reshape(count, wide) for file, wide in files]
            yield first, np.concatenate(parts, axis=1)
