"""A family meets a bundle: its joined sites in the bundle's build, order and alleles, as an imputation job's are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes import likelihoods as gl
from genotypes.builds import par_bounds
from genotypes.contigs import chromosome_name
from genotypes.manifest import BundleManifest
from genotypes.mending import QcOptions
from genotypes.sites import SiteTable
from genotypes.store import StoreWriter
from genotypes.strand import Evidence
from models.peeling.penetrance import confident_calls
from worker.pipeline.choose import MIN_OVERLAP, choose
from worker.pipeline.fates import TURNED, USED, Fate, Meeting
from worker.pipeline.folder import Ingested, IngestedChromosome
from worker.pipeline.harmonise_options import HarmoniseOptions
from worker.pipeline.lifting import Placement, View, place
from worker.pipeline.peel_bundle_map import borrow_maps
from worker.pipeline.peel_folder import Joined, JoinedChromosome, store_observations, store_sites
from worker.pipeline.peel_frequencies import known_of_store
from worker.pipeline.peel_lift import Move, lift_maps
from worker.pipeline.peel_maps import given_maps
from worker.pipeline.peel_names import (
    bundle_names,
    name_alike,
    numbered_sex,
    plain_name,
    sex_without_build,
    without_odd,
)
from worker.pipeline.peel_x import stretch_of
from worker.pipeline.qc import add_notes
from worker.pipeline.selection import Rules, Selection, count_genotypes, row_blocks, select
from worker.pipeline.types import BundleView, Note, Progress, silent

NO_BUNDLE: Final = "none"
# Relatives break Hardy-Weinberg proportions, arrays of several densities leave gaps, and few founders have any
# frequency: none of these speaks against a site here.
_NO_TESTS: Final = QcOptions(call_rate=0, hwe=0, af_diff=1)
_UNFIT: Final = (
    Code.bundle_not_found, Code.chromosome_not_in_bundle, Code.no_overlap, Code.small_overlap, Code.wrong_build,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Offer:
    """The bundles that a job may use.

    Attributes:
        wanted: id of the bundle that the job names; None leaves the choice to the sites, `none` included.
        installed: manifests to choose from.
        open_bundle: a bundle by its id.
    """

    wanted: str | None
    installed: Sequence[BundleManifest]
    open_bundle: Callable[[str], BundleView]


def peel_meet(
    joined: Path,
    offer: Offer,
    how: HarmoniseOptions,
    qc: dict[str, Any],
    maps: Path | None = None,
    progress: Progress = silent,
) -> str:
    """Bring the joined stores of a family into the terms of a bundle, where one fits; else they stay as they are.

    Args:
        joined: folder that `peel_harmonise` wrote; its stores are replaced.
        offer: the bundles.
        how: build, strictness and mendings of the job.
        qc: the document that `peel_harmonise` made; notes are added to it.
        maps: the server's genetic maps, as of `choose_map`; where there is none the bundle's is taken.
        progress: called with the fraction done; may raise to abort.

    Returns:
        The bundle's id, or `none`.

    Raises:
        TesseraError: for a bundle that was named, what harmonisation refuses.
    """
    facts = Joined.open(joined)
    with TemporaryDirectory(prefix="calls-", dir=joined.parent) as scratch:
        upload = _calls(facts, Path(scratch))
        try:
            chosen = offer.wanted or choose(Path(scratch), offer.installed, offer.open_bundle, how.build).bundle
            view = offer.open_bundle(chosen)
            met, notes, move = _meet(facts, upload, view, how, chosen=offer.wanted is not None)
        except TesseraError as error:
            if offer.wanted is not None or error.code not in _UNFIT:
                raise
            message = f"No bundle of this server fits the family, which is peeled by itself: {error.message}"
            add_notes(joined, qc, [Note("no_bundle_fits", message)])
            return NO_BUNDLE
        progress(0.5)
        odd = numbered_sex(facts.chromosomes, view)
        notes += without_odd(odd, view, how.strict)
        facts = replace(facts, chromosomes=[one for one in facts.chromosomes if one not in odd])
        kept = {one.name: one for one in facts.chromosomes}
        if move is not None:
            notes += lift_maps(joined, move, facts.chromosomes)
            met, kept = [one for one in met if move.keeps(one.old)], {}
        rest, more = _rest(facts, met, move)
        notes += more
        for number, one in enumerate([*met, *rest]):
            kept[one.old.name] = one.write(facts, view, move)
            progress(0.5 + 0.5 * (number + 1) / (len(met) + len(rest)))
    chromosomes = [kept[one.name] for one in facts.chromosomes if one.name in kept]
    notes += borrow_maps(joined, chromosomes, view, maps, qc)
    chromosomes = name_alike(joined, chromosomes, view, moved=move is not None)
    replace(facts, chromosomes=chromosomes, build=view.manifest.build, bundle=chosen).write()
    sites = sum(len(one.sites) for one in met)
    shared = sum(one.shared for one in met)
    removed = sum(one.old.sites - len(one.sites) for one in met)
    message = (
        f"Bundle {chosen} imputes the family: {shared:,} of the family's sites are in it, {sites - shared:,} are not, "
        f"{removed:,} fit neither and were left out."
    )
    apart = [one.name for one in chromosomes if one.bundle is None]
    if apart:
        notes.append(
            Note(
                "not_in_bundle",
                f"Peeled without the bundle, which lacks them: {', '.join(apart[:10])}.",
            )
        )
    qc["bundle"] = {"id": chosen, "shared": shared, "only": sites - shared, "removed": removed}
    add_notes(joined, qc, [Note("bundle_used", message, shared), *notes])
    return chosen


@dataclass(frozen=True, slots=True, eq=False)
class _Met:
    """One chromosome in the bundle's terms."""

    old: JoinedChromosome
    name: str | None  # the bundle's; None where it lacks the chromosome, which was lifted alone
    sites: SiteTable
    source: NDArray[np.int64]  # rows of the joined store
    rows: NDArray[np.int64]  # rows of the bundle, -1 for sites that it lacks
    turned: NDArray[np.bool_]

    @property
    def shared(self) -> int:
        """Sites that the bundle holds."""
        return int((self.rows >= 0).sum())

    def write(self, facts: Joined, view: BundleView, move: Move | None) -> JoinedChromosome:
        """Write the new store; what describes it."""
        folder, animals = facts.folder, len(facts.pedigree)
        store = f"b{self.old.store}"
        seen = store_observations(folder, self.old.store, (self.old.sites, animals))
        with (folder / f"{store}.obs").open("wb") as file:
            blocks = row_blocks(len(self.source), 2 * animals)
            for first in blocks:
                part = slice(first, first + blocks.step)
                mine = np.asarray(seen[self.source[part]])
                mine = np.where(self.turned[part, None], gl.swap_alleles(mine), mine)
                file.write(np.ascontiguousarray(mine, np.uint16).data)
        self.sites.save(folder / f"{store}.sites.npz")
        if (known := known_of_store(folder, self.old.store)) is not None:
            here = known[self.source]
            np.save(folder / f"{store}.known.npy", np.where(self.turned[:, None], 1 - here, here))
        for ending in ("obs", "sites.npz"):
            (folder / f"{self.old.store}.{ending}").unlink()
        non_par = self.old.non_par if move is None else move.bounds(self.old)
        new = replace(self.old, store=store, sites=len(self.rows), non_par=non_par, length=None)
        if self.name is None:
            return new
        np.save(folder / f"{store}.rows.npy", self.rows)
        return replace(new, contig=self.name, length=view.manifest.chromosomes[self.name].length, bundle=self.name)


