"""Pedigrees: who descends from whom, read from the usual text files and checked.

Three layouts, comma or whitespace between the columns, an optional header, `#` lines skipped, any order of lines:

* PLINK `.fam` and `.ped`, six columns `family id sire dam sex phenotype`; the genotypes of a `.ped` are not read;
* three columns `id sire dam`, or in the order that a header names (`id,dam,sire`).

`0`, `.`, `NA` or nothing stand for an unknown parent; parents without a line of their own become founders. An animal
that is a sire here and a dam there is refused, except in a file that states no sex at all and holds a selfing (one
parent in both columns) or a doubled haploid: such a file describes hermaphrodites, as plant breeders have them.

A parent whose name begins with `MF_` is no animal but a group of unknown parents (`metafounders`); unknown parents of
whom nothing is said belong to the main one, `MF_1`. Lines that list such a group among the animals are passed over.

A doubled haploid, named by the caller or in a column `doubled_haploid` (`dh`), comes from one gamete of one parent,
given in one column or in both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from models.peeling.pedigree_text import Entry, parse_lines

UNKNOWN_SEX, MALE, FEMALE = 0, 1, 2
GROUP: Final = "MF_"
MAIN_GROUP: Final = "MF_1"


@dataclass(frozen=True, slots=True, eq=False)
class Metafounders:
    """Groups of the unknown parents of N animals, at least two.

    Attributes:
        names: G names, the main group's first.
        sire: (N,) int32 group of an unknown sire; 0, the main one, where nothing is said or the sire is known.
        dam: (N,) int32 of an unknown dam.
    """

    names: tuple[str, ...]
    sire: NDArray[np.int32]
    dam: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Pedigree:
    """N animals, founders without a line of their own included."""

    ids: list[str]  # N animal ids, in the file's order, implied founders last
    families: list[str]  # N family ids, "" where the file has none
    sire: NDArray[np.int32]  # (N,) index of the sire, -1 unknown
    dam: NDArray[np.int32]  # (N,) index of the dam, -1 unknown
    sex: NDArray[np.int8]  # (N,) 0 unknown, 1 male, 2 female; filled in from the roles where the file is silent
    line: NDArray[np.int32]  # (N,) 1-based line in the file, 0 for implied founders
    order: NDArray[np.int32]  # (N,) every parent before its offspring
    hermaphrodite: bool  # an animal may be sire and dam
    doubled: NDArray[np.bool_]  # (N,) doubled haploids; the parent of one is in one column at most
    metafounders: Metafounders | None = None  # None where all unknown parents are of one group

    def __len__(self) -> int:
        """Number of animals."""
        return len(self.ids)


def read_pedigree(path: Path, doubled: Collection[str] = ()) -> Pedigree:
    """Read and check a pedigree file.

    Args:
        path: the file.
        doubled: ids of doubled haploids besides those that the file names.

    Raises:
        TesseraError: `pedigree_invalid`, `pedigree_loop` or `pedigree_sex`, with `line` and `animal` in its details;
            `pedigree_unknown_ids` for ids of doubled haploids that are not there.
    """
    listed = set(doubled)
    lines = [one for one in parse_lines(path) if not _is_group(one)]
    bare = [replace(one, sire=_animal(one.sire), dam=_animal(one.dam)) for one in lines]
    entries = [_of_one_parent(one) if one.doubled or one.animal in listed else one for one in bare]
    index = _index(entries)
    ids = [entry.animal for entry in entries]
    families = [entry.family for entry in entries]
    for entry in entries:
        for parent in (entry.sire, entry.dam):
            if parent is not None and parent not in index:
                index[parent] = len(ids)
                ids.append(parent)
                families.append(entry.family)
    for name in doubled:
        if name not in index:
            message = f"The pedigree has no animal '{name}' to be a doubled haploid."
            raise TesseraError(Code.pedigree_unknown_ids, message, field="doubled_haploids", animal=name)
    count = len(ids)
    sire, dam = np.full(count, -1, np.int32), np.full(count, -1, np.int32)
    sex, line = np.zeros(count, np.int8), np.zeros(count, np.int32)
    for row, entry in enumerate(entries):
        sire[row] = -1 if entry.sire is None else index[entry.sire]
        dam[row] = -1 if entry.dam is None else index[entry.dam]
        sex[row], line[row] = entry.sex, entry.line
    order = _parents_first(ids, sire, dam, line)
    made = np.array([entry.doubled for entry in entries] + [name in listed for name in ids[len(entries) :]], bool)
    hermaphrodite = not sex.any() and bool(np.any((sire >= 0) & (sire == dam)) or made.any())
    if not hermaphrodite:
        _check_roles(ids, sire, dam, sex, line)
        sex[sire[sire >= 0]] = MALE
        sex[dam[dam >= 0]] = FEMALE
    return Pedigree(ids, families, sire, dam, sex, line, order, hermaphrodite, made, _groups(lines, count))


def x_linked(pedigree: Pedigree, single: NDArray[np.bool_], zw: bool = False) -> tuple[Pedigree, NDArray[np.bool_]]:
    """The pedigree of X or Z outside its pseudoautosomal regions.

    A male of X has his dam's gamete alone, a female of Z her sire's.

    Args:
        pedigree: N animals.
        single: (N,) those with one copy.
        zw: they are females of Z.

    Returns:
        The pedigree without the other parents of those, and (N,) animals of one gamete.
    """
    none = np.int32(-1)
    sire = pedigree.sire if zw else np.where(single, none, pedigree.sire)
    dam = np.where(single, none, pedigree.dam) if zw else pedigree.dam
    groups = pedigree.metafounders
    if groups is not None:  # the one gamete of such an animal without known parents is of the other parent's group
        one = np.where(single, groups.sire if zw else groups.dam, groups.dam if zw else groups.sire)
        groups = replace(groups, dam=one) if zw else replace(groups, sire=one)
    return replace(pedigree, sire=sire, dam=dam, metafounders=groups), single | pedigree.doubled


def _animal(parent: str | None) -> str | None:
    """A parent that is an animal."""
    return None if parent is None or parent.startswith(GROUP) else parent


def _is_group(entry: Entry) -> bool:
    """Whether a line lists a group of unknown parents among the animals, which is superfluous and does no harm."""
    if not entry.animal.startswith(GROUP):
        return False
    if entry.sire or entry.dam:
        message = f"Line {entry.line}: '{entry.animal}' is a group of unknown parents by its name, and has parents."
        raise TesseraError(Code.pedigree_invalid, message, field="pedigree", line=entry.line, animal=entry.animal)
    return True


def _groups(lines: Sequence[Entry], count: int) -> Metafounders | None:
    """The groups that the lines name, if there are others than the main one; `count` animals."""
    named = dict.fromkeys(one for entry in lines for one in (entry.sire, entry.dam) if one and one.startswith(GROUP))
    names = (MAIN_GROUP, *sorted(name for name in named if name != MAIN_GROUP))
    if len(names) == 1:
        return None
    number = {name: row for row, name in enumerate(names)}
    sire, dam = np.zeros(count, np.int32), np.zeros(count, np.int32)
    for row, entry in enumerate(lines):
        sire[row], dam[row] = number.get(entry.sire or "", 0), number.get(entry.dam or "", 0)
    return Metafounders(names, sire, dam)


def _of_one_parent(entry: Entry) -> Entry:
    """A doubled haploid with its parent in one column."""
    if entry.sire is not None and entry.dam is not None and entry.sire != entry.dam:
        message = (
            f"Line {entry.line}: the doubled haploid '{entry.animal}' has two parents, '{entry.sire}' and "
            f"'{entry.dam}'; it comes from one plant. Give their cross a line of its own and name it as the parent."
        )
        raise TesseraError(Code.pedigree_invalid, message, field="pedigree", line=entry.line, animal=entry.animal)
    return replace(entry, doubled=True, sire=None if entry.dam is not None else entry.sire)


def check_against_samples(pedigree: Pedigree, samples: Sequence[str]) -> NDArray[np.int32]:
    """Find the samples of a VCF in the pedigree, by animal id or else by PLINK's `family_animal`.

    Returns:
        (S,) int32 index of each sample's animal, -1 for samples that the pedigree lacks.

    Raises:
        TesseraError: `pedigree_unknown_ids` when it knows none of them.
    """
    index = {animal: row for row, animal in enumerate(pedigree.ids)}
    found = np.array([index.get(sample, -1) for sample in samples], np.int32)
    if np.any(found >= 0):
        return found
    pairs = zip(pedigree.families, pedigree.ids, strict=True)
    joined = {f"{family}_{animal}": row for row, (family, animal) in enumerate(pairs)}
    found = np.array([joined.get(sample, -1) for sample in samples], np.int32)
    if np.any(found >= 0):
        return found
    line, animal = int(pedigree.line[0]), pedigree.ids[0]
    raise TesseraError(
        Code.pedigree_unknown_ids,
        f"None of the animals (line {line}: '{animal}') is a sample of the VCF (whose first is '{samples[0]}').",
        field="pedigree",
        line=line,
        animal=animal,
        sample=samples[0],
    )


def _index(entries: Sequence[Entry]) -> dict[str, int]:
    """Row of each animal; an id that is listed twice is an error."""
    index: dict[str, int] = {}
    for row, entry in enumerate(entries):
        first = index.setdefault(entry.animal, row)
        if first != row:
            raise TesseraError(
                Code.pedigree_invalid,
                f"Animal '{entry.animal}' is listed twice, on lines {entries[first].line} and {entry.line}.",
                field="pedigree",
                line=entry.line,
                animal=entry.animal,
            )
    return index


def _parents_first(
    ids: Sequence[str], sire: NDArray[np.int32], dam: NDArray[np.int32], line: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Order the animals so that parents come before offspring (Kahn's algorithm, no recursion)."""
    count = len(ids)
    waiting = (sire >= 0).astype(np.int64) + (dam >= 0)
    offspring: list[list[int]] = [[] for _ in range(count)]
    for parents in (sire, dam):
        for child in np.flatnonzero(parents >= 0).tolist():
            offspring[parents[child]].append(child)
    ready = deque(np.flatnonzero(waiting == 0).tolist())
    order: list[int] = []
    while ready:
        animal = ready.popleft()
        order.append(animal)
        for child in offspring[animal]:
            waiting[child] -= 1
            if waiting[child] == 0:
                ready.append(child)
    if len(order) < count:
        _raise_loop(ids, sire, dam, line, waiting)
    return np.array(order, np.int32)


