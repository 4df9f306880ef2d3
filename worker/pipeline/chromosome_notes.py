"""What happened to the sites of a chromosome, a sentence a kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from errors import Code
from worker.pipeline.types import Note

if TYPE_CHECKING:
    from worker.pipeline.qc import ChromosomeQc


def chromosome_notes(one: ChromosomeQc) -> Iterator[tuple[Code | None, Note]]:
    """What happened to sites of a chromosome, with the code that strict mode refuses it with (None: no mending)."""
    for code, name, count, message in (*_mendings(one), *_exclusions(one)):
        if count:
            yield code, Note(name, message, count, one.name)
    if one.contigs != [one.name]:
        written = ", ".join(f"'{contig}'" for contig in one.contigs)
        yield None, Note("contig_names", f"Contig {written} was taken as '{one.name}'.", 1, one.name)


def _mendings(one: ChromosomeQc) -> Iterator[tuple[Code | None, str, int, str]]:
    """Code for strict mode (None: nothing mended), note's code, count, sentence."""
    if one.ref_known:
        yield Code.allele_mismatch, "swapped", one.swapped, "REF and ALT were swapped to the bundle's order."
    else:
        message = "REF and ALT, which the files do not tell apart, were put in the bundle's order."
        yield None, "swapped", one.swapped, message
    yield Code.allele_mismatch, "flipped", one.flipped, "Alleles were read on the other strand."
    told = "as the rest of the file is" if one.strand == "reverse" else "as their allele frequencies tell"
    message = f"A/T and C/G sites were read on the other strand, {told}; they count among the flipped ones."
    yield Code.allele_mismatch, "palindromic_flipped", one.palindromic_flipped, message
    message = "A/T and C/G sites whose strand neither the file nor their frequency tells were set missing and imputed."
    yield Code.strand_ambiguous, "ambiguous_strand", one.ambiguous_strand, message
    message = "Variants that the bundle writes with other bases were matched by their shortest or leftmost form."
    yield Code.allele_mismatch, "realigned", one.realigned, message
    message = "Sites that would have needed a mending which the job does not allow were removed."
    yield Code.allele_mismatch, "not_mended", one.not_mended, message
    message = "Lifted sites whose REF is not what the reference genome holds there were removed."
    yield Code.allele_mismatch, "ref_mismatch", one.ref_mismatch, message
    message = "Sites whose alleles fit the bundle's at the same position in no way were removed."
    yield Code.allele_mismatch, "allele_mismatch", one.allele_mismatch, message
    message = "Repeated records of a variant were removed; the one with the most calls stayed."
    if one.merged:
        message = "Repeated records of a variant were merged into the one with the most calls."
    if one.discordant:
        message += f" They contradict each other in {one.discordant:,} genotypes, which were set missing."
    yield Code.duplicate_positions, "duplicate_positions", one.duplicate_positions + one.merged, message


def _exclusions(one: ChromosomeQc) -> Iterator[tuple[Code | None, str, int, str]]:
    """Sites that were well-formed and are not used all the same, or merely stand out."""
    yield None, "all_missing", one.all_missing, "Sites without a single called genotype were taken as not typed."
    yield None, "typed_only", one.typed_only, "Sites that the bundle lacks stay in the result as they came."
    message = "Sites called in too few samples were set missing and imputed."
    yield None, "low_call_rate_sites", one.low_call_rate, message
    message = "Sites out of Hardy-Weinberg proportions were set missing and imputed."
    yield None, "hwe", one.hwe, message
    message = "Sites with too few heterozygotes for Hardy-Weinberg proportions were kept: the whole cohort has too few"
    yield None, "hwe_few_hets", one.hwe_few_hets, f"{message} (structure or inbreeding, F = {one.inbreeding or 0:.3f})."
    message = "Sites whose allele frequency is far from the one expected were set missing and imputed."
    yield None, "af_difference", one.af_difference, message
    message = "Sites whose allele frequency differs from the one expected were used and listed."
    yield None, "af_listed", one.af_far - one.af_difference, message


def strand_facts(chromosomes: Sequence[ChromosomeQc]) -> dict[str, Any]:
    """How the strand of A/T and C/G sites was settled, over all chromosomes."""
    sites = sum(one.palindromic for one in chromosomes)
    flipped = sum(one.palindromic_flipped for one in chromosomes)
    ambiguous = sum(one.ambiguous_strand for one in chromosomes)
    found = {one.strand for one in chromosomes if one.palindromic}
    if not sites:
        message = "No A/T or C/G site was matched."
    elif found == {"forward"}:
        message = f"{sites:,} A/T and C/G sites were taken as written: the other sites are on the bundle's strand."
    elif found == {"reverse"} and flipped < sites:
        message = (
            f"Of {sites:,} A/T and C/G sites {flipped:,} were read on the other strand; the others were not used, as "
            "the other sites are on that strand and the job does not allow to read these so."
        )
    elif found == {"reverse"}:
        message = f"{sites:,} A/T and C/G sites were read on the other strand, as the other sites are."
    else:
        message = (
            f"Of {sites:,} A/T and C/G sites {flipped:,} were read on the other strand and {ambiguous:,} set missing: "
            "the other sites do not agree on a strand, so allele frequencies decided as far as the job allows."
        )
    return {"palindromic": sites, "flipped": flipped, "ambiguous": ambiguous, "message": message}
