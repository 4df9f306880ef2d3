"""On which build the upload lies, and its sites on the bundle's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from errors import Code, TesseraError
from genotypes.chain import Blocks, read_chain
from genotypes.chain_files import list_chains
from genotypes.contigs import chromosome_name, of_people
from genotypes.liftover import CHR_M, KEPT, Lift, Lifted, lift, unmoved
from genotypes.mending import Mend
from genotypes.reference import Reference
from genotypes.sites import SiteTable
from genotypes.store import Store
from worker.pipeline.build_check import HEADER_OVERRULED, Overlap, check_choice, check_overlap, normal_build
from worker.pipeline.fates import Meeting, meet
from worker.pipeline.folder import Ingested, IngestedChromosome
from worker.pipeline.harmonise_options import HarmoniseOptions
from worker.pipeline.types import BundleView, Note

BETTER = 2  # times as many matches as unlifted: less may be chance


@dataclass(frozen=True, slots=True)
class View:
    """One chromosome that upload and bundle both hold, seen on the bundle's build."""

    upload: Ingested
    one: IngestedChromosome
    name: str  # the bundle's name
    lifted: bool = False
    blocks: Blocks | None = None

    def store(self) -> Store:
        """The upload's genotypes; opened anew at each call, as site lists of all chromosomes are large."""
        return self.upload.store(self.one)

    def sites(self, table: SiteTable) -> Lifted:
        """The sites of that store in position order of the bundle's build."""
        # The revised Cambridge sequence is the same in both builds; hg19's chain starts from another mitochondrion.
        if not self.lifted or (self.one.name == "MT" and self.one.length != CHR_M):
            return unmoved(table)
        return lift(table, self.blocks, self.one.name)


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """The upload on the bundle's build."""

    views: list[View]
    meetings: list[Meeting]
    build: str  # that the upload's sites are of
    confidence: float  # share of this build among the matches of all builds that were tried, chance included
    matched: dict[str, int] = field(default_factory=dict)  # sites that match, by build they were taken to be of
    notes: list[Note] = field(default_factory=list)

    @property
    def lifted(self) -> bool:
        """True when positions were lifted."""
        return any(view.lifted for view in self.views)

    def as_dict(self) -> dict[str, Any]:
        """For the QC document."""
        facts = {"detected": self.build, "confidence": round(self.confidence, 4), "lifted": self.lifted}
        return facts | {"matched": self.matched}


def place(
    upload: Ingested, shared: Sequence[tuple[IngestedChromosome, str]], bundle: BundleView, how: HarmoniseOptions
) -> Placement:
    """Find the build and lift where it is not the bundle's.

    Args:
        upload: the ingested upload.
        shared: its chromosomes that the bundle holds, each with the bundle's name for it.
        bundle: the model bundle.
        how: the user's choice, what is allowed, where chains lie.

    Raises:
        TesseraError: `wrong_build` or `no_overlap`; `wrong_build` too where lifting would help but is not allowed.
    """
    target = bundle.manifest.build
    plain = [View(upload, one, name) for one, name in shared]
    chains = list_chains(how.chains, target) if Mend.liftover in how.mend else {}
    if how.build != "auto" and normal_build(how.build) != normal_build(target):
        source = normal_build(how.build)
        if source not in chains or how.strict:
            check_choice(how.build, target)
        lifted = _meetings(_lift(plain, chains[source]), bundle, how)
        check_overlap(_overlap(*lifted), None, target)
        return _lifted(source, lifted, {}, target)
    here = plain, _meetings(plain, bundle, how)[1]
    overlap = _overlap(*here)
    refusal: TesseraError | None = None
    notes: list[Note] = []
    try:
        notes = check_overlap(overlap, upload.build, target)
    except TesseraError as error:
        refusal = error
    tried = {target: overlap.matched}
    if how.build == "auto" and overlap.matched < HEADER_OVERRULED * overlap.sites:
        best = _best(plain, chains, bundle, how, tried)
        if best is not None:
            if how.strict:
                message = f"The sites are of build {best[0]}, the bundle is on {target}: strict mode refuses lifting."
                raise TesseraError(Code.wrong_build, message, field="vcf", build=best[0], bundle_build=target)
            return _lifted(best[0], best[1], tried, target)
    if refusal is not None:
        raise refusal
    return Placement(*here, target, _confidence(target, tried, overlap.chance), tried, notes)


