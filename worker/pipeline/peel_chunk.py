"""Peel one chromosome: pieces of its result, without headers. Importing this starts numba's threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from genotypes.bgzf import BgzfWriter
from genotypes.likelihoods import Observations
from genotypes.sites import SiteTable
from models.peeling.engine import Options, Peeling
from models.peeling.families import full_sib_families
from models.peeling.pedigree import Pedigree
from models.peeling.penetrance import from_observations
from models.peeling.population import PopulationOptions
from models.peeling.records import LocusFacts, contradictions, decimals, locus_facts, peeled_text
from models.protocol import Imputer
from worker.pipeline.peel_folder import (
    ACCURACY,
    Joined,
    PeelOptions,
    PeelSummary,
    columns_of,
    store_observations,
    store_sites,
)
from worker.pipeline.peel_hybrid import FamilyImputation, SiteBlock, bundle_rows, known_frequencies, observed_calls
from worker.pipeline.peel_maps import choose_map
from worker.pipeline.quality_bins import bin_quality
from worker.pipeline.types import Progress, silent

RECORDS, CONTRADICTED, SEGREGATION, HAPLOTYPES = "records.gz", "contradicted.gz", "segregation.gz", "haplotypes.gz"
LEAST_COPIES: Final = 0.5  # expected minor alleles in the pedigree below which a locus counts in no mean of R2
_BLOCK: Final = 256  # loci whose segregation is turned into text at once
_PEELING: Final = 0.85  # share of the time that the cycles take; the rest is the text
_PEELING_OF_HYBRID: Final = 0.2  # the same where a bundle's sites are imputed


def peel_chunk(
    joined: Path,
    chromosome: str,
    out: Path,
    options: PeelOptions | None = None,
    progress: Progress = silent,
    make_imputer: Callable[[str], Imputer] | None = None,
) -> PeelSummary:
    """Peel a chromosome into `out`.

    Args:
        joined: folder that `peel_harmonise` wrote.
        chromosome: plain name of one of its chromosomes.
        out: folder for the pieces, made when missing.
        options: cycles, animals to write, files to write.
        progress: hears the fraction done after each cycle and each block of loci; may raise to abort.
        make_imputer: engine of a chromosome of the bundle that the family met, by the bundle's name for it.

    Raises:
        TesseraError: `setup_invalid` for a genetic map that cannot be used.
    """
    options = options or PeelOptions()
    out.mkdir(parents=True, exist_ok=True)
    facts, pedigree = Joined.open(joined), Joined.open(joined).pedigree
    one = facts.chromosome(chromosome)
    columns = columns_of(pedigree, facts.has_data, options)
    sites = store_sites(joined, one.store)
    seen = store_observations(joined, one.store, (one.sites, len(pedigree)))
    scale, source = choose_map(options.maps, facts.build, chromosome)
    population = PopulationOptions() if options.population else None
    hybrid = make_imputer is not None and one.bundle is not None
    settings = Options(cycles=options.cycles, threads=options.threads, population=population, pin=hybrid)
    data = from_observations(np.asarray(seen))
    imputer = make_imputer(one.bundle) if make_imputer is not None and one.bundle is not None else None
    freq = None
    if imputer is not None and _founders(pedigree) < PopulationOptions().least:
        freq = known_frequencies(data, bundle_rows(joined, one), imputer)
    peeling = Peeling(pedigree, data, scale.cm(sites.pos), settings, freq)
    share = _PEELING if imputer is None else _PEELING_OF_HYBRID
    peeling.run(lambda cycle, cycles: progress(share * cycle / cycles))
    total, family = len(sites), None
    blocks: Iterator[SiteBlock] = (SiteBlock(sites.slice(block.first, block.first + len(block.gp4)),
                        np.asarray(seen[block.first : block.first + len(block.gp4)]), block.gp4)
              for block in peeling.blocks())  # fmt: skip
    if imputer is not None:
        family = FamilyImputation(facts, one, pedigree, sites, seen, peeling, scale, imputer)
        blocks, total = family.blocks(), family.total
    with ExitStack() as stack:
        writer = _Writer(stack, out, pedigree, columns, options)
        for block in blocks:
            writer.write(block)
            progress(share + (1 - share) * writer.met / total)
    children = _telling(pedigree, seen) if options.segregation else []
    if options.segregation:
        writer.files.append(SEGREGATION)
        _write_segregation(out / SEGREGATION, sites, peeling, len(children))
    af, r2 = np.concatenate(writer.af), np.concatenate(writer.r2)
    maf = np.minimum(af, 1 - af)
    r2[2 * len(pedigree) * maf < LEAST_COPIES] = np.nan  # nothing varies there
    summary = PeelSummary(
        chromosome=chromosome,
        sites=writer.written,
        below_r2_min=total - writer.written,
        map=source,
        error=peeling.error,
        corrected=writer.contradicted,
        kept=options.keep_observed,
        quality=bin_quality(maf.astype(np.float32), r2.astype(np.float32)),
        files=writer.files,
        children=children,
        imputed=family.imputed if family else 0,
        haplotypes_asked=len(family.asked.founder) if family else 0,
        genotypes_asked=len(family.asked.whole) if family else 0,
    )
    np.save(out / ACCURACY, writer.accuracy)
    progress(1.0)
    return summary


@dataclass(slots=True)
class _Writer:
    """Writes blocks as they come."""

    stack: ExitStack
    out: Path
    pedigree: Pedigree
    columns: NDArray[np.int64]
    options: PeelOptions
    met: int = 0
    written: int = 0
    contradicted: int = 0
    af: list[NDArray[np.float64]] = field(default_factory=list)
    r2: list[NDArray[np.float64]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.accuracy = np.zeros((2, len(self.pedigree)))
        self._records = self._open(RECORDS)
        self._list = self._open(CONTRADICTED)
        self._haplotypes = self._open(HAPLOTYPES) if self.options.haplotypes else None

    accuracy: NDArray[np.float64] = field(init=False)  # sums over the loci, see `peel_folder.ACCURACY`
    _records: BgzfWriter = field(init=False)
    _list: BgzfWriter = field(init=False)
    _haplotypes: BgzfWriter | None = field(init=False)

    def _open(self, name: str) -> BgzfWriter:
        self.files.append(name)
        return self.stack.enter_context(BgzfWriter(self.out / name, eof=False, threads=self.options.threads))

    def write(self, block: SiteBlock) -> None:
        """Write the records of a block, and list the calls that they contradict."""
        sites, seen = block.sites, block.seen
        self.met += len(sites)
        facts = locus_facts(block.gp4, seen > 0)
        self.af.append(facts.af)
        self.r2.append(facts.r2)
        self.accuracy += np.stack([facts.explained, facts.spread])
        calls = observed_calls(seen)
        gp4, mine = block.gp4[:, self.columns], calls[:, self.columns]
        found = contradictions(gp4, mine)
        counts = np.bincount([one.row for one in found], minlength=len(sites)).astype(np.int64)
        kept = np.flatnonzero(facts.r2 >= self.options.r2_min)
        part = _take(facts, kept)
        stay = mine[kept] if self.options.keep_observed else None
        flags = None if block.flags is None else [block.flags[row] for row in kept.tolist()]
        self._records.write(peeled_text(sites.take(kept), gp4[kept], part, counts[kept], stay, flags))
        self.written += len(kept)
        self.contradicted += len(found)
        for one in found:
            words = [*_site(sites, one.row), self.pedigree.ids[self.columns[one.animal]], str(one.observed),
                     str(one.probable), f"{one.probability:.3g}"]  # fmt: skip
            self._list.write(("\t".join(words) + "\n").encode())
        if self._haplotypes is not None:
            pairs = np.stack([gp4[..., 2] + gp4[..., 3], gp4[..., 1] + gp4[..., 3]], axis=2)
            _lines(self._haplotypes, sites, decimals(pairs, b"|"))


def _write_segregation(path: Path, sites: SiteTable, peeling: Peeling, children: int) -> None:
    """Segregation of the children at every locus at which the engine keeps it."""
    loci = np.asarray(getattr(peeling, "kept", np.arange(len(sites))), np.int64)
    with BgzfWriter(path, eof=False) as out:
        for first in range(0, len(loci), _BLOCK):
            rows = slice(first, first + _BLOCK)
            _lines(out, sites.take(loci[rows]), decimals(peeling.seg[rows, :children], b",,,"))


def _founders(pedigree: Pedigree) -> int:
    return int(((pedigree.sire < 0) & (pedigree.dam < 0)).sum())


def _telling(pedigree: Pedigree, seen: Observations) -> list[str]:
    """Ids of the children that have segregation, in the order of its columns: observed, or with such a descendant."""
    typed: NDArray[np.bool_] = np.asarray((np.asarray(seen) > 0).any(axis=0))
    child = full_sib_families(pedigree, typed).child
    telling = typed.copy()
    for animal in pedigree.order[::-1].tolist():
        for parent in (pedigree.sire[animal], pedigree.dam[animal]):
            if telling[animal] and parent >= 0:
                telling[parent] = True
    return [pedigree.ids[row] for row in child[telling[child]].tolist()]


def _site(sites: SiteTable, row: int) -> list[str]:
    return [sites.chrom, str(sites.pos[row]), sites.id[row], sites.ref[row], sites.alt[row]]


def _lines(out: BgzfWriter, sites: SiteTable, text: NDArray[np.uint8]) -> None:
    """Site columns, then the fixed-width text of each row."""
    for row, line in enumerate(text):
        out.write("\t".join(_site(sites, row)).encode() + line.tobytes() + b"\n")


def _take(facts: LocusFacts, rows: NDArray[np.int64]) -> LocusFacts:
    af, r2, info, observed = facts.af[rows], facts.r2[rows], facts.info[rows], facts.observed[rows]
    return LocusFacts(af, r2, info, observed, facts.explained, facts.spread)
