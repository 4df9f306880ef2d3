"""Which allele frequencies to expect of an upload: the whole panel's, one population's, or those of a mixture.

Measured against the whole panel, a cohort of one continent differs at many sites that are perfectly good; against a
mixture of the panel's populations that its own genotypes call for, what still differs is worth a look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt
from genotypes.mending import QcOptions
from genotypes.mixture import fit_shares, independence, log_likelihood, posterior, smoothed
from genotypes.population_names import AUTO, RESERVED, WHOLE, offered_names, unknown_population
from genotypes.populations import Floats, Populations
from genotypes.sites import SiteTable
from genotypes.strand import palindromic
from worker.pipeline.fates import TURNED, USED, Meeting
from worker.pipeline.lifting import View
from worker.pipeline.selection import BLOCK_BYTES
from worker.pipeline.types import BundleView

LEAST_SITES: Final = 30  # fewer tell no population
MOST_SITES: Final = 4_000  # evenly from all that are fit for it
SHOWN: Final = 2_000  # samples in the document
LEAST_SHARE: Final = 0.005  # of a population, to be named


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """The frequencies that an upload is compared with.

    Attributes:
        choice: what was asked for.
        held: the bundle's frequencies by population, or None.
        shares: (P,) of the populations; None for the whole panel.
        told: (S, P) probability of each population for every sample; None where genotypes were not asked.
        sites: that told the shares.
    """

    choice: str
    held: Populations | None = None
    shares: Floats | None = None
    told: Floats | None = None
    sites: int = 0

    @property
    def named(self) -> dict[str, float]:
        """Shares by population; nothing for the whole panel."""
        if self.held is None or self.shares is None:
            return {}
        return dict(zip(self.held.names, self.shares.tolist(), strict=True))

    def table(self, table: SiteTable, chromosome: str) -> SiteTable:
        """The bundle's sites with the frequencies to be expected in the place of the whole panel's."""
        return expected_table(table, chromosome, self.held, self.shares)

    def alleles(self, chromosome: str, whole: int | None) -> int | None:
        """How many alleles are behind these frequencies; `whole`: behind those of the panel."""
        if self.held is None or self.shares is None or chromosome not in self.held.counts:
            return whole
        return self.held.alleles(self.shares)

    def thresholds(self, qc: QcOptions) -> QcOptions:
        """Those that fit what is compared with."""
        return qc.settled(by_population=self.shares is not None)

    def document(self, samples: Sequence[str], kept: NDArray[np.int64]) -> dict[str, Any]:
        """The part `population` of the QC document.

        Args:
            samples: ids of the kept samples.
            kept: their rows in the upload.
        """
        facts: dict[str, Any] = {"choice": self.choice, "basis": "panel", "shares": [], "message": self._panel()}
        if self.held is None or self.shares is None:
            return facts
        order = np.argsort(-self.shares, kind="stable").tolist()
        facts["shares"] = [
            {"population": self.held.names[k], "within": self.held.within[k] or None, "share": _rounded(self.shares[k])}
            for k in order
            if self.shares[k] >= LEAST_SHARE
        ]
        facts["alleles"] = self.held.alleles(self.shares)
        if self.told is None:
            message = f"Allele frequencies are compared with those of {self.choice}, as chosen."
            return facts | {"basis": "population", "message": message}
        tops = list(dict.fromkeys(self.held.tops))
        member = np.array([[top == one for one in tops] for top in self.held.tops], float)  # (P, tops)
        each, whole = self.told[kept] @ member, self.shares @ member
        best = each.argmax(axis=1)
        sure = each.max(axis=1)
        ranked = [k for k in np.argsort(-whole, kind="stable").tolist() if whole[k] >= LEAST_SHARE]
        listed = ", ".join(f"{tops[k]} {whole[k]:.0%}" for k in ranked)
        likeliest = ", ".join(f"{int((best == k).sum()):,} {tops[k]}" for k in ranked if (best == k).any())
        message = (
            "Allele frequencies are compared with those of the mixture of the panel's populations that fits the upload "
            f"best, by {self.sites:,} sites: {listed}. Sample by sample the likeliest are {likeliest}; such a "
            f"likeliest population is right with a probability of {sure.mean():.0%} on average."
        )
        return facts | {
            "basis": "mixture",
            "message": message,
            "sites": self.sites,
            "certainty": _rounded(sure.mean()),
            "larger": [
                {"population": tops[k], "share": _rounded(whole[k]), "samples": int((best == k).sum())} for k in ranked
            ],
            "samples": [
                {"id": name, "population": tops[int(best[row])], "probability": _rounded(sure[row])}
                for row, name in enumerate(samples[:SHOWN])
            ],
        }

    def _panel(self) -> str:
        words = "Allele frequencies are compared with those of the bundle's whole panel"
        if self.choice != AUTO:
            return f"{words}, as chosen."
        why = (
            "it holds none by population" if self.held is None else "too few sites tell of which population people are"
        )
        return f"{words}: {why}."


def expected_table(table: SiteTable, chromosome: str, held: Populations | None, shares: Floats | None) -> SiteTable:
    """A bundle's sites with frequencies of a mixture; as they are without populations, shares, or counts there."""
    if held is None or shares is None or chromosome not in held.counts:
        return table
    return replace(table, af=held.frequency(chromosome, shares))