def _raise_loop(
    ids: Sequence[str],
    sire: NDArray[np.int32],
    dam: NDArray[np.int32],
    line: NDArray[np.int32],
    waiting: NDArray[np.int64],
) -> None:
    """Name one loop: every animal that still waits has a parent that waits, so walking up must come round."""
    animal = int(np.flatnonzero(waiting > 0)[0])
    walk: list[int] = []
    seen: dict[int, int] = {}
    while animal not in seen:
        seen[animal] = len(walk)
        walk.append(animal)
        up = int(sire[animal])
        animal = up if up >= 0 and waiting[up] > 0 else int(dam[animal])
    loop = walk[seen[animal] :]
    names = [ids[one] for one in loop]
    lines = [int(line[one]) for one in loop]
    shown = " <- ".join(names[:8]) + (" <- ..." if len(names) > 8 else f" <- {names[0]}")
    raise TesseraError(
        Code.pedigree_loop,
        f"Animal '{names[0]}' (line {lines[0]}) is its own ancestor: {shown}.",
        field="pedigree",
        line=lines[0],
        animal=names[0],
        animals=names[:100],
        lines=lines[:100],
    )


def _check_roles(
    ids: Sequence[str],
    sire: NDArray[np.int32],
    dam: NDArray[np.int32],
    sex: NDArray[np.int8],
    line: NDArray[np.int32],
) -> None:
    """Refuse female sires, male dams and animals in both roles; the line is that of the offspring."""
    for parents, wrong, role, listed in ((sire, FEMALE, "sire", "female"), (dam, MALE, "dam", "male")):
        bad = np.flatnonzero((parents >= 0) & (sex[parents] == wrong))
        if len(bad):
            child = int(bad[0])
            parent = int(parents[child])
            message = (
                f"Line {line[child]}: '{ids[parent]}' is the {role} of '{ids[child]}' "
                f"but is listed as {listed} on line {line[parent]}."
            )
            raise _wrong_sex(message, int(line[child]), ids[parent], ids[child])
    sires = np.zeros(len(ids), bool)
    sires[sire[sire >= 0]] = True
    both = np.flatnonzero((dam >= 0) & sires[dam])
    if len(both):
        child = int(both[0])
        parent = int(dam[child])
        other = int(np.flatnonzero(sire == parent)[0])
        message = f"'{ids[parent]}' is a dam on line {line[child]} and a sire on line {line[other]}."
        raise _wrong_sex(message, int(line[child]), ids[parent], ids[child])


def _wrong_sex(message: str, line: int, animal: str, offspring: str) -> TesseraError:
    return TesseraError(Code.pedigree_sex, message, field="pedigree", line=line, animal=animal, offspring=offspring)
