"""Chromosomes X and Z of a pedigree, and genotypes that animals of one gamete cannot have.

Outside the pseudoautosomal regions (nonPAR) males have the dam's gamete alone; both regions are peeled as autosomes
are. Each of the three is peeled by itself, for across their bounds males change from one copy to two. Of Z, as birds
have it, the same holds with the sexes exchanged: there females have the sire's gamete alone.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.builds import par_bounds
from genotypes.likelihoods import FIRST, Observations
from genotypes.sample_stats import SampleSums, add_up
from genotypes.sex import Sex, SexLimits, check_sex
from genotypes.sites import SiteTable
from models.peeling.pedigree import FEMALE, MALE, UNKNOWN_SEX, Pedigree
from worker.pipeline.types import Note

LOST: Final = "haploid-heterozygotes.tsv.gz"
NAMED: Final = 20  # animals that a note names
_BLOCK: Final = 4 << 20  # genotypes looked at together

Bounds = tuple[int, int]
"""First and last bp of nonPAR."""
SexSystem = Literal["auto", "XY", "ZW"]
"""Who has one copy: males of X, females of Z, or by the chromosome's name."""


def is_z(name: str) -> bool:
    """Whether a sex chromosome, by its plain name, is Z, of which females have one copy."""
    return name.upper() == "Z"


