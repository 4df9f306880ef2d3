"""Names and lengths of the human assemblies that uploads come in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

GRCH37: Final = "GRCh37"
GRCH38: Final = "GRCh38"
_NAMES: Final = re.compile(
    r"(?P<b37>GRCh37|hg19|b37|hs37|g1k_v37|v37)|(?P<b38>GRCh38|hg38|b38|hs38|v38)", re.IGNORECASE
)

# bp of chromosomes 1-22, X, Y
_LENGTHS_37: Final = (
    249250621, 243199373, 198022430, 191154276, 180915260, 171115067, 159138663, 146364022,
    141213431, 135534747, 135006516, 133851895, 115169878, 107349540, 102531392, 90354753,
    81195210, 78077248, 59128983, 63025520, 48129895, 51304566, 155270560, 59373566,
)  # fmt: skip
_LENGTHS_38: Final = (
    248956422, 242193529, 198295559, 190214555, 181538259, 170805979, 159345973, 145138636,
    138394717, 133797422, 135086622, 133275309, 114364328, 107043718, 101991189, 90338345,
    83257441, 80373285, 58617616, 64444167, 46709983, 50818468, 156040895, 57227415,
)  # fmt: skip
_ORDER: Final = (*(str(number) for number in range(1, 23)), "X", "Y")
LENGTHS: Final = {
    GRCH37: dict(zip(_ORDER, _LENGTHS_37, strict=True)),
    GRCH38: dict(zip(_ORDER, _LENGTHS_38, strict=True)),
}
_BY_LENGTH: Final = {length: build for build, table in LENGTHS.items() for length in table.values()}

# bp, 1-based, first and last of the two regions that X shares with Y, where males are diploid (Genome Reference
# Consortium; the same bounds as PLINK's b37 and b38).
PAR: Final = {
    GRCH37: ((60_001, 2_699_520), (154_931_044, 155_260_560)),
    GRCH38: ((10_001, 2_781_479), (155_701_383, 156_030_895)),
}


def par_bounds(build: str) -> tuple[int, int] | None:
    """First and last bp of X outside its pseudoautosomal regions (nonPAR); None for a build that is not human."""
    name = build_of_name(build)
    if name is None:
        return None
    (_, first), (last, _) = PAR[name]
    return first + 1, last - 1


def base_pairs(text: str) -> tuple[int, int]:
    """First and last bp of a range written FIRST-LAST; ValueError with a sentence for anything else."""
    first, _, last = text.strip().replace(",", "").removeprefix("X:").removeprefix("chrX:").partition("-")
    if not (first.isdecimal() and last.isdecimal() and 0 < int(first) <= int(last)):
        raise ValueError(f"'{text}' is no range of base pairs such as 2781480-155701382.")
    return int(first), int(last)


def build_of_name(text: str) -> str | None:
    """GRCh37 or GRCh38 when `text` (an assembly or reference name) names it under any usual alias."""
    if (found := _NAMES.search(text)) is None:
        return None
    return GRCH37 if found["b37"] else GRCH38


def build_of_lengths(contigs: Mapping[str, int | None]) -> str | None:
    """The human build that most contig lengths are of, or None."""
    votes = [_BY_LENGTH[length] for length in contigs.values() if length in _BY_LENGTH]
    return max(set(votes), key=votes.count) if votes else None
