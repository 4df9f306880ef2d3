"""Which chromosome a contig's name means, and how a result names chromosomes: one style throughout."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from typing import Final

from genotypes.builds import build_of_name
from genotypes.harmonise import normal_contig
from genotypes.manifest import BundleManifest

_OTHER_BUILDS: Final = re.compile(r"CHM13|\bhs1\b|hg1[5-8]|NCBI_?3[3-6]|\bb36\b", re.IGNORECASE)
_AUTOSOMES: Final = 22  # of people
# Scaffolds and patches (chrUn_KI270302v1, NKLS02000001.1) have names of their own, which no prefix turns into others.
_CHROMOSOME: Final = re.compile(r"(chr)?(\d{1,3}[A-Z]?|[A-Z]{1,2}\d{0,2}|[IVX]+|LG\d+)", re.IGNORECASE)


def plain_contig(name: str) -> str:
    """A chromosome's name without `chr` and leading zeros; unlike `normal_contig`, 23 stays 23, which cattle have."""
    plain = name[3:] if name[:3].lower() == "chr" and len(name) > 3 else name
    return plain.lstrip("0") or plain if plain.isdecimal() else plain


def is_human(build: str | None) -> bool:
    """Whether a build is a human one, under any usual alias."""
    return build is not None and (build_of_name(build) or _OTHER_BUILDS.search(build)) is not None


def of_people(manifest: BundleManifest) -> bool:
    """Whether a bundle is of people, so that 23 to 26 are X, Y, X and mitochondria, as PLINK numbers them.

    Its build tells, or that it holds 22 autosomes and X: the species is "Homo sapiens" also where nobody stated one.
    """
    names = {plain_contig(name).upper() for name in manifest.chromosomes}
    numbers = {int(name) for name in names if name.isdecimal()}
    return is_human(manifest.build) or ("X" in names and numbers == set(range(1, _AUTOSOMES + 1)))


def chromosome_name(contig: str, people: bool) -> str:
    """The one name of a chromosome, however a file writes it (`normal_contig`).

    Args:
        contig: its name in a file.
        people: whether 23 to 26 are X, Y, X and mitochondria; of other species, and while nobody knows whose
            chromosomes they are, numbers stay, as cattle, horses and dogs have autosomes of these numbers.
    """
    plain = plain_contig(contig)
    normal = normal_contig(contig) or plain
    odd = plain.isdecimal() or (normal.isdecimal() and int(normal) > _AUTOSOMES)
    return plain if odd and not people else normal


def contig_like(contig: str, others: Collection[str], people: bool = False) -> str:
    """A chromosome's name as it would be written beside `others`, with or without `chr` and leading zeros as they are.

    Names that are not of chromosomes, and all names beside others that are not, stay as they are.

    Args:
        contig: the name.
        others: names in the wanted style, most of which decide.
        people: whether all are of people, of whom 23 is written X.
    """
    styles = Counter[str]()
    width = 0
    for other in others:
        if (found := _CHROMOSOME.fullmatch(other)) is not None:
            styles[found[1] or ""] += 1
            width = max(width, len(found[2]) if found[2].startswith("0") else 0)
    name = chromosome_name(contig, people) if people else plain_contig(contig)
    if not styles or _CHROMOSOME.fullmatch(name) is None:
        return contig
    return styles.most_common(1)[0][0] + (name.zfill(width) if name.isdecimal() else name)
