"""Peel one chromosome: pieces of its result, without headers. Importing this starts numba's threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from genotypes.bgzf import BgzfWriter
from genotypes.likelihoods import Observations
from genotypes.sites import SiteTable
from genotypes.tbi import Places, places_of
from models.peeling.engine import Peeling
from models.peeling.families import full_sib_families
from models.peeling.options import Options
from models.peeling.pedigree import Pedigree, x_linked
from models.peeling.penetrance import from_observations
from models.peeling.population import PopulationOptions
from models.peeling.records import LocusFacts, decimals, locus_facts
from models.peeling.text import contradictions, peeled_text
from models.protocol import Imputer
from worker.pipeline.pace import Pace
from worker.pipeline.peel_checkpoint import Checkpoints, fingerprint
from worker.pipeline.peel_folder import (
    ACCURACY,
    Joined,
    PeelOptions,
    PeelSummary,
    columns_of,
    map_name,
    store_observations,
    store_sites,
)
from worker.pipeline.peel_frequencies import known_of_store
from worker.pipeline.peel_hybrid import FamilyImputation, SiteBlock, bundle_rows, known_frequencies, observed_calls
from worker.pipeline.peel_maps import choose_map, given_maps
from worker.pipeline.peel_orient import turn, turn_back, turned_loci
from worker.pipeline.peel_x import Stretch, stretch_of, stretches
from worker.pipeline.quality_bins import bin_quality
from worker.pipeline.types import Progress, silent

RECORDS, CONTRADICTED, SEGREGATION, HAPLOTYPES = "records.gz", "contradicted.gz", "segregation.gz", "haplotypes.gz"
FREQUENCIES: Final = "frequencies.gz"  # of metafounders
LEAST_COPIES: Final = 0.5  # expected minor alleles in the pedigree below which a locus counts in no mean of R2
_BLOCK: Final = 256  # loci whose segregation is turned into text at once
_PEELING: Final = 0.85  # share of the time that the cycles take; the rest is the text
_STRANGE: Final = 0.5  # share of loci that a bundle lacks beyond which the upload's own population is learned
_PEELING_OF_HYBRID: Final = 0.2  # the same where a bundle's sites are imputed


def peel_chunk(
    joined: Path,
    chromosome: str,
    out: Path,
    options: PeelOptions | None = None,
    progress: Progress = silent,
    make_imputer: Callable[[str], Imputer] | None = None,
    checkpoints: Checkpoints | None = None,
) -> PeelSummary:
    """Peel a chromosome into `out`.

    Args:
        joined: folder that `peel_harmonise` wrote.
        chromosome: plain name of one of its chromosomes.
        out: folder for the pieces, made when missing.
        options: cycles, animals to write, files to write.
        progress: hears the fraction done after each cycle and each block of loci; may raise to abort.
        make_imputer: engine of a chromosome of the bundle that the family met, by the bundle's name for it.
        checkpoints: where the cycles' state is kept, and found again after a worker was lost.

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
    scale, source = choose_map(options.maps, facts.build, map_name(one), given_maps(joined))
    alone = np.isin(np.arange(len(pedigree)), facts.single)
    children = _telling(pedigree, _typed(seen)) if options.segregation else []
    errors: list[tuple[int, float]] = []
    imputer = make_imputer(one.bundle) if make_imputer is not None and one.bundle is not None else None
    freq, share, learns = None, _PEELING, options.population
    if imputer is not None:
        share = _PEELING_OF_HYBRID
        # The bundle knows the population better than some founders do, whose guess at phase would outlast it.
        learns &= bool((bundle_rows(joined, one) < 0).mean() > _STRANGE)
        if _founders(pedigree) < PopulationOptions().least and pedigree.metafounders is None:
            freq = known_frequencies(from_observations(np.asarray(seen)), bundle_rows(joined, one), imputer)
    known = known_of_store(joined, one.store)
    families: list[FamilyImputation] = []
    with ExitStack() as stack:
        writer = _Writer(stack, out, pedigree, columns, options)
        table = stack.enter_context(BgzfWriter(out / SEGREGATION, eof=False)) if options.segregation else None
        groups = (
            None if pedigree.metafounders is None else stack.enter_context(BgzfWriter(out / FREQUENCIES, eof=False))
        )
        for part in stretches(sites.pos, one.non_par):
            heard = _part_of(progress, part, len(sites))
            here, data = sites.slice(part.first, part.end), np.asarray(seen[part.first : part.end])
            settings = Options(cycles=options.cycles, threads=options.threads, pin=imputer is not None,
                               population=PopulationOptions() if learns else None)  # fmt: skip
            single = alone if part.non_par else None
            kept = None if checkpoints is None else (checkpoints, part.number)
            members, one_gamete = x_linked(pedigree, alone, one.zw) if part.non_par else (pedigree, pedigree.doubled)
            # A bundle settles which allele is ALT; without one the rarer allele is, for the kernels.
            turned = np.zeros(len(here), bool) if imputer is not None else turned_loci(data)
            peeling = _peel(members, one_gamete, turn(data, turned), scale.cm(here.pos), settings,
                            None if freq is None else freq[part.first : part.end],
                            None if known is None else _turned(known[part.first : part.end], turned),
                            _scaled(heard, share), kept)  # fmt: skip
            blocks, met = _plain(peeling, here, data, turned), writer.met
            pace = Pace(len(here), 0.0, _rest(heard, share))
            if imputer is not None:
                rows = bundle_rows(joined, one)[part.first : part.end]
                family = FamilyImputation(rows, here, data, peeling, scale, imputer,
                                          stretch_of(imputer.sites.pos, one.non_par, part.number))  # fmt: skip
                pace = Pace(family.total, imputer.before_blocks, _rest(heard, share))
                blocks = family.blocks(pace.imputed)
                families.append(family)
            for block in blocks:
                writer.write(block, single)
                pace.written(writer.met - met)
            if groups is not None and peeling.groups is not None:
                _lines(groups, here, decimals(_turned(peeling.groups.freq, turned)[:, :, None], b""))
            if peeling.error is not None:
                errors.append((part.end - part.first, peeling.error))
            if table is not None:
                _write_segregation(table, sites.slice(part.first, part.end), peeling,
                                   _telling(peeling.pedigree, _typed(data)), children)  # fmt: skip
    writer.save_places()
    if options.segregation:
        writer.files.append(SEGREGATION)
    if pedigree.metafounders is not None:
        writer.files.append(FREQUENCIES)
    af, r2 = np.concatenate(writer.af), np.concatenate(writer.r2)
    maf = np.minimum(af, 1 - af)
    r2[2 * len(pedigree) * maf < LEAST_COPIES] = np.nan  # nothing varies there
    summary = PeelSummary(
        chromosome=chromosome,
        sites=writer.written,
        below_r2_min=writer.met - writer.written,
        map=source,
        error=max(errors)[1] if errors else None,
        corrected=writer.contradicted,
        kept=options.keep_observed,
        quality=bin_quality(maf.astype(np.float32), r2.astype(np.float32)),
        files=writer.files,
        children=[pedigree.ids[row] for row in children],
        imputed=sum(one.imputed for one in families),
        haplotypes_asked=max((one.asked.linked for one in families), default=0),
        genotypes_asked=max((len(one.asked.whole) for one in families), default=0),
    )
    np.save(out / ACCURACY, writer.accuracy)
    progress(1.0)
    return summary