def check_choice(bundle: BundleView, choice: str) -> None:
    """Refuse a population that the bundle lacks, before anything is computed.

    Raises:
        TesseraError: `population_unknown`.
    """
    offered = offered_names(bundle.manifest.panel)
    if choice not in (*RESERVED, *offered):
        raise unknown_population(choice, offered)


def expect(
    bundle: BundleView, choice: str, views: Sequence[View], meetings: Sequence[Meeting], judges: NDArray[np.bool_]
) -> Expected:
    """The frequencies that fit what was chosen.

    Args:
        bundle: the bundle.
        choice: `auto`, `all` or the name of a population.
        views: chromosomes of the upload on the bundle's build.
        meetings: how the sites of each meet the bundle's.
        judges: (S,) samples that are called well; they alone make the mixture.

    Raises:
        TesseraError: `population_unknown`; `bundle_invalid`.
    """
    held = None if choice == WHOLE else bundle.populations()
    if held is None:
        check_choice(bundle, choice)
        return Expected(choice)
    if choice != AUTO:
        return Expected(choice, held, held.shares(choice))
    seen = _look(bundle, held, views, meetings)
    sites = sum(len(one.af) for one in seen)
    if sites < LEAST_SITES:
        return Expected(choice, held)
    likelihood = sum(one.likelihood() for one in seen)
    dosage, af = np.concatenate([one.dosage[:, judges] for one in seen]), np.concatenate([one.af for one in seen])
    if (dosage >= 0).any(axis=1).sum() < LEAST_SITES:
        return Expected(choice, held)  # sites that nobody is called at tell nothing
    alt = np.where(dosage < 0, 0, dosage).sum(axis=1, dtype=np.int64)
    shares = fit_shares(alt, 2 * (dosage >= 0).sum(axis=1), af)
    return Expected(choice, held, shares, posterior(np.asarray(likelihood)), sites)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Sites of a chromosome that speak of populations: of plain strand, each of the bundle's once, in its order."""

    pos: NDArray[np.int32]  # (V,)
    af: Floats  # (V, P)
    dosage: NDArray[np.int8]  # (V, S) of the bundle's ALT, -1 missing

    def likelihood(self) -> Floats:
        """(S, P) log likelihoods."""
        return independence(self.pos) * log_likelihood(self.dosage, self.af)


def _look(bundle: BundleView, held: Populations, views: Sequence[View], meetings: Sequence[Meeting]) -> list[_Seen]:
    """The sites that speak, chromosome by chromosome."""
    pairs = [(view, meeting) for view, meeting in zip(views, meetings, strict=True) if view.name in held.counts]
    plain = [_plain(bundle.sites(view.name), meeting) for view, meeting in pairs]
    found = sum(map(len, plain))
    if found == 0:
        return []
    most = min(found, MOST_SITES, max(10 * LEAST_SITES, BLOCK_BYTES // max(1, len(pairs[0][0].upload.samples))))
    picked = np.unique(np.linspace(0, found - 1, most).astype(np.int64))
    first, seen = 0, []
    for (view, meeting), sites in zip(pairs, plain, strict=True):
        low, high = np.searchsorted(picked, (first, first + len(sites)))
        mine = sites[picked[low:high] - first]
        first += len(sites)
        store, rows = view.store(), meeting.rows[mine]
        dosage = gt.dosage(gt.as_diploid(np.asarray(store.codes[view.sites(store.sites).source[mine]])))
        turned = np.isin(meeting.fate[mine], TURNED)[:, None]
        dosage = np.where(turned & (dosage >= 0), 2 - dosage, dosage).astype(np.int8)
        af = smoothed(held.counts[view.name][rows], held.people)
        seen.append(_Seen(bundle.sites(view.name).pos[rows], af, dosage))
    return seen


def _plain(table: SiteTable, meeting: Meeting) -> NDArray[np.int64]:
    """Sites of the upload that are used and no palindromes, in the order of the bundle's rows, each row once."""
    used = np.flatnonzero(np.isin(meeting.fate, USED))
    used = used[~palindromic(table.take(meeting.rows[used]))]
    return used[np.unique(meeting.rows[used], return_index=True)[1]]


def _rounded(value: Any) -> float:
    return round(float(value), 4)
