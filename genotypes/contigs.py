"""How a result names chromosomes: one style throughout, whatever mixture of names its sources have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from typing import Final

from genotypes.builds import build_of_name
from genotypes.harmonise import normal_contig

# Scaffolds and patches (chrUn_KI270302v1, NKLS02000001.1) have names of their own, which no prefix turns into others.
_CHROMOSOME: Final = re.compile(r"(chr)?(\d{1,3}[A-Z]?|[A-Z]{1,2}\d{0,2}|[IVX]+|LG\d+)", re.IGNORECASE)


def plain_contig(name: str) -> str:
    """A chromosome's name without `chr` and leading zeros; unlike `normal_contig`, 23 stays 23, which cattle have."""
    plain = name[3:] if name[:3].lower() == "chr" and len(name) > 3 else name
    return plain.lstrip("0") or plain if plain.isdecimal() else plain


def is_human(build: str | None) -> bool:
    """Whether a build is a human one, under any usual alias."""
    return build is not None and build_of_name(build) is not None


def chromosome_name(contig: str, build: str | None) -> str:
    """The plain name of a chromosome; on a human build the normal one, so that 23 and the regions of X are X."""
    return (normal_contig(contig) if is_human(build) else "") or plain_contig(contig)


def contig_like(contig: str, others: Collection[str], build: str | None = None) -> str:
    """A chromosome's name as it would be written beside `others`, with or without `chr` and leading zeros as they are.

    Names that are not of chromosomes, and all names beside others that are not, stay as they are.

    Args:
        contig: the name.
        others: names in the wanted style, most of which decide.
        build: of all of them; on a human one 23 is written X.
    """
    styles = Counter[str]()
    width = 0
    for other in others:
        if (found := _CHROMOSOME.fullmatch(other)) is not None:
            styles[found[1] or ""] += 1
            width = max(width, len(found[2]) if found[2].startswith("0") else 0)
    name = chromosome_name(contig, build)
    if not styles or _CHROMOSOME.fullmatch(name) is None:
        return contig
    return styles.most_common(1)[0][0] + (name.zfill(width) if name.isdecimal() else name)