def _peel(
    pedigree: Pedigree,
    single: NDArray[np.bool_],
    seen: Observations,
    centimorgans: NDArray[np.float64],
    settings: Options,
    freq: NDArray[np.float64] | None,
    known: NDArray[np.float64] | None,
    progress: Progress,
    kept: tuple[Checkpoints, int] | None = None,
) -> Peeling:
    """Peel loci that are inherited in one way, in which animals of one gamete are `single`.

    `known` are frequencies of metafounders, `kept` are the chunk's checkpoints and the number of the stretch.
    """
    peeling = Peeling(
        pedigree, from_observations(seen), centimorgans, settings, freq, one_gamete=single, group_freq=known
    )
    if kept is None:
        peeling.run(lambda cycle, cycles: progress(cycle / cycles))
        return peeling
    checkpoints, part = kept
    data, groups = peeling.penetrance, pedigree.metafounders
    unknown = () if groups is None else (groups.names, groups.sire, groups.dam)
    mine = fingerprint(replace(settings, threads=None), data.index, data.table, centimorgans, freq, known,
                       pedigree.sire, pedigree.dam, single, *unknown)  # fmt: skip
    checkpoints.resume(part, peeling, mine)

    def cycle_ended(cycle: int, cycles: int) -> None:
        progress(cycle / cycles)
        checkpoints.save(part, peeling, mine)

    peeling.run(cycle_ended)
    return peeling


def _plain(peeling: Peeling, sites: SiteTable, seen: Observations, turned: NDArray[np.bool_]) -> Iterator[SiteBlock]:
    """The peeled loci themselves, of which some were `turned`."""
    for block in peeling.blocks():
        rows = slice(block.first, block.first + len(block.gp4))
        yield SiteBlock(sites.slice(rows.start, rows.stop), seen[rows], turn_back(block.gp4, turned[rows]))


