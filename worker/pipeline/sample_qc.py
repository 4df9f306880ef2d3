"""Sample QC: which samples are bad, why, and what is done about each; a bad sample never costs the others anything."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes import codes as gt
from genotypes.builds import par_bounds
from genotypes.harmonise import normal_contig
from genotypes.kinship import Pairs, related
from genotypes.sample_stats import SampleSums, outliers
from genotypes.sex import SexCheck, check_sex
from worker.pipeline.folder import Ingested, PloidyRegion
from worker.pipeline.sample_findings import (
    Finding,
    believed,
    find_pairs,
    find_samples,
    find_sexes,
    kinship_floor,
    stated_sexes,
    swapped_ids,
)
from worker.pipeline.sample_policy import SamplePolicy
from worker.pipeline.sample_scan import SEX_CHROMOSOMES, Examined, KinshipSites, kinship_sites, sums_of
from worker.pipeline.sex_chromosome import XPlan, plan_x
from worker.pipeline.types import Note, Progress, silent


@dataclass(frozen=True, slots=True, eq=False)
class SampleReview:
    """What sample QC found in an upload of S samples.

    Attributes:
        samples: their ids.
        kept: (K,) int64 rows of those that go on, ascending.
        findings: everything that is odd about a sample, in the order of the samples.
        notes: sentences for the report.
        calls: (S,) int64 called genotypes at the sites used.
        sites: sites used.
        autosomes: sums over the autosomal sites used.
        sex: the sex check, or None without X and Y.
        stated: (S,) `Sex` as the upload states it.
        x: ploidy along X, or None when it is not imputed or the bundle's species is not human.
        pairs: related pairs, closest first.
        kinship: the sites that these come from.
    """

    samples: list[str]
    kept: NDArray[np.int64]
    findings: list[Finding]
    notes: list[Note]
    calls: NDArray[np.int64]
    sites: int
    autosomes: SampleSums
    sex: SexCheck | None
    stated: NDArray[np.int8]
    x: XPlan | None
    pairs: Pairs
    kinship: KinshipSites

    @property
    def kept_samples(self) -> list[str]:
        """Ids of the samples that go on."""
        return [self.samples[row] for row in self.kept.tolist()]

    def prepare(self, chromosome: str, codes: gt.Codes, pos: NDArray[np.int32]) -> gt.Codes:
        """Genotypes (V, S) of a chromosome as they are kept: (V, K), on X with the ploidy of their region."""
        if chromosome == "X" and self.x is not None:
            codes = self.x.mend(codes, pos)
        return codes if len(self.kept) == len(self.samples) else codes[:, self.kept]

    def haploid(self, chromosome: str, written: Sequence[int]) -> list[int]:
        """Rows among the kept samples of those that are haploid; `written` are rows of the upload."""
        rows = np.flatnonzero(self.x.one_copy) if chromosome == "X" and self.x is not None else np.array(written, int)
        return np.flatnonzero(np.isin(self.kept, rows)).tolist()

    def regions(self, chromosome: str) -> list[PloidyRegion]:
        """Regions of X; nothing for other chromosomes."""
        return self.x.regions(self.kept) if chromosome == "X" and self.x is not None else []


def review_samples(
    upload: Ingested,
    used: Sequence[Examined],
    build: str,
    policy: SamplePolicy | None = None,
    progress: Progress = silent,
) -> SampleReview:
    """Look at every sample of an upload.

    Args:
        upload: what was ingested.
        used: the sites that will be imputed from, chromosome by chromosome.
        build: the bundle's build.
        policy: limits and actions.
        progress: called with the fraction done; may raise to abort.

    Raises:
        TesseraError: `no_samples_left` when every sample is to be dropped; `mixed_ploidy` on an X whose regions are not
            known.
    """
    policy = policy or SamplePolicy()
    if any(note["code"] == "samples_joined" for note in upload.notes):
        # Samples of files with other sites lack calls through no fault of theirs.
        policy = replace(policy, call_rate="flag")
    count = len(upload.samples)
    autosomes, calls, sites = SampleSums.none(count), np.zeros(count, np.int64), 0
    counted = []
    for number, one in enumerate(used):
        sums, site_counts = sums_of(one)
        calls, sites = calls + sums.calls, sites + sums.sites
        if one.name not in SEX_CHROMOSOMES:
            autosomes = autosomes + sums
            counted.append((one, site_counts))
        progress(0.5 * (number + 1) / len(used))
    stated = stated_sexes(upload)
    sex, x = _sexes(upload, used, build, policy, stated)
    kinship = kinship_sites(counted, count, policy.kinship_sites)
    floor = kinship_floor(kinship.megabases, kinship.sites)
    pairs = related(kinship.planes, floor, threads=len(os.sched_getaffinity(0)))
    progress(0.9)
    rate = calls / max(1, sites)
    odd = outliers(autosomes.inbreeding, policy.deviations)
    findings = find_samples(policy, upload.samples, rate, autosomes, odd)
    findings += find_sexes(policy, upload.samples, sex, stated, x)
    findings += find_pairs(policy, upload.samples, pairs, believed(kinship.megabases, kinship.sites), rate)
    findings.sort(key=lambda one: one.row)
    dropped = {one.row for one in findings if one.dropped}
    kept = np.array([row for row in range(count) if row not in dropped], np.int64)
    if len(kept) == 0:
        message = f"Every sample fails sample QC; '{upload.samples[0]}', for one: {findings[0].message}"
        raise TesseraError(Code.no_samples_left, message, field="vcf", samples=upload.samples[:20], count=count)
    notes = [*_notes(findings, x), *swapped_ids(upload.samples, sex, stated)]
    progress(1.0)
    return SampleReview(upload.samples, kept, findings, notes, calls, sites, autosomes, sex, stated, x, pairs, kinship)


def _sexes(
    upload: Ingested, used: Sequence[Examined], build: str, policy: SamplePolicy, stated: NDArray[np.int8]
) -> tuple[SexCheck | None, XPlan | None]:
    """The sex check, and ploidy along X where it is imputed."""
    bounds = par_bounds(build)
    given = {one.name: one for one in used}
    for one in upload.chromosomes:
        if one.name in ("X", "Y") and one.name not in given:
            store = upload.store(one)
            given[one.name] = Examined(one.name, store.codes, np.arange(len(store.sites)), store.sites.pos, None, False)
    x = given.get("X")
    if bounds is None:
        for examined in used:
            if normal_contig(examined.name) == "X":  # or 23 and 25, which were read when they might have been X
                _refuse_mixed(examined, upload.samples)
    if bounds is None or not ({"X", "Y"} & set(given)):
        return None, None
    none = SampleSums.none(len(upload.samples))
    non_par = none if x is None else sums_of(x.within(*bounds))[0]
    check = check_sex(non_par, sums_of(given["Y"])[0] if "Y" in given else None, policy.sex)
    return check, plan_x(x, bounds, non_par, check, stated.tolist()) if x is not None and x.imputed else None


def _refuse_mixed(one: Examined, samples: Sequence[str]) -> None:
    """Where no regions are known, as on X of an unknown build, a sample has one ploidy along a chromosome."""
    sums, _ = sums_of(one)
    mixed = np.flatnonzero((sums.haploid > 0) & (sums.haploid < sums.calls))
    if len(mixed):
        name = samples[int(mixed[0])]
        message = f"Sample '{name}' has haploid and diploid genotypes on chromosome {one.name}, which is of one ploidy."
        raise TesseraError(
            Code.mixed_ploidy, message, field="vcf", sample=name, chromosome=one.name, samples=len(mixed)
        )


def _notes(findings: Sequence[Finding], x: XPlan | None) -> list[Note]:
    """One sentence a check and outcome, and what was mended on X."""
    sentences = {
        ("call_rate", True): "Samples with too few called genotypes were left out of the result.",
        ("call_rate", False): "Samples with too few called genotypes were kept: expect low accuracy.",
        ("heterozygosity", True): "Samples of unusual heterozygosity were left out of the result.",
        (
            "heterozygosity",
            False,
        ): "Samples of unusual heterozygosity: contamination, inbreeding or another population.",
        ("sex_mismatch", True): "Samples whose genotypes contradict their stated sex were left out of the result.",
        ("sex_mismatch", False): "The genotypes of samples contradict their stated sex.",
        ("duplicates", True): "Samples that repeat another one were left out of the result.",
        ("duplicates", False): "Samples are duplicates of another one, or monozygotic twins.",
        ("relatives", True): "Close relatives of another sample were left out of the result.",
        ("relatives", False): "Samples are close relatives of another one.",
        ("sex_unclear", False): "The genotypes do not tell the sex of samples; on X they are taken as diploid.",
    }
    notes = []
    for (check, dropped), message in sentences.items():
        rows = {one.row for one in findings if (one.check, one.dropped) == (check, dropped)}
        if rows:
            notes.append(Note(f"samples_{check}" + ("_dropped" if dropped else ""), message, len(rows)))
    if x is not None:
        if x.set_missing.any():
            message = "Heterozygous genotypes of males on X outside its pseudoautosomal regions were set to missing."
            notes.append(Note("x_male_heterozygotes", message, int(x.set_missing.sum()), "X"))
        if x.recoded.any():
            message = "Genotypes on X were recoded to the ploidy of their sample and region, their alleles kept."
            notes.append(Note("x_ploidy", message, int(x.recoded.sum()), "X"))
    return notes
