"""Bring the upload into the bundle's terms: build, contig names, strand, allele order; say what was mended and why."""

from __future__ import annotations

import gzip
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.contigs import chromosome_name, of_people
from genotypes.liftover import KEPT, Lift, Lifted
from genotypes.sites import SiteTable
from genotypes.strand import Evidence
from worker.pipeline.ancestry import place_samples
from worker.pipeline.chromosome_notes import chromosome_notes
from worker.pipeline.fates import Fate, Meeting
from worker.pipeline.folder import Harmonised, HarmonisedChromosome, Ingested, IngestedChromosome
from worker.pipeline.harmonise_options import HarmoniseOptions
from worker.pipeline.ingest_names import named_for
from worker.pipeline.lifting import View, place
from worker.pipeline.population import Expected, check_choice, expect
from worker.pipeline.qc import ChromosomeQc, LeftOut, write_qc
from worker.pipeline.sample_qc import review_samples
from worker.pipeline.sample_scan import Examined, well_called
from worker.pipeline.selection import Rules, Selection, count_genotypes, select
from worker.pipeline.typed_stores import write_only, write_typed
from worker.pipeline.types import BundleView, HarmoniseSummary, Note, Progress, silent

VARIANTS = "qc-variants.tsv.gz"


__all__ = ["VARIANTS", "HarmoniseOptions", "harmonise"]


