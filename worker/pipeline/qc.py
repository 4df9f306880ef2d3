"""The QC document: what came in, what was mended or removed and why, and how complete the samples are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from genotypes.ancestry import AncestryMap, Placement
from genotypes.mending import mend_text
from worker.pipeline.ancestry import ancestry_document
from worker.pipeline.chromosome_notes import chromosome_notes, strand_facts
from worker.pipeline.fates import REMOVED, USED, Fate
from worker.pipeline.folder import Ingested, IngestedChromosome
from worker.pipeline.harmonise_options import HarmoniseOptions
from worker.pipeline.population import Expected
from worker.pipeline.sample_qc import SampleReview
from worker.pipeline.sample_report import SAMPLES, sample_document, write_samples
from worker.pipeline.selection import Selection
from worker.pipeline.types import QC, Note

LOW_CALL_RATE = 0.9
SHOWN_SAMPLES = 50
SHOWN_CHROMOSOMES = 10  # of those that the bundle lacks; of contigs there may be thousands


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A chromosome of the upload that the bundle lacks."""

    name: str
    sites: int


@dataclass(frozen=True, slots=True)
class ChromosomeQc:
    """Counts of sites of one chromosome."""

    name: str  # the bundle's name
    contigs: list[str]  # as the files wrote it
    read: int
    matched: int  # sites used
    exact: int
    swapped: int  # REF and ALT changed places, on either strand
    flipped: int  # read on the other strand, in either order
    typed_only: int
    removed: int
    allele_mismatch: int
    duplicate_positions: int
    all_missing: int
    half_calls: int  # genotypes
    bundle_sites: int
    bundle_share: float  # share of the bundle's sites that are typed
    phased: bool
    haploid_samples: int
    samples: int
    ref_known: bool  # False where some file does not tell REF from ALT: then a swap mends nothing
    palindromic: int  # matched A/T and C/G sites
    palindromic_flipped: int  # read on the other strand, as the file's other sites or frequencies tell
    ambiguous_strand: int
    strand: str  # of the palindromic sites: forward, reverse, or unknown (then frequencies decide)
    realigned: int  # used, though written otherwise than in the bundle
    not_mended: int
    ref_mismatch: int  # lifted sites that neither the bundle nor the reference genome has so
    merged: int  # repeated records whose calls went into another one
    low_call_rate: int
    hwe: int
    hwe_few_hets: int  # past the threshold, but the whole cohort lacks heterozygotes
    inbreeding: float | None  # mean inbreeding coefficient of the cohort
    af_difference: int
    af_far: int  # past the threshold of chi-square, used or not
    monomorphic: int
    not_lifted: int = 0
    discordant: int = 0  # genotypes that repeated records contradict each other in

    @classmethod
    def make(cls, name: str, upload: IngestedChromosome, selection: Selection, bundle_sites: int, samples: int) -> Self:
        """Count the fates of a selection."""
        return cls(
            name=name,
            contigs=upload.contigs,
            read=upload.sites,
            matched=selection.count(*USED),
            exact=selection.count(Fate.exact),
            swapped=selection.count(Fate.swapped, Fate.flipped_swapped, Fate.realigned_swapped),
            flipped=selection.count(Fate.flipped, Fate.flipped_swapped),
            typed_only=selection.count(Fate.typed_only),
            removed=selection.count(*REMOVED) + upload.sites - len(selection.fate),
            allele_mismatch=selection.count(Fate.allele_mismatch),
            duplicate_positions=selection.count(Fate.duplicate_positions),
            all_missing=selection.count(Fate.all_missing),
            half_calls=upload.counts.get("half_calls", 0),
            bundle_sites=bundle_sites,
            bundle_share=selection.count(*USED) / max(1, bundle_sites),
            phased=upload.phased,
            haploid_samples=len(upload.haploid),
            samples=samples,
            ref_known=upload.ref_known,
            palindromic=selection.palindromic,
            palindromic_flipped=selection.palindromic_flipped,
            ambiguous_strand=selection.count(Fate.ambiguous_strand),
            strand=selection.strand.name,
            realigned=selection.count(Fate.realigned, Fate.realigned_swapped),
            not_mended=selection.count(Fate.not_mended),
            ref_mismatch=selection.count(Fate.ref_mismatch),
            merged=selection.count(Fate.merged),
            low_call_rate=selection.count(Fate.low_call_rate),
            hwe=selection.count(Fate.hwe),
            hwe_few_hets=selection.qc.few_hets,
            inbreeding=selection.qc.inbreeding,
            af_difference=selection.count(Fate.af_difference),
            af_far=selection.af_far,
            monomorphic=selection.qc.monomorphic,
            not_lifted=upload.sites - len(selection.fate),
        )