def _calls(facts: Joined, folder: Path) -> Ingested:
    """The animals with data as an ingested upload of plain calls, by which harmonisation judges sites."""
    chromosomes = []
    animals = len(facts.pedigree)
    for number, one in enumerate(facts.chromosomes):
        sites = store_sites(facts.folder, one.store)
        seen = store_observations(facts.folder, one.store, (one.sites, animals))
        with StoreWriter(folder, f"c{number}", len(facts.has_data), sites.chrom) as writer:
            blocks = row_blocks(one.sites, 2 * animals)
            for first in blocks:
                part = slice(first, min(one.sites, first + blocks.step))
                calls = confident_calls(np.asarray(seen[part])[:, facts.has_data])
                writer.append(sites.slice(part.start, part.stop), calls, phased=False)
        name = chromosome_name(one.contig, people=False)  # the bundle will tell more
        chromosomes.append(IngestedChromosome(name, [one.contig], f"c{number}", one.sites, False, one.length, [], {}))
    ids = facts.pedigree.ids
    samples = [ids[row] for row in facts.has_data]
    upload = Ingested(folder, samples, facts.build, facts.files, chromosomes, [])
    upload.write()
    return upload


def _meet(
    facts: Joined, upload: Ingested, view: BundleView, how: HarmoniseOptions, chosen: bool
) -> tuple[list[_Met], list[Note], Move | None]:
    """Every chromosome that both hold, judged as an imputation job's sites are; notes; how positions were lifted."""
    names, odd = bundle_names(view), numbered_sex(facts.chromosomes, view)
    both = list(zip(upload.chromosomes, facts.chromosomes, strict=True))
    old = {one.store: made for one, made in both}
    pairs = [(replace(one, name=name), names[name]) for one, made in both
             if made not in odd and (name := plain_name(made.contig, view)) in names]  # fmt: skip
    if not pairs and odd:
        raise sex_without_build(odd, view, Code.chromosome_not_in_bundle)
    if not pairs:
        offered = ", ".join(view.chromosomes[:30])
        message = f"Bundle {view.manifest.id} holds no chromosome of the family; it holds {offered}."
        raise TesseraError(Code.chromosome_not_in_bundle, message, field="bundle")
    placed = place(upload, pairs, view, how)
    evidence = sum((one.evidence for one in placed.meetings), Evidence(0, 0))
    panel = view.manifest.panel.get("haplotypes")
    rules = Rules(how.mend, _NO_TESTS, int(panel) if panel else None, evidence)
    met: list[_Met] = []
    notes = list(placed.notes)
    for one, meeting in zip(placed.views, placed.meetings, strict=True):
        found = _chosen(one, meeting, view.sites(one.name), rules, old[one.one.store])
        if found.shared:
            met.append(found)
            notes += _empty_regions(found, view.sites(one.name).pos, placed, view)
    shared = sum(one.shared for one in met)
    total = sum(one.old.sites for one in met)
    held = sum(len(view.sites(one.name)) for one in met if one.name is not None)
    if shared == 0 or (not chosen and max(shared / total, shared / held) < MIN_OVERLAP):
        message = f"Bundle {view.manifest.id} has {shared:,} of the family's {total:,} sites."
        raise TesseraError(Code.small_overlap if shared else Code.no_overlap, message, field="bundle")
    move = None
    if placed.lifted:
        given = given_maps(facts.folder)
        mapped = [] if given is None else list(given.maps)
        every = [*(one.contig for one in facts.chromosomes), *mapped]
        move = Move.of(how.chains, placed.build, view.manifest.build, every)
    return met, notes, move


