"""Bring the upload into the bundle's terms: build, contig names, strand, allele order; say what was mended and why."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

import numpy as np

from errors import Code, TesseraError
from genotypes import codes as gt
from genotypes.harmonise import normal_contig
from genotypes.sites import SiteTable
from genotypes.store import Store, StoreWriter
from worker.pipeline.ancestry import place_samples
from worker.pipeline.build_check import Overlap, check_choice, check_overlap
from worker.pipeline.folder import Harmonised, HarmonisedChromosome, Ingested, IngestedChromosome
from worker.pipeline.qc import ChromosomeQc, LeftOut, chromosome_notes, write_qc
from worker.pipeline.sample_policy import SamplePolicy
from worker.pipeline.sample_qc import SampleReview, review_samples
from worker.pipeline.sample_scan import Examined
from worker.pipeline.selection import Fate, Selection, count_calls, row_blocks, select
from worker.pipeline.types import BundleView, HarmoniseSummary, Note, Progress, silent

VARIANTS = "qc-variants.tsv.gz"


@dataclass(frozen=True, slots=True)
class HarmoniseOptions:
    """How to meet the bundle."""

    build: str = "auto"  # auto, GRCh37, GRCh38
    strict: bool = False  # refuse what would be mended
    samples: SamplePolicy = field(default_factory=SamplePolicy)


@dataclass(frozen=True, slots=True)
class _Met:
    """One chromosome that upload and bundle both hold."""

    upload: IngestedChromosome
    name: str  # the bundle's name
    selection: Selection
    bundle_sites: int
    beyond: int  # sites past the end of the bundle's contig


def harmonise(
    ingested: Path,
    bundle: BundleView,
    out: Path,
    options: HarmoniseOptions | None = None,
    progress: Progress = silent,
) -> HarmoniseSummary:
    """Match the upload with the bundle.

    Args:
        ingested: folder that `ingest` wrote.
        bundle: the model bundle.
        out: folder for the stores, `harmonised.json`, `qc.json` and the list of variants, made when missing.
        options: build and strictness.
        progress: called with the fraction done; may raise to abort.

    Raises:
        TesseraError: `wrong_build`, `chromosome_not_in_bundle`, `no_overlap`; when strict, the code of a mending.
    """
    options = options or HarmoniseOptions()
    out.mkdir(parents=True, exist_ok=True)
    check_choice(options.build, bundle.manifest.build)
    upload = Ingested.open(ingested)
    shared, left_out = _split(upload, bundle)
    if not shared or (left_out and options.strict):
        names = ", ".join(one.name for one in left_out[:5])
        offered = ", ".join(bundle.chromosomes[:30])
        message = f"The bundle holds no chromosome {names}; it holds {offered}."
        raise TesseraError(Code.chromosome_not_in_bundle, message, field="vcf", chromosomes=[o.name for o in left_out])
    met: list[_Met] = []
    for number, (held, name) in enumerate(shared):
        met.append(_meet(upload, held, name, bundle, _part(progress, 0.4 * number / len(shared), 0.4 / len(shared))))
    notes = check_overlap(_overlap(met), upload.build, bundle.manifest.build)
    for one in met:
        if len(one.selection.used) == 0:
            message = "None of its sites is in the bundle; the chromosome was not imputed."
            notes.append(Note("no_overlap", message, one.upload.sites, one.name))
    met = [one for one in met if len(one.selection.used)]
    counted = [_count(upload, one) for one in met]
    if options.strict:
        _refuse_mendings(counted)
    examined = [_examined(upload, one, bundle) for one in met]
    review = review_samples(upload, examined, bundle.manifest.build, options.samples, _part(progress, 0.4, 0.2))
    chromosomes: list[HarmonisedChromosome] = []
    with gzip.open(out / VARIANTS, "wt", encoding="utf-8", compresslevel=6) as variants:
        variants.write("chromosome\tposition\tid\tref\talt\tfate\n")
        for number, one in enumerate(met):
            part = _part(progress, 0.6 + 0.4 * number / len(met), 0.4 / len(met))
            store = upload.store(one.upload)
            table = bundle.sites(one.name)
            _write_typed(out, f"c{number}", store, one, table, review, part)
            _write_only(out, f"c{number}", store, one, table, review)
            _list_variants(variants, one, store.sites)
            label = f"chr{_safe(normal_contig(one.name))}"
            phased = store.phased and bundle.manifest.reads_haplotypes
            haploid = review.haploid(one.upload.name, one.upload.haploid)
            regions = review.regions(one.upload.name)
            chromosomes.append(HarmonisedChromosome(one.name, label, f"c{number}", phased, haploid, regions))
    contigs = {name: bundle.manifest.chromosomes[name].length for name in bundle.chromosomes}
    harmonised = Harmonised(out, review.kept_samples, bundle.manifest.build, contigs, chromosomes)
    harmonised.write()
    placed = place_samples(harmonised, bundle)
    notes = [Note.from_dict(note) for note in upload.notes] + notes
    qc = write_qc(
        out, upload, bundle.manifest.build, options.build, counted, left_out, notes, review, options.samples, placed
    )
    progress(1.0)
    return HarmoniseSummary(
        samples=len(review.kept),
        sites=sum(len(one.selection.used) for one in met),
        chromosomes=[one.name for one in chromosomes],
        qc=qc,
    )


def _part(progress: Progress, start: float, width: float) -> Progress:
    """Progress of a part as progress of the whole."""
    return lambda fraction: progress(start + width * fraction)


def _safe(name: str) -> str:
    """A contig name that may stand in a file name."""
    return "".join(char if char.isalnum() or char in "_-" else "_" for char in name)[:60]


def _split(upload: Ingested, bundle: BundleView) -> tuple[list[tuple[IngestedChromosome, str]], list[LeftOut]]:
    """Chromosomes that the bundle holds, with its names for them in its order, and those that it lacks."""
    uploaded = {one.name: one for one in upload.chromosomes}
    shared = [(uploaded[normal_contig(n)], n) for n in bundle.chromosomes if normal_contig(n) in uploaded]
    held = {one.name for one, _ in shared}
    return shared, [LeftOut(one.name, one.sites) for one in upload.chromosomes if one.name not in held]


def _meet(upload: Ingested, one: IngestedChromosome, name: str, bundle: BundleView, progress: Progress) -> _Met:
    """Match one chromosome."""
    store = upload.store(one)
    table = bundle.sites(name)
    selection = select(store.sites, count_calls(store, progress), table)
    length = bundle.manifest.chromosomes[name].length
    beyond = 0 if length is None else int((store.sites.pos > length).sum())
    return _Met(one, name, selection, len(table), beyond)


def _overlap(met: list[_Met]) -> Overlap:
    """Sum over the chromosomes."""
    return Overlap(
        sites=sum(one.upload.sites for one in met),
        shared=sum(one.selection.shared for one in met),
        matched=sum(len(one.selection.used) for one in met),
        beyond=sum(one.beyond for one in met),
        within=sum(one.selection.within for one in met),
        chance=sum(one.selection.within * one.selection.density for one in met),
    )


def _count(upload: Ingested, one: _Met) -> ChromosomeQc:
    """The counts of one chromosome for the report."""
    return ChromosomeQc.make(one.name, one.upload, one.selection, one.bundle_sites, len(upload.samples))


def _refuse_mendings(counted: list[ChromosomeQc]) -> None:
    """Strict mode: nothing may be changed or removed here."""
    for one in counted:
        for code, note in chromosome_notes(one):
            if code is not None:
                message = f"{note.message.rstrip('.')} (chromosome {one.name}): strict mode refuses this."
                raise TesseraError(code, message, field="vcf", count=note.count, chromosome=one.name)


def _examined(upload: Ingested, one: _Met, bundle: BundleView) -> Examined:
    """The used sites of a chromosome, for sample QC."""
    table, used = bundle.sites(one.name), one.selection.used
    rows = one.selection.rows[used]
    af = None if table.af is None else table.af[rows]
    return Examined(one.upload.name, upload.store(one.upload).codes, used, table.pos[rows], af)


def _write_typed(
    out: Path, name: str, store: Store, one: _Met, table: SiteTable, review: SampleReview, progress: Progress
) -> None:
    """Write the used sites of the kept samples in the bundle's orientation."""
    samples = len(review.kept)
    used, rows = one.selection.used, one.selection.rows[one.selection.used]
    turned = np.isin(one.selection.fate[used], (Fate.swapped, Fate.flipped_swapped))
    blocks = row_blocks(len(used), store.codes.shape[1])
    with StoreWriter(out, f"{name}.typed", samples, one.name) as writer:
        for first in blocks:
            part = slice(first, first + blocks.step)
            codes = store.codes[used[part]]
            codes[turned[part]] = gt.swap_alleles(codes[turned[part]])
            sites = table.take(rows[part])
            codes = review.prepare(one.upload.name, codes, sites.pos)
            writer.append(sites, codes, phased=store.phased, rows=rows[part])
            progress(min(1.0, (first + blocks.step) / len(used)))


def _write_only(out: Path, name: str, store: Store, one: _Met, table: SiteTable, review: SampleReview) -> None:
    """Write the typed-only sites of the kept samples, each with the bundle row that it goes out before."""
    samples = len(review.kept)
    only = one.selection.only
    before = np.searchsorted(table.pos, store.sites.pos[only], side="right").astype(np.int32)
    blocks = row_blocks(len(only), store.codes.shape[1])
    with StoreWriter(out, f"{name}.only", samples, one.name) as writer:
        for first in blocks:
            part = slice(first, first + blocks.step)
            sites = replace(store.sites.take(only[part]), chrom=one.name)  # the upload may have written chr20 for 20
            codes = review.prepare(one.upload.name, store.codes[only[part]], sites.pos)
            writer.append(sites, codes, phased=store.phased, rows=before[part])


def _list_variants(out: TextIO, one: _Met, sites: SiteTable) -> None:
    """One line for every site that was not used as it came."""
    for row in np.flatnonzero(one.selection.fate != Fate.exact).tolist():
        fate = Fate(int(one.selection.fate[row])).name
        out.write(f"{one.name}\t{sites.pos[row]}\t{sites.id[row]}\t{sites.ref[row]}\t{sites.alt[row]}\t{fate}\n")