def x_bounds(name: str, build: str | None, given: Bounds | None, system: SexSystem = "auto") -> Bounds | None:
    """First and last bp of nonPAR of a chromosome, if it is X or Z and its bounds are given or known of the build.

    Args:
        name: plain name.
        build: genome build; of a human one the bounds are known, and 23 is X.
        given: bounds that the user states.
        system: which of X and Z is a sex chromosome; auto goes by the name alone.
    """
    human = par_bounds(build) if build else None
    if system != "ZW" and (name.upper() == "X" or (name == "23" and human is not None)):
        return given or human
    return given if is_z(name) and system != "XY" else None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows of a chromosome that are inherited in one way."""

    first: int
    end: int
    non_par: bool
    number: int = 0  # of X: 0 PAR1, 1 nonPAR, 2 PAR2


def stretches(pos: NDArray[np.int32], bounds: Sequence[int] | None) -> list[Stretch]:
    """PAR1, nonPAR and PAR2 as far as there are sites, (V,) bp in order; of an autosome all of it."""
    if bounds is None:
        return [Stretch(0, len(pos), False)]
    parts = [stretch_of(pos, bounds, number) for number in range(3)]
    return [part for part in parts if part.first < part.end]


def stretch_of(pos: NDArray[np.int32], bounds: Sequence[int] | None, number: int) -> Stretch:
    """One of the three stretches of X, which may be empty; of an autosome all of it."""
    if bounds is None:
        return Stretch(0, len(pos), False)
    first, end = np.searchsorted(pos, bounds[0], "left"), np.searchsorted(pos, bounds[1], "right")
    edges = (0, int(first), int(end), len(pos))
    return Stretch(edges[number], edges[number + 1], number == 1, number)


@dataclass(frozen=True, slots=True, eq=False)
class Sexes:
    """Who has one X or Z.

    Attributes:
        single: (N,) bool, males of X or females of Z.
        inferred: rows whose sex the pedigree does not tell, but the chromosome.
        unsure: rows whose sex nothing tells; taken for those of two copies.
        contradicted: rows of which the chromosome says another sex than the pedigree, which is believed.
    """

    single: NDArray[np.bool_]
    inferred: list[int]
    unsure: list[int]
    contradicted: list[int]


def sexes(pedigree: Pedigree, seen: Observations, zw: bool = False) -> Sexes:
    """Sex of every animal: stated or by role, else what its calls in nonPAR show.

    Args:
        pedigree: N animals.
        seen: (V, N) observations in nonPAR.
        zw: of Z, whose females look as males do on X.
    """
    sums = SampleSums.none(len(pedigree))
    for first, end in _blocks(seen):
        rows = np.asarray(seen[first:end])
        codes = (np.where(rows < FIRST, rows, 0).astype(np.int16) - 1).astype(np.int8)
        sums = sums + add_up(codes)[0]
    shown = check_sex(sums, None, SexLimits()).sex
    if zw:
        shown = np.array([Sex.unknown, Sex.female, Sex.male], np.int8)[shown]
    untold = pedigree.sex == UNKNOWN_SEX
    told = ~untold & (shown != Sex.unknown) & (shown != pedigree.sex)
    return Sexes(
        single=np.where(untold, shown, pedigree.sex) == (FEMALE if zw else MALE),
        inferred=np.flatnonzero(untold & (shown != Sex.unknown)).tolist(),
        unsure=np.flatnonzero(untold & (shown == Sex.unknown)).tolist(),
        contradicted=np.flatnonzero(told).tolist(),
    )


def sex_notes(pedigree: Pedigree, found: Sexes, chromosome: str, strict: bool) -> list[Note]:
    """What was taken for granted, naming the animals.

    Raises:
        TesseraError: `sex_unknown` where nothing tells an animal's sex and strict forbids to guess.
    """
    notes = []
    name, whole = ("Z", "males") if is_z(chromosome) else ("X", "females")
    for code, rows, message in (
        (
            "sex_inferred",
            found.inferred,
            f"The pedigree does not tell the sex of these animals; their calls on {name} do",
        ),
        ("sex_unknown", found.unsure, f"Nothing tells the sex of these animals; on {name} they are taken for {whole}"),
        ("sex_mismatch", found.contradicted, f"Calls on {name} speak against the sex in the pedigree, which was used"),
    ):
        if rows:
            shown = [pedigree.ids[row] for row in rows[:NAMED]]
            names = ", ".join(shown) + (", ..." if len(rows) > NAMED else "")
            if strict and code == "sex_unknown":
                raise TesseraError(
                    Code.sex_unknown, f"Nothing tells the sex of {names}.", field="pedigree", animals=shown
                )
            notes.append(Note(code, f"{message}: {names}.", len(rows), chromosome))
    return notes


Lost = tuple[str, int, str, str, str, str]
"""Chromosome, bp, id, REF, ALT, animal."""


def drop_heterozygotes(
    seen: Observations, sites: SiteTable, pedigree: Pedigree, single: NDArray[np.bool_], part: Stretch
) -> list[Lost]:
    """Set heterozygous calls of animals of one gamete to missing, in place, and list them.

    Args:
        seen: (V, N) observations of a chromosome, mapped from disk.
        sites: its sites.
        pedigree: N animals.
        single: (N,) animals of one gamete.
        part: rows to look at.
    """
    who = np.flatnonzero(single)
    lost: list[Lost] = []
    for first, end in _blocks(seen[part.first : part.end]) if len(who) else ():
        rows = slice(part.first + first, part.first + end)
        mine = np.asarray(seen[rows][:, who])
        het = (mine == 2) | (mine == 4) | (mine == 5)  # observation numbers of the codes 1, 3 and 4
        for row, column in np.argwhere(het).tolist():
            at = rows.start + row
            lost.append((sites.chrom, int(sites.pos[at]), str(sites.id[at]), str(sites.ref[at]), str(sites.alt[at]),
                         pedigree.ids[who[column]]))  # fmt: skip
        if het.any():
            seen[rows, who] = np.where(het, 0, mine)
    return lost


def write_lost(out: Path, lost: Sequence[Lost], strict: bool) -> list[Note]:
    """List in `LOST` the calls that were set to missing, if there are any; a note on them.

    Raises:
        TesseraError: `haploid_heterozygotes` when strict.
    """
    if not lost:
        return []
    message = (
        "Heterozygous calls of animals with one X or Z outside its pseudoautosomal regions, or of doubled haploids"
    )
    if strict:
        chrom, pos, *_, animal = lost[0]
        where = f"the first: '{animal}' at {chrom}:{pos}"
        raise TesseraError(Code.haploid_heterozygotes, f"{message} ({where}).", field="vcf", count=len(lost))
    with gzip.GzipFile(out / LOST, "wb", compresslevel=6, mtime=0) as file:
        for row in (("CHROM", "POS", "ID", "REF", "ALT", "ANIMAL"), *lost):
            file.write(("\t".join(str(value) for value in row) + "\n").encode())
    return [Note("haploid_heterozygotes", f"{message} were set to missing; {LOST} lists them.", len(lost))]


def _blocks(seen: Observations) -> Iterator[tuple[int, int]]:
    step = max(1, _BLOCK // max(1, seen.shape[1]))
    for first in range(0, len(seen), step):
        yield first, min(len(seen), first + step)