def _empty_regions(found: _Met, pos: NDArray[np.int32], placed: Placement, view: BundleView) -> list[Note]:
    """What the result lacks of X: regions in which the family has no site, of whose segregation nothing is known."""
    bounds = found.old.non_par
    if bounds is not None and placed.lifted:
        bounds = list(par_bounds(view.manifest.build) or bounds)
    notes = []
    for number, name in enumerate(("PAR1", "nonPAR", "PAR2") if bounds is not None else ()):
        mine, theirs = (stretch_of(one, bounds, number) for one in (found.sites.pos, pos))
        if mine.first == mine.end and theirs.first < theirs.end:
            message = f"The family has no site in {name}: the bundle's sites there were left out."
            notes.append(Note("x_region_left_out", message, theirs.end - theirs.first, found.old.name))
    return notes


def _rest(facts: Joined, met: Sequence[_Met], move: Move | None) -> tuple[list[_Met], list[Note]]:
    """The chromosomes that the bundle lacks, lifted as the others are, and what was lost; none where nothing moves."""
    done = {one.old.name for one in met}
    rest: list[_Met] = []
    notes: list[Note] = []
    if move is None:
        return rest, notes
    for one in facts.chromosomes:
        if one.name in done:
            continue
        found = move.sites(store_sites(facts.folder, one.store), one.contig)
        notes += move.note(found, one)
        if len(found.sites) and move.keeps(one):
            none = np.full(len(found.sites), -1, np.int64)
            rest.append(_Met(one, None, found.sites, found.source, none, np.zeros(len(none), bool)))
    return rest, notes


def _chosen(one: View, meeting: Meeting, table: SiteTable, rules: Rules, old: JoinedChromosome) -> _Met:
    """Sites of a chromosome that are used or kept beside, in position order."""
    store = one.store()
    lifted = one.sites(store.sites)
    counts = count_genotypes(store, silent)
    if one.lifted:
        counts = counts.take(lifted.source)
    picked: Selection = select(lifted.sites, counts, table, meeting, rules)
    # Likelihoods that leave every genotype open are no calls, and observations all the same.
    fate = np.where(picked.fate == Fate.all_missing, meeting.fate, picked.fate)
    used = np.flatnonzero(np.isin(fate, USED))
    _, first = np.unique(picked.rows[used], return_index=True)
    used = used[first]
    rows = np.concatenate([picked.rows[used], np.full(len(picked.only), -1)]).astype(np.int64)
    mine = SiteTable.concatenate([_plain(table.take(picked.rows[used])), _plain(lifted.sites.take(picked.only))])
    order = np.argsort(mine.pos, kind="stable")
    source = lifted.source[np.concatenate([used, picked.only])]
    turned = np.concatenate([np.isin(fate[used], TURNED), np.zeros(len(picked.only), bool)])
    sites = replace(mine.take(order), chrom=table.chrom)
    return _Met(old, one.name, sites, source[order].astype(np.int64), rows[order], turned[order])


def _plain(table: SiteTable) -> SiteTable:
    """Positions and alleles alone."""
    return SiteTable(table.chrom, table.pos, table.ref, table.alt, table.id)
