"""What else of a family moves to a bundle's build: chromosomes that the bundle lacks, bounds of X, genetic maps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from genotypes.builds import par_bounds
from genotypes.chain import Blocks, read_chain
from genotypes.chain_files import list_chains
from genotypes.contigs import chromosome_name, is_human
from genotypes.liftover import KEPT, Lift, Lifted, lift
from genotypes.map_files import GeneticMaps
from genotypes.maps import GeneticMap
from genotypes.sites import SiteTable, strings
from worker.pipeline.peel_folder import JoinedChromosome
from worker.pipeline.peel_maps import GIVEN, given_maps
from worker.pipeline.types import Note


@dataclass(frozen=True, slots=True)
class Move:
    """From one build to another.

    Attributes:
        source: the build that the family's positions are of.
        target: the build they are brought to.
        blocks: of the chain, by the source's normal chromosome names.
    """

    source: str
    target: str
    blocks: dict[str, Blocks]

    @classmethod
    def of(cls, chains: Path | None, source: str, target: str, chromosomes: Collection[str]) -> Move:
        """Read the chain file for some chromosomes, which is there, as sites were lifted by it."""
        names = {chromosome_name(name, is_human(target)) for name in chromosomes}
        return cls(source, target, read_chain(list_chains(chains, target)[source], names))

    def sites(self, table: SiteTable, chromosome: str) -> Lifted:
        """Sites on the target's build, in order there."""
        name = chromosome_name(chromosome, is_human(self.target))
        return lift(table, self.blocks.get(name), name)

    def bounds(self, one: JoinedChromosome) -> list[int] | None:
        """First and last bp of nonPAR of X; of builds that are not human the lifted ones, None where they are lost."""
        if one.non_par is None or (human := par_bounds(self.target)) is not None:
            return None if one.non_par is None else list(human or ())
        moved = self.sites(_points(np.array(one.non_par, np.int64)), one.contig)
        return moved.sites.pos.tolist() if len(moved.sites) == 2 else None

    def keeps(self, one: JoinedChromosome) -> bool:
        """Whether a chromosome can be peeled on the target: of X its bounds must be known there."""
        return one.non_par is None or self.bounds(one) is not None

    def note(self, found: Lifted, one: JoinedChromosome) -> list[Note]:
        """What was lost of a chromosome that the bundle lacks, or of X whose bounds are lost."""
        if not self.keeps(one):
            message = f"The bounds of its pseudoautosomal regions have no place on {self.target}: it was left out."
            return [Note("not_lifted", message, one.sites, one.name)]
        lost = {kind.name: found.count(kind) for kind in Lift if kind not in KEPT}
        reasons = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in lost.items() if count)
        if not reasons:
            return []
        message = f"Sites without one place on {self.target} were removed: {reasons}."
        return [Note("not_lifted", message, sum(lost.values()), one.name)]


def lift_maps(joined: Path, move: Move, chromosomes: Sequence[JoinedChromosome]) -> list[Note]:
    """Bring the maps that came with a job to the build of its sites; a map that is lost is noted."""
    given = given_maps(joined)
    if given is None:
        return []
    kept: dict[str, tuple[GeneticMap, str]] = {}
    for name, (scale, file) in given.maps.items():
        moved = move.sites(_points(scale.pos.astype(np.int64)), name)
        pos, first = np.unique(moved.sites.pos, return_index=True)
        if len(pos) < 2:
            continue
        # Where a stretch is turned round between the builds, distances within it are lost and not made negative.
        centimorgans = np.maximum.accumulate(scale.centimorgans[moved.source[first]])
        kept[name] = replace(scale, pos=pos.astype(np.float64), centimorgans=centimorgans), file
    left = GeneticMaps(kept)
    left.save(joined / GIVEN)
    lost = [
        one.name for one in chromosomes if given.find(one.name, move.source) and not left.find(one.name, move.target)
    ]
    if not lost:
        return []
    message = f"The genetic map of these chromosomes could not be lifted to {move.target}: {', '.join(lost[:10])}."
    return [Note("map_not_lifted", message, len(lost))]


def _points(pos: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> SiteTable:
    """Positions as sites."""
    names = {letter: strings([letter] * len(pos)) for letter in "AC."}
    return SiteTable("", pos.astype(np.int32), names["A"], names["C"], names["."])
