"""Where belief propagation is made exact: groups of relatives, and the animals on whose genotypes loops are cut.

Animals and families form a graph; without cycles peeling is exact. Given the genotype of an animal on a cycle, nothing
passes through it and the cycle is cut: peeling once for each genotype of the cutting animals, and weighing the answers
by the likelihood of the data under each, is exact again (Pearl 1988, section 4.4.1; Lange and Elston 1975 on
pedigrees). With more than a few cutting animals that is too dear, and the relatives are peeled as they are.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.peeling.families import Families

MOST_CUTS: Final = 3  # animals: 64 rounds
MOST_WORK: Final = 4096  # animals times rounds of a group of relatives


@dataclass(frozen=True, slots=True, eq=False)
class Cuts:
    """Animals on whose genotypes relatives are conditioned.

    Attributes:
        animal: (A,) int32.
        group: (A,) int32 group of relatives of each.
        place: (A,) int32 place of each within its group, 0 to 2.
        rounds: (G,) int32 combinations of genotypes in each group, 1 without cuts.
        of: (M,) int32 group of each animal.
    """

    animal: NDArray[np.int32]
    group: NDArray[np.int32]
    place: NDArray[np.int32]
    rounds: NDArray[np.int32]
    of: NDArray[np.int32]


def relatives(families: Families) -> NDArray[np.int64]:
    """(N,) number of the group of relatives of each animal, from 0 in order of the animals."""
    root = np.arange(len(families.founder))

    def find(animal: int) -> int:
        while root[animal] != animal:
            root[animal] = root[root[animal]]
            animal = int(root[animal])
        return animal

    for f in range(len(families.sire)):
        members = [*families.child[families.start[f] : families.start[f + 1]].tolist()]
        members += [int(p) for p in (families.sire[f], families.dam[f]) if p >= 0]
        first = find(members[0])
        for other in members[1:]:
            root[find(other)] = first
    return np.unique([find(animal) for animal in range(len(root))], return_inverse=True)[1]


def cutting_animals(families: Families, group: NDArray[np.int64]) -> dict[int, list[int]]:
    """Of each group with loops through telling animals: animals without which there are none, greedily the busiest."""
    links: dict[int, set[int]] = {}  # families are numbered -1, -2, ...
    for f in np.flatnonzero(families.told).tolist():
        members = {int(p) for p in (families.sire[f], families.dam[f]) if p >= 0} | set(families.children(f).tolist())
        links[-1 - f] = members
        for animal in members:
            links.setdefault(animal, set()).add(-1 - f)
    found: dict[int, list[int]] = {}
    _strip(links, deque(links))
    while links:
        animal = max((node for node in links if node >= 0), key=lambda node: (len(links[node]), -node))
        cuts = found.setdefault(int(group[animal]), [])
        cuts.append(animal)
        if len(cuts) > MOST_CUTS:  # too many already: what is left of the group need not be looked at
            for node in [n for n in links if n >= 0 and group[n] == group[animal]]:
                _remove(links, node)
        else:
            _remove(links, animal)
        _strip(links, deque(links))
    return found


def _remove(links: dict[int, set[int]], node: int) -> set[int]:
    others = links.pop(node)
    for other in others:
        links[other].discard(node)
    return others


def _strip(links: dict[int, set[int]], waiting: deque[int]) -> None:
    """Take away what hangs by one thread, until only loops are left."""
    while waiting:
        node = waiting.popleft()
        if node in links and len(links[node]) < 2:
            waiting.extend(_remove(links, node))


def exact_groups(families: Families) -> tuple[NDArray[np.bool_], dict[int, list[int]], NDArray[np.int64]]:
    """Which animals can be peeled exactly.

    Returns:
        (N,) bool; the cutting animals by group of relatives; (N,) groups.
    """
    group = relatives(families)
    cutting = cutting_animals(families, group)
    size = np.bincount(group, minlength=1)
    exact = np.ones(len(size), bool)
    for number, cuts in cutting.items():
        exact[number] = len(cuts) <= MOST_CUTS and size[number] * 4 ** len(cuts) <= MOST_WORK
    return exact[group], {number: cuts for number, cuts in cutting.items() if exact[number]}, group


def cuts_of(animals: NDArray[np.int64], group: NDArray[np.int64], cutting: dict[int, list[int]]) -> Cuts:
    """Cuts among M animals, in their own numbers; `group` is that of all N."""
    number = {int(animal): row for row, animal in enumerate(animals.tolist())}
    names, of = np.unique(group[animals], return_inverse=True)
    rows = [
        (number[animal], row, place)
        for row, name in enumerate(names.tolist())
        for place, animal in enumerate(cutting.get(name, []))
        if animal in number
    ]
    table = np.array(rows, np.int32).reshape(-1, 3)
    rounds = np.array([4 ** len(cutting.get(name, [])) for name in names.tolist()], np.int32)
    return Cuts(table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy(), rounds, of.astype(np.int32))
