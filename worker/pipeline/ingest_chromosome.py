"""One chromosome of an upload on its way into its store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes import codes as gt
from genotypes.harmonise import normal_contig
from genotypes.read import VariantBlock
from genotypes.store import StoreWriter
from worker.pipeline.folder import IngestedChromosome
from worker.pipeline.types import Note

REPEATS_FROM = 1000  # sites of a block from which repeats are looked for
REPEATS_MEAN = 20  # records at one position, on average, that no real file has


class ChromosomeWriter:
    """Collects the blocks of one chromosome from every file and counts what is odd about them."""

    def __init__(self, folder: Path, store: str, name: str, samples: Sequence[str]) -> None:
        """Start the store `store` of the chromosome `name`."""
        self.store = store
        self.name = name
        self.samples = samples
        self._writer = StoreWriter(folder, store, len(samples), name)
        self._contigs: list[str] = []
        self._length: int | None = None
        self._phased = True
        self._sites = 0
        self._ref_known = True
        self._ranges: dict[int, tuple[int, int, str]] = {}  # file number -> first and last bp, file name
        self._last: dict[tuple[int, str], int] = {}  # file number and contig -> bp of the last site read
        self._unsorted = 0  # sites that lie before their predecessor in their file
        self._haploid = np.zeros(len(samples), bool)
        self._diploid = np.zeros(len(samples), bool)
        self._counts = {"half_calls": 0, "multiallelic": 0, "symbolic": 0, "without_gt": 0}

    def add(
        self,
        number: int,
        file: str,
        block: VariantBlock,
        order: NDArray[np.int64] | None,
        length: int | None,
        *,
        ref_known: bool = True,
    ) -> None:
        """Append one block of file `number`, its samples put in `order`.

        Raises:
            TesseraError: `mixed_ploidy`, `duplicate_positions` for records repeated beyond any real file.
        """
        self._check_repeats(file, block)
        codes = block.codes if order is None else block.codes[:, order]
        self._check_ploidy(block, codes)
        self._writer.append(block.sites, codes, phased=block.phased)
        if block.sites.chrom not in self._contigs:
            self._contigs.append(block.sites.chrom)
        self._length = self._length or length
        self._phased &= block.phased
        self._ref_known &= ref_known
        self._sites += len(block.sites)
        self._counts["half_calls"] += int(block.half_calls.sum())
        self._counts["multiallelic"] += block.multiallelic
        self._counts["symbolic"] += block.symbolic
        self._counts["without_gt"] += block.without_gt
        if len(block.sites):
            last = self._last.get((number, block.sites.chrom), 0)
            self._unsorted += int((np.diff(block.sites.pos, prepend=np.int32(last)) < 0).sum())
            self._last[number, block.sites.chrom] = int(block.sites.pos[-1])
            low, high, _ = self._ranges.get(number, (1 << 31, 0, file))
            self._ranges[number] = (min(low, int(block.sites.pos.min())), max(high, int(block.sites.pos.max())), file)

    def close(self) -> None:
        """Finish the store; its sites are in the order of the files."""
        self._writer.close()

    def notes(self) -> Iterator[tuple[Code | None, Note]]:
        """What was mended while reading, with the code that strict mode refuses it with (None: no mending)."""
        counts = self._counts
        if self._unsorted:
            message = "Sites were out of order; the chromosome was sorted."
            yield Code.unsorted, Note("unsorted", message, self._unsorted, self.name)
        overlaps = [pair for pair in pairwise(sorted(self._ranges.values())) if pair[1][0] <= pair[0][1]]
        if overlaps:
            (_, _, first), (low, _, second) = overlaps[0]
            message = f"'{first}' and '{second}' both hold the chromosome around {low:,} bp; their sites were merged."
            yield Code.duplicate_chromosomes, Note("files_merged", message, len(overlaps), self.name)
        if counts["half_calls"]:
            message = "Half calls such as ./1 were set to missing and imputed."
            yield Code.half_calls, Note("half_calls", message, counts["half_calls"], self.name)
        if counts["multiallelic"]:
            message = "Sites with several ALT alleles were split into one site an allele."
            yield Code.multiallelic, Note("multiallelic", message, counts["multiallelic"], self.name)
        if counts["symbolic"]:
            message = "Symbolic and * alleles were left out."
            yield Code.symbolic_alleles, Note("symbolic_alleles", message, counts["symbolic"], self.name)
        if counts["without_gt"]:
            message = "Records without a GT field count as not called."
            yield None, Note("without_gt", message, counts["without_gt"], self.name)

    def describe(self) -> IngestedChromosome:
        """The facts for `ingest.json`."""
        return IngestedChromosome(
            name=self.name,
            contigs=self._contigs,
            store=self.store,
            sites=self._sites,
            phased=self._phased and self._sites > 0,
            length=self._length,
            haploid=np.flatnonzero(self._haploid).tolist(),
            counts=self._counts,
            ref_known=self._ref_known,
        )

    def _check_repeats(self, file: str, block: VariantBlock) -> None:
        """A few records over and over, as in a file made to fill memory, end the job before they have."""
        pos = block.sites.pos
        if len(pos) >= REPEATS_FROM and len(np.unique(pos)) * REPEATS_MEAN < len(pos):
            message = f"'{file}' repeats the records around {self.name}:{int(pos[0]):,} over and over."
            raise TesseraError(Code.duplicate_positions, message, field="vcf", file=file, chromosome=self.name)

    def _check_ploidy(self, block: VariantBlock, codes: gt.Codes) -> None:
        """A sample is haploid or diploid along a chromosome, X excepted; missing calls say nothing."""
        ploidy = gt.ploidy(codes)
        was_haploid, was_diploid = self._haploid.copy(), self._diploid.copy()
        self._haploid |= (ploidy == 1).any(axis=0)
        self._diploid |= (ploidy == 2).any(axis=0)
        mixed = np.flatnonzero(self._haploid & self._diploid)
        # Males are haploid on a part of X only; sample QC knows the parts and mends what contradicts them. It also
        # refuses it of 23 and 25 where the bundle's species has autosomes of these numbers.
        if len(mixed) == 0 or normal_contig(self.name) == "X":
            return
        column = int(mixed[0])
        sample, called = self.samples[column], ploidy[:, column]
        before = 1 if was_haploid[column] else 2 if was_diploid[column] else called[called > 0][0]
        first = int(block.sites.pos[np.flatnonzero((called > 0) & (called != before))[0]])
        raise TesseraError(
            Code.mixed_ploidy,
            f"Sample '{sample}' has haploid and diploid genotypes on chromosome {self.name}, for one at {first:,} bp.",
            field="vcf",
            sample=sample,
            chromosome=self.name,
            samples=len(mixed),
        )