def _turned(freq: NDArray[np.float64], turned: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(V, G) frequencies with the alleles of some loci exchanged."""
    return np.where(turned[:, None], 1 - freq, freq)


def _founders(pedigree: Pedigree) -> int:
    return int(((pedigree.sire < 0) & (pedigree.dam < 0)).sum())


def _part_of(progress: Progress, part: Stretch, sites: int) -> Progress:
    """The progress of some loci as that of all."""
    return lambda done: progress((part.first + done * (part.end - part.first)) / sites)


def _rest(progress: Progress, share: float) -> Progress:
    """The progress of what comes after the first `share` of the time."""
    return lambda done: progress(share + (1 - share) * done)


def _scaled(progress: Progress, share: float) -> Progress:
    """The progress of what comes first and takes `share` of the time."""
    return lambda done: progress(share * done)


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
    _pos: list[NDArray[np.int32]] = field(default_factory=list)  # of the records, with REF's length and the end of each
    _span: list[int] = field(default_factory=list)
    _ends: list[int] = field(default_factory=list)
    _length: int = 0  # bytes of text so far

    def _open(self, name: str) -> BgzfWriter:
        self.files.append(name)
        return self.stack.enter_context(BgzfWriter(self.out / name, eof=False, threads=self.options.threads))

    def save_places(self) -> None:
        """Write where the records lie, so that nobody has to read them again to index them; once they are closed."""
        pos = np.concatenate([np.empty(0, np.int32), *self._pos])
        ends = np.array(self._ends, np.int64)
        places = Places.of(pos, np.array(self._span, np.int32), ends, self._records.blocks)
        places.save(places_of(self.out / RECORDS))

    def write(self, block: SiteBlock, single: NDArray[np.bool_] | None) -> None:
        """Write the records of a block, and list the calls that they contradict.

        Args:
            block: consecutive records.
            single: (N,) animals with one copy.
        """
        haploid = None if single is None else single[self.columns]
        sites, seen = block.sites, block.seen
        self.met += len(sites)
        facts = locus_facts(block.gp4, seen > 0, single)
        self.af.append(facts.af)
        self.r2.append(facts.r2)
        self.accuracy += np.stack([facts.explained, facts.spread])
        calls = observed_calls(seen)
        every = np.array_equal(self.columns, np.arange(block.gp4.shape[1]))
        gp4, mine = (block.gp4, calls) if every else (block.gp4[:, self.columns], calls[:, self.columns])
        found = contradictions(gp4, mine)
        counts = np.bincount([one.row for one in found], minlength=len(sites)).astype(np.int64)
        kept = np.flatnonzero(facts.r2 >= self.options.r2_min)
        part = _take(facts, kept)
        stay = mine[kept] if self.options.keep_observed else None
        shown = gp4 if len(kept) == len(sites) else gp4[kept]
        threads = self.options.threads
        flags = None if block.flags is None else [block.flags[row] for row in kept.tolist()]
        written = sites.take(kept)
        for head, cells in peeled_text(written, shown, part, counts[kept], stay, haploid, threads, flags):
            self._records.write(head)
            self._records.write(cells)
            self._records.write(b"\n")
            self._length += len(head) + len(cells) + 1
            self._ends.append(self._length)
        self._pos.append(written.pos)
        self._span += map(len, written.ref)
        self.written += len(kept)
        self.contradicted += len(found)
        for one in found:
            copies = 1 if haploid is not None and haploid[one.animal] else 2
            words = [*_site(sites, one.row), self.pedigree.ids[self.columns[one.animal]],
                     str(one.observed * copies // 2), str(one.probable * copies // 2),
                     f"{one.probability:.3g}"]  # fmt: skip
            self._list.write(("\t".join(words) + "\n").encode())
        if self._haplotypes is not None:
            pairs = np.stack([gp4[..., 2] + gp4[..., 3], gp4[..., 1] + gp4[..., 3]], axis=2)
            text = decimals(pairs, b"|")
            if haploid is not None:
                text.reshape(len(text), -1, 12)[:, haploid, 6:] = 0
            _lines(self._haplotypes, sites, text)


def _write_segregation(
    out: BgzfWriter, sites: SiteTable, peeling: Peeling, mine: list[int], children: list[int]
) -> None:
    """Segregation of `children` at every locus at which the engine keeps it, which has columns for `mine`."""
    place = {animal: column for column, animal in enumerate(mine)}
    column = np.array([place.get(animal, -1) for animal in children], np.int64)
    for first in range(0, len(peeling.kept), _BLOCK):
        rows = slice(first, first + _BLOCK)
        found = np.where((column < 0)[:, None], np.float32(0.25), peeling.seg[rows][:, column])
        _lines(out, sites.take(peeling.kept[rows]), decimals(found, b",,,"))


def _typed(seen: Observations) -> NDArray[np.bool_]:
    """(N,) animals with data."""
    return np.asarray((np.asarray(seen) > 0).any(axis=0))


def _telling(pedigree: Pedigree, typed: NDArray[np.bool_]) -> list[int]:
    """The children that have segregation, in the order of its columns: observed, or with such a descendant."""
    families = full_sib_families(pedigree, typed)
    found: list[int] = families.child[families.telling[families.child]].tolist()
    return found


def _site(sites: SiteTable, row: int) -> list[str]:
    return [sites.chrom, str(sites.pos[row]), sites.id[row], sites.ref[row], sites.alt[row]]


def _lines(out: BgzfWriter, sites: SiteTable, text: NDArray[np.uint8]) -> None:
    """Site columns, then the text of each row without its NULs."""
    for row, line in enumerate(text):
        out.write("\t".join(_site(sites, row)).encode() + line[line != 0].tobytes() + b"\n")


def _take(facts: LocusFacts, rows: NDArray[np.int64]) -> LocusFacts:
    af, r2, info, observed = facts.af[rows], facts.r2[rows], facts.info[rows], facts.observed[rows]
    return LocusFacts(af, r2, info, observed, facts.explained, facts.spread)