def write_qc(
    out: Path,
    upload: Ingested,
    builds: Mapping[str, Any],
    options: HarmoniseOptions,
    chromosomes: Sequence[ChromosomeQc],
    left_out: Sequence[LeftOut],
    notes: Sequence[Note],
    review: SampleReview,
    expected: Expected,
    placed: tuple[AncestryMap, Placement] | None = None,
) -> dict[str, Any]:
    """Write `qc.json` and the call rate of every sample; returns the document.

    Args:
        out: folder.
        upload: what was ingested.
        builds: the bundle's build, the header's, the chosen one, and what was found.
        options: what was allowed, and the thresholds.
        chromosomes: counts of the chromosomes that are used.
        left_out: chromosomes that the bundle lacks.
        notes: what was noted before.
        review: what sample QC found.
        expected: the frequencies that the upload was compared with.
        placed: the bundle's map of populations and the kept samples on it, where it has one.
    """
    used = sum(one.matched for one in chromosomes)
    rates = review.calls / max(1, review.sites)
    all_notes = list(notes) + [note for one in chromosomes for _, note in chromosome_notes(one)] + review.notes
    for one in left_out[:SHOWN_CHROMOSOMES]:
        message = "The bundle does not hold this chromosome; it was not imputed."
        all_notes.append(Note("chromosome_not_in_bundle", message, one.sites, one.name))
    if further := left_out[SHOWN_CHROMOSOMES:]:
        message = f"The bundle does not hold {len(further):,} further chromosomes or contigs; they were not imputed."
        all_notes.append(Note("chromosome_not_in_bundle", message, sum(one.sites for one in further)))
    low = int((rates < LOW_CALL_RATE).sum())
    if low:
        message = f"Samples called at less than {LOW_CALL_RATE:.0%} of the sites used: expect lower accuracy."
        all_notes.append(Note("low_call_rate", message, low))
    lowest = np.argsort(rates, kind="stable")[:SHOWN_SAMPLES]
    read = sum(one.sites for one in upload.chromosomes)
    document: dict[str, Any] = {
        "samples": len(review.kept),
        "build": dict(builds),
        "strand": strand_facts(chromosomes),
        "mend": mend_text(options.mend),
        "thresholds": options.qc.as_dict(),
        "population": expected.document(review.kept_samples, review.kept),
        "sites": {
            "read": read,
            "matched": used,
            "typed_only": sum(one.typed_only for one in chromosomes),
            "removed": sum(one.removed for one in chromosomes),
            "left_out": read - sum(one.read for one in chromosomes),
        },
        "chromosomes": [asdict(one) for one in chromosomes],
        "left_out": [asdict(one) for one in left_out],
        "notes": [note.as_dict() for note in all_notes],
        "call_rate": {
            "mean": float(rates.mean()) if len(rates) else None,
            "min": float(rates.min()) if len(rates) else None,
            "warn_below": LOW_CALL_RATE,
            "lowest": [{"sample": upload.samples[row], "rate": float(rates[row])} for row in lowest.tolist()],
        },
        "sample_qc": sample_document(review, options.samples),
    }
    if placed is not None:
        document["ancestry"] = ancestry_document(review.kept_samples, *placed)
    (out / QC).write_text(json.dumps(document, indent=1) + "\n")
    write_samples(out / SAMPLES, review, placed)
    return document


def add_notes(out: Path, document: dict[str, Any], notes: Sequence[Note]) -> None:
    """Put notes before those of a QC document that was written into `out`."""
    document["notes"][:0] = [note.as_dict() for note in notes]
    (out / QC).write_text(json.dumps(document, indent=1) + "\n")
