"""Does the upload lie on the bundle's genome build, and does it meet the bundle at all?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from errors import Code, TesseraError
from genotypes.builds import build_of_name
from worker.pipeline.types import Note

ENOUGH = 10  # shared positions below which their alleles prove nothing
MANY = 200  # sites from which a count of shared positions can be told from chance
FEW = 3  # shared positions that chance alone may bring wherever it expects none
ALLELES_AGREE = 0.75  # of shared positions; on the right build nearly all agree, by chance about half do
POSITIONS_SHARED = 0.2  # of the upload's sites; chance alone shares a few per cent
HEADER_OVERRULED = 0.5  # of the upload's sites matched: the header's word counts no more


@dataclass(frozen=True, slots=True)
class Overlap:
    """How the upload meets the bundle, over all chromosomes that both hold."""

    sites: int  # of the upload
    shared: int  # at a position of the bundle
    matched: int  # at a position and with the alleles of the bundle
    beyond: int = 0  # past the end of the bundle's chromosome
    within: int = 0  # between the bundle's first and last site
    chance: float = 0.0  # how many of those would share a position with the bundle if they lay anywhere


def normal_build(name: str) -> str:
    """GRCh37 or GRCh38 for any usual name of them; other names stay as they are."""
    return build_of_name(name) or name


def check_choice(chosen: str, bundle: str) -> None:
    """Refuse a build that the user names and the bundle is not on.

    Raises:
        TesseraError: `wrong_build`.
    """
    if chosen != "auto" and normal_build(chosen) != normal_build(bundle):
        message = f"The job says build {chosen}, but the bundle is on {bundle}."
        raise TesseraError(Code.wrong_build, message, field="build", build=chosen, bundle_build=bundle)


def check_overlap(overlap: Overlap, header: str | None, bundle: str) -> list[Note]:
    """Tell a wrong build from a plain lack of overlap; a header that contradicts the sites is only noted.

    Args:
        overlap: counts over the chromosomes that both hold.
        header: build that the upload's header names or that its contig lengths give away.
        bundle: build of the bundle.

    Raises:
        TesseraError: `wrong_build` or `no_overlap`.
    """
    facts: dict[str, Any] = {
        "build": header,
        "bundle_build": bundle,
        "sites": overlap.sites,
        "shared_positions": overlap.shared,
        "matched": overlap.matched,
    }
    foreign = header is not None and normal_build(header) != normal_build(bundle)
    if foreign and overlap.matched < HEADER_OVERRULED * overlap.sites:
        message = (
            f"The file's header says build {header}, the bundle is on {bundle}, "
            f"and only {overlap.matched:,} of {overlap.sites:,} sites match."
        )
        raise TesseraError(Code.wrong_build, message, field="vcf", **facts)
    by_chance = overlap.shared < POSITIONS_SHARED * overlap.sites and overlap.matched < ALLELES_AGREE * overlap.shared
    no_more = overlap.within >= MANY and 0 < overlap.shared <= 2 * overlap.chance + FEW
    if (overlap.shared >= ENOUGH and by_chance) or no_more:
        message = (
            f"The file looks like another build than {bundle}: only {overlap.shared:,} of its {overlap.sites:,} sites "
            f"share a position with the bundle, and {overlap.matched:,} of those carry its alleles."
        )
        raise TesseraError(Code.wrong_build, message, field="vcf", **facts)
    if overlap.beyond and overlap.matched < HEADER_OVERRULED * overlap.sites:
        message = f"{overlap.beyond:,} sites lie past the end of their chromosome on {bundle}, the bundle's build."
        raise TesseraError(Code.wrong_build, message, field="vcf", **facts)
    if overlap.sites == 0:
        message = "No variant of the chromosomes that the bundle holds has alleles that are spelled in bases."
        action = "Export the genotypes with REF and ALT spelled in bases."
        raise TesseraError(Code.symbolic_alleles, message, action=action, field="vcf", **facts)
    if overlap.matched == 0:
        message = f"None of the {overlap.sites:,} sites is in the bundle with the same position and alleles."
        raise TesseraError(Code.no_overlap, message, field="vcf", **facts)
    if foreign:
        message = f"The header says build {header}, but the sites match {bundle}; they were taken as {bundle}."
        return [Note("build_header_disagrees", message)]
    return []
