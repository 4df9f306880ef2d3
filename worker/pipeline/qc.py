"""The QC document: what came in, what was mended or removed and why, and how complete the samples are."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from errors import Code
from worker.pipeline.folder import Ingested, IngestedChromosome
from worker.pipeline.selection import REMOVED, USED, Fate, Selection
from worker.pipeline.types import Note

LOW_CALL_RATE = 0.9
SHOWN_SAMPLES = 50
QC = "qc.json"
SAMPLES = "qc-samples.tsv.gz"


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

    @classmethod
    def make(cls, name: str, upload: IngestedChromosome, selection: Selection, bundle_sites: int, samples: int) -> Self:
        """Count the fates of a selection."""
        return cls(
            name=name,
            contigs=upload.contigs,
            read=upload.sites,
            matched=selection.count(*USED),
            exact=selection.count(Fate.exact),
            swapped=selection.count(Fate.swapped, Fate.flipped_swapped),
            flipped=selection.count(Fate.flipped, Fate.flipped_swapped),
            typed_only=selection.count(Fate.typed_only),
            removed=selection.count(*REMOVED),
            allele_mismatch=selection.count(Fate.allele_mismatch),
            duplicate_positions=selection.count(Fate.duplicate_positions),
            all_missing=selection.count(Fate.all_missing),
            half_calls=upload.counts.get("half_calls", 0),
            bundle_sites=bundle_sites,
            bundle_share=selection.count(*USED) / max(1, bundle_sites),
            phased=upload.phased,
            haploid_samples=len(upload.haploid),
            samples=samples,
        )


def chromosome_notes(one: ChromosomeQc) -> Iterator[tuple[Code | None, Note]]:
    """What happened to sites of a chromosome, with the code that strict mode refuses it with (None: no mending)."""
    mendings: list[tuple[Code | None, str, int, str]] = [
        (Code.allele_mismatch, "swapped", one.swapped, "REF and ALT were swapped to the bundle's order."),
        (Code.allele_mismatch, "flipped", one.flipped, "Alleles were read on the other strand."),
        (
            Code.allele_mismatch,
            "allele_mismatch",
            one.allele_mismatch,
            "Sites whose alleles fit the bundle's at the same position in no way were removed.",
        ),
        (
            Code.duplicate_positions,
            "duplicate_positions",
            one.duplicate_positions,
            "Repeated records of a variant were removed; the one with the most calls stayed.",
        ),
        (None, "all_missing", one.all_missing, "Sites without a single called genotype were taken as not typed."),
        (None, "typed_only", one.typed_only, "Sites that the bundle lacks stay in the result as they came."),
    ]
    for code, name, count, message in mendings:
        if count:
            yield code, Note(name, message, count, one.name)
    if one.contigs != [one.name]:
        written = ", ".join(f"'{contig}'" for contig in one.contigs)
        yield None, Note("contig_names", f"Contig {written} was taken as '{one.name}'.", 1, one.name)


def write_qc(
    out: Path,
    upload: Ingested,
    build: str,
    chosen: str,
    chromosomes: Sequence[ChromosomeQc],
    left_out: Sequence[LeftOut],
    notes: Sequence[Note],
    sample_calls: NDArray[np.int64],
) -> dict[str, Any]:
    """Write `qc.json` and the call rate of every sample; returns the document.

    Args:
        out: folder.
        upload: what was ingested.
        build: the bundle's build.
        chosen: the build that the job asked for.
        chromosomes: counts of the chromosomes that are used.
        left_out: chromosomes that the bundle lacks.
        notes: what was noted before.
        sample_calls: (S,) called genotypes of every sample at the sites used.
    """
    used = sum(one.matched for one in chromosomes)
    rates = sample_calls / max(1, used)
    all_notes = list(notes) + [note for one in chromosomes for _, note in chromosome_notes(one)]
    for one in left_out:
        message = "The bundle does not hold this chromosome; it was not imputed."
        all_notes.append(Note("chromosome_not_in_bundle", message, one.sites, one.name))
    low = int((rates < LOW_CALL_RATE).sum())
    if low:
        message = f"Samples called at less than {LOW_CALL_RATE:.0%} of the sites used: expect lower accuracy."
        all_notes.append(Note("low_call_rate", message, low))
    lowest = np.argsort(rates, kind="stable")[:SHOWN_SAMPLES]
    read = sum(one.sites for one in upload.chromosomes)
    document: dict[str, Any] = {
        "samples": len(upload.samples),
        "build": {"bundle": build, "header": upload.build, "chosen": chosen},
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
    }
    (out / QC).write_text(json.dumps(document, indent=1) + "\n")
    with gzip.open(out / SAMPLES, "wt", encoding="utf-8", compresslevel=6) as file:
        file.write("sample\tcalled\tcall_rate\n")
        for sample, calls, rate in zip(upload.samples, sample_calls.tolist(), rates.tolist(), strict=True):
            file.write(f"{sample}\t{calls}\t{rate:.4f}\n")
    return document


def add_notes(out: Path, document: dict[str, Any], notes: Sequence[Note]) -> None:
    """Put notes before those of a QC document that was written into `out`."""
    document["notes"][:0] = [note.as_dict() for note in notes]
    (out / QC).write_text(json.dumps(document, indent=1) + "\n")
