"""Chromosomes of a family and of its bundle: which are the same, and one style of names for the whole result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from errors import Code, TesseraError
from genotypes.builds import LENGTHS, build_of_name
from genotypes.contigs import chromosome_name, contig_like, of_people
from genotypes.harmonise import normal_contig
from worker.pipeline.peel_folder import JoinedChromosome, store_sites
from worker.pipeline.types import BundleView, Note

_NOT_AUTOSOMES: Final = ("X", "Y", "MT")


def bundle_names(bundle: BundleView) -> dict[str, str]:
    """The bundle's names of its chromosomes by their plain ones (`plain_name`)."""
    return {plain_name(name, bundle): name for name in bundle.chromosomes}


def plain_name(contig: str, bundle: BundleView) -> str:
    """A chromosome's name, the same however it is written: 23 is X in bundles of people and itself in others."""
    return chromosome_name(contig, of_people(bundle.manifest)).upper()


def numbered_sex(chromosomes: Sequence[JoinedChromosome], bundle: BundleView) -> list[JoinedChromosome]:
    """Those that were read as autosomes 23 to 26 and that a bundle of people shows to be X, Y or mitochondria.

    Nobody knew the build when the files were joined, so that neither sexes nor copies were looked at.
    """
    if not of_people(bundle.manifest):
        return []
    return [one for one in chromosomes if one.non_par is None and normal_contig(one.contig) in _NOT_AUTOSOMES]


def sex_without_build(odd: Sequence[JoinedChromosome], bundle: BundleView, code: Code) -> TesseraError:
    """The refusal of such chromosomes."""
    names = ", ".join(one.contig for one in odd)
    message = (
        f"Contig {names} is no autosome of people, of whom the bundle is, and the build of the upload is not known."
    )
    action = f"State the build, such as {bundle.manifest.build}, or leave the contig out."
    return TesseraError(code, message, action=action, field="build")


def without_odd(odd: Sequence[JoinedChromosome], bundle: BundleView, strict: bool) -> list[Note]:
    """A note on each such chromosome that is left out.

    Raises:
        TesseraError: `engine_unavailable` when strict.
    """
    if odd and strict:
        raise sex_without_build(odd, bundle, Code.engine_unavailable)
    message = "It is no autosome of people, of whom the bundle is. State the build of the upload: it was left out."
    return [Note("not_an_autosome", message, one.sites, one.name) for one in odd]


def name_alike(
    folder: Path, chromosomes: Sequence[JoinedChromosome], bundle: BundleView, moved: bool
) -> list[JoinedChromosome]:
    """The chromosomes that do not have the bundle's sites under the names that the bundle has or would give them.

    Args:
        folder: with their stores, whose site lists are written anew.
        chromosomes: of the result.
        bundle: that some of them met.
        moved: whether positions were lifted to the bundle's build, whose lengths then hold.
    """
    names, build = bundle_names(bundle), bundle.manifest.build
    taken = {one.contig for one in chromosomes if one.bundle is not None}
    named = []
    for one in chromosomes:
        if one.bundle is None:
            plain = plain_name(one.contig, bundle)
            contig = names.get(plain) or contig_like(one.contig, bundle.chromosomes, of_people(bundle.manifest))
            contig = one.contig if contig in taken else contig
            if contig != one.contig:
                replace(store_sites(folder, one.store), chrom=contig).save(folder / f"{one.store}.sites.npz")
            length = LENGTHS.get(build_of_name(build) or "", {}).get(plain) if moved else one.length
            one = replace(one, contig=contig, length=length)
            taken.add(contig)
        named.append(one)
    return named
