"""Samples of an upload in groups: files of the same samples go together, those of others are joined at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from errors import Code, TesseraError
from genotypes import codes as gt
from genotypes.harmonise import normal_contig
from genotypes.join import Joined, join_sites
from genotypes.sites import SiteTable
from genotypes.store import Store, StoreWriter
from worker.pipeline.folder import IngestedChromosome
from worker.pipeline.ingest_chromosome import ChromosomeWriter
from worker.pipeline.types import Note

MAX_CONTIGS = 500  # of an upload; each keeps its sites in memory until the upload is read
BLOCK_BYTES = 64 << 20  # genotypes held at once


class SampleGroup:
    """Files of the same samples: one writer a chromosome."""

    def __init__(self, out: Path, number: int, samples: Sequence[str], file: str) -> None:
        """Start group `number` with the samples of `file`, in its order."""
        self.samples = list(samples)
        self.set = frozenset(samples)
        self.file = file
        self.writers: dict[str, ChromosomeWriter] = {}
        self._out = out
        self._prefix = "c" if number == 0 else f"g{number}c"

    def writer(self, chromosome: str) -> ChromosomeWriter | None:
        """Writer of a chromosome; None beyond `MAX_CONTIGS`."""
        if chromosome not in self.writers:
            if len(self.writers) >= MAX_CONTIGS:
                return None
            store = f"{self._prefix}{len(self.writers)}"
            self.writers[chromosome] = ChromosomeWriter(self._out, store, chromosome, self.samples)
        return self.writers[chromosome]


def differing(samples: Sequence[str], first: Sequence[str], name: str, why: str = "") -> TesseraError:
    """The refusal of a file whose samples are others than those of the first file; names the ids."""
    odd = sorted(set(samples).symmetric_difference(first))
    shown = ", ".join(f"'{one}'" for one in odd[:5]) + (f" and {len(odd) - 5:,} more" if len(odd) > 5 else "")
    message = f"'{name}' and the first file hold different samples{why}; in one of them only: {shown}."
    return TesseraError(Code.samples_differ, message, field="vcf", samples=odd[:20], count=len(odd))


def join_groups(folder: Path, groups: Sequence[SampleGroup]) -> tuple[list[IngestedChromosome], list[Note]]:
    """Put the stores of several groups side by side, chromosome by chromosome.

    Args:
        folder: where the stores lie; those that were joined are removed.
        groups: at least two, their writers closed and their stores sorted.

    Returns:
        The chromosomes with the samples of all groups in turn, and what to say about them.

    Raises:
        TesseraError: `samples_differ` when the groups share no chromosome: ids that should agree do not.
    """
    names = list(dict.fromkeys(name for group in groups for name in group.writers))
    held = [{normal_contig(name) for name in group.writers} for group in groups]
    if sum(map(len, held)) == len(set().union(*held)):
        why = " and have no chromosome in common"
        raise differing(groups[1].samples, groups[0].samples, groups[1].file, why)
    chromosomes: list[IngestedChromosome] = []
    notes: list[Note] = []
    partial = 0
    for number, name in enumerate(names):
        one, lacking, absent = _join(folder, f"j{number}", name, groups)
        chromosomes.append(one)
        partial += lacking
        if absent:
            message = "Samples whose files have nothing on this chromosome count as missing throughout."
            notes.append(Note("chromosome_absent", message, absent, name))
    count = sum(len(group.samples) for group in groups)
    message = f"Files of different samples were joined to {count:,} samples"
    message += f"; {partial:,} sites are not in all of them and count as missing elsewhere." if partial else "."
    return chromosomes, [Note("samples_joined", message, len(groups)), *notes]


def _join(folder: Path, store: str, name: str, groups: Sequence[SampleGroup]) -> tuple[IngestedChromosome, int, int]:
    """One chromosome, how many of its sites some group lacks, and how many samples lack all of it."""
    told = [group.writers[name].describe() if name in group.writers else None for group in groups]
    parts = [None if one is None else Store.open(folder, one.store) for one in told]
    tables = [SiteTable.empty(name) if part is None else part.sites for part in parts]
    joined = join_sites(tables, [one is None or one.ref_known for one in told])
    widths = [len(group.samples) for group in groups]
    starts = np.concatenate([[0], np.cumsum(widths)]).tolist()
    total = starts[-1]
    phased = all(one.phased for one in told if one is not None)
    step = max(1, BLOCK_BYTES // total)
    with StoreWriter(folder, store, total, name) as writer:
        for first in range(0, len(joined.sites), step):
            part = slice(first, first + step)
            codes = _side_by_side(joined, part, parts, starts)
            writer.append(joined.sites.slice(first, first + step), codes, phased=phased)
    known = [one for one in told if one is not None]
    counts = {key: sum(one.counts[key] for one in known) for key in known[0].counts}
    one = IngestedChromosome(
        name=name,
        contigs=list(dict.fromkeys(contig for one in known for contig in one.contigs)),
        store=store,
        sites=len(joined.sites),
        phased=phased and len(joined.sites) > 0,
        length=next((one.length for one in known if one.length is not None), None),
        haploid=[start + row for start, one in zip(starts, told, strict=False) if one for row in one.haploid],
        counts=counts,
        ref_known=all(one.ref_known for one in known),
    )
    for gone in known:
        for path in folder.glob(f"{gone.store}.*"):
            path.unlink()
    held = np.array([part is not None for part in parts])
    lacking = int((joined.rows[held] < 0).any(axis=0).sum())
    return one, lacking, sum(width for width, part in zip(widths, parts, strict=True) if part is None)


def _side_by_side(joined: Joined, part: slice, stores: Sequence[Store | None], starts: Sequence[int]) -> gt.Codes:
    """Codes of some joined sites, all samples."""
    rows, swap = joined.rows[:, part], joined.swap[:, part]
    codes = np.full((rows.shape[1], starts[-1]), gt.MISSING, np.int8)
    for number, store in enumerate(stores):
        held = np.flatnonzero(rows[number] >= 0)
        if store is None or len(held) == 0:
            continue
        found = np.array(store.codes[rows[number, held]])
        turned = swap[number, held]
        found[turned] = gt.swap_alleles(found[turned])
        codes[held, starts[number] : starts[number + 1]] = found
    return codes