@dataclass(frozen=True, slots=True)
class _Met:
    """One chromosome that upload and bundle both hold."""

    view: View
    selection: Selection
    bundle_sites: int

    @property
    def upload(self) -> IngestedChromosome:
        """The chromosome as it was ingested."""
        return self.view.one

    @property
    def name(self) -> str:
        """The bundle's name."""
        return self.view.name


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
        options: build, strictness, what may be mended, thresholds.
        progress: called with the fraction done; may raise to abort.

    Raises:
        TesseraError: `wrong_build`, `chromosome_not_in_bundle`, `no_overlap`, `no_sites_left`, `population_unknown`;
            when strict, the code of a mending.
    """
    out.mkdir(parents=True, exist_ok=True)
    with named_for(Ingested.open(ingested), bundle.manifest, out.parent) as upload:
        return _harmonise(upload, bundle, out, options or HarmoniseOptions(), progress)


def _harmonise(
    upload: Ingested, bundle: BundleView, out: Path, options: HarmoniseOptions, progress: Progress
) -> HarmoniseSummary:
    """Match an upload whose chromosomes have their names with the bundle."""
    people = of_people(bundle.manifest)
    shared, left_out = _split(upload, bundle)
    if not shared or (left_out and options.strict):
        names = ", ".join(one.name for one in left_out[:5])
        offered = ", ".join(bundle.chromosomes[:30])
        message = f"The bundle holds no chromosome {names}; it holds {offered}."
        raise TesseraError(Code.chromosome_not_in_bundle, message, field="vcf", chromosomes=[o.name for o in left_out])
    check_choice(bundle, options.population)
    placed = place(upload, shared, bundle, options)
    panel = bundle.manifest.panel.get("haplotypes")
    evidence = sum((one.evidence for one in placed.meetings), Evidence(0, 0))
    judges = well_called([upload.store(held).codes for held, _ in shared], options.samples.min_call_rate)
    expected = expect(bundle, options.population, placed.views, placed.meetings, judges)
    options = replace(options, qc=expected.thresholds(options.qc))
    rules = Rules(options.mend, options.qc, int(panel) if panel else None, evidence, people)
    met: list[_Met] = []
    for number, (view, meeting) in enumerate(zip(placed.views, placed.meetings, strict=True)):
        part = _part(progress, 0.4 * number / len(shared), 0.4 / len(shared))
        met.append(_meet(view, meeting, bundle, rules, expected, judges, part))
    notes = list(placed.notes)
    for one in met:
        if len(one.selection.used) == 0:
            message = f"None of its sites can be used ({_reasons([one])}); the chromosome was not imputed."
            notes.append(Note("no_overlap", message, one.upload.sites, one.name))
    if not any(len(one.selection.used) for one in met):
        message = f"No site of the upload can be used: {_reasons(met)}."
        raise TesseraError(Code.no_sites_left, message, field="vcf")
    met = [one for one in met if len(one.selection.used)]
    counted = [_count(upload, one) for one in met]
    if options.strict:
        _refuse_mendings(counted)
    examined = [_examined(one, bundle, expected) for one in met]
    review = review_samples(upload, examined, bundle.manifest.build, options.samples, _part(progress, 0.4, 0.2))
    chromosomes: list[HarmonisedChromosome] = []
    with gzip.open(out / VARIANTS, "wt", encoding="utf-8", compresslevel=6) as variants:
        variants.write("chromosome\tposition\tid\tref\talt\tfate\tdetail\n")
        for number, one in enumerate(met):
            part = _part(progress, 0.6 + 0.4 * number / len(met), 0.4 / len(met))
            store, table = upload.store(one.upload), bundle.sites(one.name)
            lifted = one.view.sites(store.sites)
            prepare = partial(review.prepare, one.upload.name)
            discordant = write_typed(out, f"c{number}", store, lifted, one.selection, table, prepare, part)
            discordant += write_only(out, f"c{number}", store, lifted, one.selection, table, prepare)
            counted[number] = replace(counted[number], discordant=discordant)
            _list_variants(variants, one, store.sites, lifted)
            label = f"chr{_safe(chromosome_name(one.name, people))}"
            phased = store.phased and bundle.manifest.reads_haplotypes
            haploid = review.haploid(one.upload.name, one.upload.haploid)
            regions = review.regions(one.upload.name)
            chromosomes.append(HarmonisedChromosome(one.name, label, f"c{number}", phased, haploid, regions))
    contigs = {name: bundle.manifest.chromosomes[name].length for name in bundle.chromosomes}
    harmonised = Harmonised(out, review.kept_samples, bundle.manifest.build, contigs, chromosomes, expected.named,
                            bundle.manifest.haplotypes)  # fmt: skip
    harmonised.write()
    on_map = place_samples(harmonised, bundle)
    notes = [Note.from_dict(note) for note in upload.notes] + notes
    builds = {"bundle": bundle.manifest.build, "header": upload.build, "chosen": options.build} | placed.as_dict()
    qc = write_qc(out, upload, builds, options, counted, left_out, notes, review, expected, on_map)
    progress(1.0)
    return HarmoniseSummary(
        samples=len(review.kept),
        sites=sum(len(one.selection.used) for one in met),
        chromosomes=[one.name for one in chromosomes],
        qc=qc,
    )


def _reasons(met: list[_Met]) -> str:
    """What became of the sites of chromosomes without a usable one, the most frequent fate first."""
    fates = Counter(Fate(one).name for chromosome in met for one in chromosome.selection.fate.tolist())
    lost = sum(one.upload.sites - len(one.selection.fate) for one in met)
    if lost:
        fates["not_lifted"] = lost
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in fates.most_common(4))


def _part(progress: Progress, start: float, width: float) -> Progress:
    """Progress of a part as progress of the whole."""
    return lambda fraction: progress(start + width * fraction)


def _safe(name: str) -> str:
    """A contig name that may stand in a file name."""
    return "".join(char if char.isalnum() or char in "_-" else "_" for char in name)[:60]


def _split(upload: Ingested, bundle: BundleView) -> tuple[list[tuple[IngestedChromosome, str]], list[LeftOut]]:
    """Chromosomes that the bundle holds, with its names for them in its order, and those that it lacks."""
    uploaded, people = {one.name: one for one in upload.chromosomes}, of_people(bundle.manifest)
    named = [(chromosome_name(name, people), name) for name in bundle.chromosomes]
    shared = [(uploaded[normal], name) for normal, name in named if normal in uploaded]
    held = {one.name for one, _ in shared}
    return shared, [LeftOut(one.name, one.sites) for one in upload.chromosomes if one.name not in held]


def _meet(
    view: View,
    meeting: Meeting,
    bundle: BundleView,
    rules: Rules,
    expected: Expected,
    judges: NDArray[np.bool_],
    progress: Progress,
) -> _Met:
    """Judge the sites of one chromosome by the samples that are called well."""
    table, store = expected.table(bundle.sites(view.name), view.name), view.store()
    rules = replace(rules, panel_alleles=expected.alleles(view.name, rules.panel_alleles))
    lifted = view.sites(store.sites)
    counts = count_genotypes(store, progress, judges)
    if view.lifted:
        counts = counts.take(lifted.source)
    return _Met(view, select(lifted.sites, counts, table, meeting, rules), len(table))


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


def _examined(one: _Met, bundle: BundleView, expected: Expected) -> Examined:
    """The used sites of a chromosome, for sample QC."""
    table, used, store = expected.table(bundle.sites(one.name), one.name), one.selection.used, one.view.store()
    rows = one.selection.rows[used]
    af = None if table.af is None else table.af[rows]
    return Examined(one.upload.name, store.codes, one.view.sites(store.sites).source[used], table.pos[rows], af)


def _list_variants(out: TextIO, one: _Met, sites: SiteTable, lifted: Lifted) -> None:
    """One line for every site that was not used as it came, under its name in the upload."""
    chosen = one.selection
    lines = {}
    for row in np.flatnonzero(chosen.fate != Fate.exact).tolist():
        lines[int(lifted.source[row])] = Fate(int(chosen.fate[row])).name, chosen.detail.get(row, "")
    for row, detail in chosen.detail.items():
        lines[int(lifted.source[row])] = Fate(int(chosen.fate[row])).name, detail
    for row in np.flatnonzero(~np.isin(lifted.outcome, KEPT)).tolist():
        lines[row] = "not_lifted", Lift(int(lifted.outcome[row])).name
    for row, (fate, detail) in sorted(lines.items()):
        written = f"{sites.pos[row]}\t{sites.id[row]}\t{sites.ref[row]}\t{sites.alt[row]}"
        out.write(f"{one.name}\t{written}\t{fate}\t{detail}\n")
