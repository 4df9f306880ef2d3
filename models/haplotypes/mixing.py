"""The part of a training that makes synthetic haplotypes of a chromosome's, a stretch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from models.haplotypes.chromosome import Chromosome
from models.haplotypes.genome_learn import Watch
from models.haplotypes.genome_options import GenomeOptions
from models.haplotypes.resample import Block, Stretches
from models.haplotypes.synthetic import persons_of
from models.haplotypes.writer import LibraryWriter

MIXED: Final = "synthetic.safetensors"
_COPIED: Final = "copied.npy"


def mix(o: GenomeOptions, one: Chromosome, watch: Watch) -> None:
    """Write the library of synthetic haplotypes beside that of the panel's; it gets its name when it is whole."""
    library, cm = one.library, []

    def blocks() -> Iterator[Block]:
        for number in range(len(library.blocks) - 1):
            watch(f"mixing chromosome {one.name}", float(library.blocks[number, 0]) / one.sites)
            block = library.block(number)
            yield block.alleles(np.arange(len(block), dtype=np.int32)).view(np.int8), block.cm

    stretches = Stretches()
    partial = one.folder / f"{MIXED}.partial"
    with LibraryWriter(partial, one.haplotypes) as writer:
        for made, at in o.disguise.mixed(blocks(), persons_of(one.haplotypes, len(one.samples)), stretches):
            writer.add(made)
            cm.append(at)
        writer.close(np.concatenate(cm), library.tiles)
    np.save(one.folder / _COPIED, np.concatenate(stretches.lengths))
    partial.rename(one.folder / MIXED)


def copied(o: GenomeOptions, chromosomes: Sequence[Chromosome]) -> Stretches:
    """What the synthetic haplotypes of all chromosomes copied; nothing where there are none."""
    if o.disguise.resampling is None:
        return Stretches()
    return Stretches([np.load(one.folder / _COPIED) for one in chromosomes])
