"""Which of the installed bundles an upload goes with, when the job leaves that open; and whether it goes with any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from errors import Code, TesseraError
from genotypes.contigs import chromosome_name, of_people
from genotypes.harmonise import match
from genotypes.manifest import BundleManifest
from worker.pipeline.build_check import normal_build
from worker.pipeline.folder import Harmonised, Ingested, IngestedChromosome
from worker.pipeline.types import BundleView, Note, Progress, silent

COMPARED = 20_000  # sites of the upload that are looked up in each bundle
MIN_OVERLAP = 0.2  # of the upload's sites in the bundle's range, or of the bundle's sites: one of them must be shared
NAMED = 4  # bundles that the note speaks of besides the chosen one


@dataclass(frozen=True, slots=True)
class Candidate:
    """One bundle and how the upload meets it."""

    manifest: BundleManifest
    chromosomes: int  # of the upload's that it holds
    within: int  # sites of the upload between its first and last site of a chromosome
    compared: int  # of those, how many were looked up
    shared: int  # of those, how many it has with the same alleles, in either order and on either strand
    accuracy: float = 0.0  # see `mean_accuracy`

    @property
    def share(self) -> float:
        """Share of the sites looked up that the bundle has."""
        return self.shared / self.compared if self.compared else 0.0

    @property
    def usable(self) -> float:
        """How many sites of the upload it would use, as far as the sites looked up tell."""
        return self.share * self.within


@dataclass(frozen=True, slots=True)
class Choice:
    """The bundle to use and the sentence that says why."""

    bundle: str  # id
    note: Note


def choose(
    ingested: Path,
    manifests: Sequence[BundleManifest],
    open_bundle: Callable[[str], BundleView],
    build: str = "auto",
    progress: Progress = silent,
) -> Choice:
    """Choose the bundle that holds most of the upload's sites.

    Positions and alleles decide, since headers are often wrong about the build; the build breaks ties, then the sites
    that there are to impute, then the accuracy that the bundles were measured to have, then age. Only bundles
    that hold a chromosome of the upload are looked at, and of those only the ones of a stated build if there are any.

    Args:
        ingested: folder that `ingest` wrote.
        manifests: the installed bundles.
        open_bundle: a bundle by its id.
        build: what the job says: auto, or a build.
        progress: called with the fraction done; may raise to abort.

    Raises:
        TesseraError: `bundle_not_found` when none is installed, `chromosome_not_in_bundle` when none holds a chromosome
            of the upload.
    """
    if not manifests:
        raise TesseraError(Code.bundle_not_found, "There is no model bundle to choose from.", field="bundle")
    upload = Ingested.open(ingested)
    fitting = [one for one in manifests if build == "auto" or normal_build(one.build) == normal_build(build)]
    holding = [one for one in fitting or manifests if _shared(upload, one)]
    if not holding:
        names = ", ".join(one.name for one in upload.chromosomes[:5])
        offered = "; ".join(f"{one.id}: {', '.join(list(one.chromosomes)[:30])}" for one in manifests[:NAMED])
        message = f"No bundle of this server holds a chromosome of the upload ({names}); they hold {offered}."
        raise TesseraError(Code.chromosome_not_in_bundle, message, field="vcf")
    found = []
    for number, manifest in enumerate(holding):
        found.append(_compare(upload, manifest, open_bundle(manifest.id)))
        progress((number + 1) / len(holding))
    accuracy = mean_accuracy([one.manifest for one in found])
    found = [replace(one, accuracy=mean) for one, mean in zip(found, accuracy, strict=True)]
    found.sort(key=lambda one: _rank(one, upload.build), reverse=True)
    return Choice(found[0].manifest.id, _note(found, len(manifests)))


def check_enough(harmonised: Path, bundle: BundleView) -> None:
    """Refuse a bundle that nobody named and that shares too little with the upload, after liftover and mending.

    Args:
        harmonised: folder that `harmonise` wrote.
        bundle: the bundle that was chosen.

    Raises:
        TesseraError: `small_overlap`, with the figure and the least that would do.
    """
    facts = Harmonised.open(harmonised)
    shared = within = held = 0
    for one in facts.chromosomes:
        table, others = bundle.sites(one.name), facts.only(one).sites
        typed = len(facts.typed(one).sites)
        shared += typed
        within += typed + int(((others.pos >= table.pos[0]) & (others.pos <= table.pos[-1])).sum())
        held += len(table)
    share = max(shared / max(1, within), shared / max(1, held))
    if share < MIN_OVERLAP:
        message = (
            f"Bundle {bundle.manifest.id} is the best of this server's for the upload, yet it has only {shared:,} of "
            f"the upload's {within:,} sites in its range ({shared / max(1, within):.1%}); an automatic choice needs "
            f"{MIN_OVERLAP:.0%}."
        )
        raise TesseraError(
            Code.small_overlap,
            message,
            field="bundle",
            bundle=bundle.manifest.id,
            shared=shared,
            sites=within,
            share=round(share, 4),
            least=MIN_OVERLAP,
        )


def _shared(upload: Ingested, manifest: BundleManifest) -> list[tuple[IngestedChromosome, str]]:
    """Chromosomes of the upload that a bundle holds, with its names for them, the bundle's smallest first."""
    people = of_people(manifest)
    names = {chromosome_name(name, people): name for name in manifest.chromosomes}
    named = [(one, chromosome_name(one.name, people)) for one in upload.chromosomes]
    both = [(one, names[name]) for one, name in named if name in names]
    return sorted(both, key=lambda pair: manifest.chromosomes[pair[1]].sites)