def _best(
    plain: list[View], chains: Mapping[str, Path], bundle: BundleView, how: HarmoniseOptions, tried: dict[str, int]
) -> tuple[str, tuple[list[View], list[Meeting]]] | None:
    """The build whose lifted sites match best, when they do so beyond doubt; `tried` gets every build's matches."""
    best = None
    most = BETTER * tried[bundle.manifest.build]
    for source, path in chains.items():
        lifted = _meetings(_lift(plain, path), bundle, how)
        overlap = _overlap(*lifted)
        tried[source] = overlap.matched
        if overlap.matched <= most:
            continue
        try:
            check_overlap(overlap, None, bundle.manifest.build)
        except TesseraError:
            continue
        best, most = (source, lifted), overlap.matched
    return best


def _lift(plain: list[View], path: Path) -> list[View]:
    blocks = read_chain(path, {view.one.name for view in plain})
    return [View(view.upload, view.one, view.name, True, blocks.get(view.one.name)) for view in plain]


def _meetings(views: list[View], bundle: BundleView, how: HarmoniseOptions) -> tuple[list[View], list[Meeting]]:
    with Reference.open(how.references, bundle.manifest.build) as reference:
        found = [
            meet(
                view.sites(view.store().sites).sites,
                bundle.sites(view.name),
                # What has no order is put in one, which mends nothing; nor can its REF contradict a genome.
                how.mend if view.one.ref_known else how.mend | {Mend.swap},
                reference.fetcher(chromosome_name(view.name, of_people(bundle.manifest))),
                bundle.manifest.chromosomes[view.name].length,
                view.lifted and view.one.ref_known,
            )
            for view in views
        ]
    return views, found


def _lifted(source: str, lifted: tuple[list[View], list[Meeting]], tried: dict[str, int], target: str) -> Placement:
    """The placement of lifted sites, with what was dropped on the way."""
    views, meetings = lifted
    tried = tried | {source: sum(one.matched for one in meetings)}
    confidence = _confidence(source, tried, 0)
    outcomes = [view.sites(view.store().sites) for view in views]
    kept = sum(one.count(*KEPT) for one in outcomes)
    notes = [
        Note(
            "lifted",
            f"Sites of {source} were lifted to {target}, the bundle's build (confidence {confidence:.1%}); REF was "
            "checked where the bundle or a reference genome holds the site.",
            kept,
        )
    ]
    for view, one in zip(views, outcomes, strict=True):
        lost = {kind.name: one.count(kind) for kind in Lift if kind not in KEPT}
        reasons = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in lost.items() if count)
        if reasons:
            message = f"Sites without one place on {target} were removed: {reasons}."
            notes.append(Note("not_lifted", message, sum(lost.values()), view.name))
    return Placement(views, meetings, source, confidence, tried, notes)


def _confidence(build: str, tried: Mapping[str, int], chance: float) -> float:
    """Matches of the build over those of it and of the next best explanation; by chance half the alleles agree."""
    others = max([count for name, count in tried.items() if name != build], default=0)
    return tried[build] / max(1.0, tried[build] + max(others, chance / 2))


def _overlap(views: list[View], meetings: list[Meeting]) -> Overlap:
    """Sum over the chromosomes."""
    return Overlap(
        sites=sum(view.one.sites for view in views),
        shared=sum(one.shared for one in meetings),
        matched=sum(one.matched for one in meetings),
        beyond=sum(one.beyond for one in meetings),
        within=sum(one.within for one in meetings),
        chance=sum(one.within * one.density for one in meetings),
    )