def _compare(upload: Ingested, manifest: BundleManifest, bundle: BundleView) -> Candidate:
    """Look sites of the upload up in a bundle; tables of further chromosomes are not read once enough were."""
    pairs = _shared(upload, manifest)
    within = compared = shared = 0
    for one, name in pairs:
        entry = manifest.chromosomes[name]
        sites = upload.store(one).sites
        rows = np.flatnonzero((sites.pos >= entry.first) & (sites.pos <= entry.last))
        within += len(rows)
        wanted = min(len(rows), COMPARED - compared)
        if wanted <= 0:
            continue
        some = rows[np.linspace(0, len(rows) - 1, wanted).round().astype(np.int64)]
        compared += wanted
        shared += int(match(sites.take(some), bundle.sites(name)).matched.sum())
    return Candidate(manifest, len({name for _, name in pairs}), within, compared, shared)


def _rank(one: Candidate, header: str | None) -> tuple[float, bool, int, float, str]:
    """What makes a bundle the better one; an overlap that chance may have brought counts nothing."""
    manifest = one.manifest
    same = header is not None and normal_build(header) == normal_build(manifest.build)
    usable = one.usable if one.share >= MIN_OVERLAP else 0.0
    sites = sum(entry.sites for entry in manifest.chromosomes.values())
    return usable, same, sites, one.accuracy, manifest.created


def _weight(one: Candidate) -> tuple[float, str, int]:
    """What decides before a bundle's accuracy does."""
    return one.usable, normal_build(one.manifest.build), sum(entry.sites for entry in one.manifest.chromosomes.values())


def mean_accuracy(manifests: Sequence[BundleManifest]) -> list[float]:
    """Mean r2 of each bundle over the arrays and allele frequencies at which all were measured; 0 where there are none.

    Bundles without figures are 0 and do not narrow the others' comparison.
    """
    tables = [
        {(row["array"], tuple(b["maf"])): b["r2"] for row in one.accuracy for b in row["bins"] if b["r2"] is not None}
        for one in manifests
    ]
    common = set.intersection(*(set(table) for table in tables if table)) if any(tables) else set()
    return [float(np.mean([table[key] for key in common])) if table and common else 0.0 for table in tables]


def _note(found: Sequence[Candidate], installed: int) -> Note:
    best, others = found[0], found[1:]
    message = f"Bundle {best.manifest.id} was chosen from {installed} installed: {_words(best)}."
    if others:
        message += f" Next: {'; '.join(f'{one.manifest.id}, {_words(one)}' for one in others[:NAMED])}."
        if _weight(best) == _weight(others[0]):
            more = best.accuracy > others[0].accuracy
            message += f" The first two fit alike: the {'more accurate' if more else 'newer'} one was taken."
    if skipped := installed - len(found):
        message += f" {skipped} of another build or without a chromosome of the upload."
    return Note("bundle_chosen", message)


def _words(one: Candidate) -> str:
    chromosomes = f"{one.chromosomes} chromosome" + ("s" if one.chromosomes != 1 else "")
    return (
        f"{one.manifest.build}, {chromosomes} of the upload, "
        f"{one.share:.1%} of the {one.compared:,} sites compared in its range"
    )
