"""What the genotypes say of the pedigree: Mendelian errors by trio, locus and animal, parents to doubt, and tables."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from genotypes.sites import SiteTable
from models.peeling.mendel import MAX_OPPOSING, MIN_LOCI, MendelTally, Pair, parent_lod
from models.peeling.pedigree import FEMALE, MALE, Pedigree
from models.peeling.penetrance import confident_calls
from models.peeling.rotations import find_exchanges
from worker.pipeline.peel_folder import JoinedChromosome, store_observations, store_sites
from worker.pipeline.peel_swaps import rotation_dict, rotation_note, swap_dict, swap_note
from worker.pipeline.peel_x import stretches
from worker.pipeline.types import Note

TRIOS, PARENTS, LOCI, ANIMALS = (f"mendel-{name}.tsv.gz" for name in ("trios", "parents", "loci", "animals"))
SHOWN: Final = 50  # rows of a table that the report shows; the files hold all
SEARCHED: Final = 20  # suspicious parents for whom another one is looked for
LEAST_GAIN: Final = 5.0  # by how much another parent's log-likelihood must be better
_BLOCK: Final = 4 << 20

LocusErrors = tuple[str, int, str, int, int]  # chromosome, bp, id, children with a called parent, impossible ones


class PedigreeChecks:
    """Collects the checks of all chromosomes, then writes them."""

    def __init__(self, folder: Path, pedigree: Pedigree) -> None:
        """Check stores in `folder`."""
        self._folder, self._pedigree = folder, pedigree
        self.tally = MendelTally(pedigree)
        self._loci: list[LocusErrors] = []
        self._chromosomes: list[JoinedChromosome] = []

    def add(self, one: JoinedChromosome, x: Pedigree | None = None) -> int:
        """Check a chromosome, nonPAR by the pedigree of X; the number of its loci with an impossible genotype."""
        sites = store_sites(self._folder, one.store)
        self._chromosomes.append(one)
        found = 0
        for first, dosage, non_par in self._dosages(one):
            testable, errors = self.tally.add(dosage, x if non_par else None)
            self._loci += _locus_errors(sites, first, testable, errors)
            found += int((errors > 0).sum())
        return found

    def write(self, out: Path) -> tuple[dict[str, Any], list[Note]]:
        """Write the four tables into `out`; the document for reports, and notes on doubtful parents."""
        ids, tally = self._pedigree.ids, self.tally
        pairs, judge = tally.pairs()
        swaps, rings = find_exchanges(self._pedigree, pairs, judge, self._calls)
        doubted = [pair for pair in pairs if pair.suspicious]
        others = self._candidates(doubted[:SEARCHED])
        loci = sorted(self._loci, key=lambda one: -one[4])
        trios = self._trios()
        animals = np.argsort(-tally.animal_errors, kind="stable")
        every = [_pair_dict(ids, pair, others.get((pair.child, pair.role))) for pair in pairs]
        _table(out / TRIOS, ("child", "sire", "dam", "compared", "errors"), (list(one.values())[:5] for one in trios))
        _table(out / PARENTS, list(every[0]) if every else ["parent"], (one.values() for one in every))
        _table(out / LOCI, ("chromosome", "position", "id", "children", "errors"), self._loci)
        called = zip(ids, tally.called.tolist(), tally.animal_errors.tolist(), strict=True)
        _table(out / ANIMALS, ("animal", "called", "errors"), called)
        compared, errors = int(tally.trio_compared.sum()), int(tally.trio_errors.sum())
        document = {
            "trios": {"tested": sum(one["compared"] > 0 for one in trios), "compared": compared, "errors": errors},
            "error_rate": errors / compared if compared else None,
            "parents_tested": len(pairs),
            "opposing_of_strangers": pairs[0].unrelated if pairs else None,
            "opposing_limit": MAX_OPPOSING,
            "suspicious": every[: len(doubted)],
            "swaps": [swap_dict(ids, swap) for swap in swaps],
            "rotations": [rotation_dict(ids, ring) for ring in rings],
            "worst_trios": [one for one in trios if one["errors"]][:SHOWN],
            "worst_loci": [dict(zip(("chromosome", "position", "id", "children", "errors"), one, strict=True))
                           for one in loci[:SHOWN]],
            "loci_with_errors": len(loci),
            "worst_animals": [{"animal": ids[row], "errors": int(tally.animal_errors[row])}
                              for row in animals[:SHOWN].tolist() if tally.animal_errors[row]],
        }  # fmt: skip
        return document, _notes(document, every[: len(doubted)])

    def _trios(self) -> list[dict[str, Any]]:
        """Every child with both parents called somewhere, the worst first."""
        p, tally = self._pedigree, self.tally
        shown = []
        for place, child in enumerate(tally.children.tolist()):
            compared, errors = int(tally.trio_compared[place]), int(tally.trio_errors[place])
            if compared:
                names = {"child": p.ids[child], "sire": p.ids[p.sire[child]], "dam": p.ids[p.dam[child]]}
                shown.append({**names, "compared": compared, "errors": errors, "rate": errors / compared})
        return sorted(shown, key=lambda one: -float(str(one["rate"])))

    def _candidates(self, doubted: Sequence[Pair]) -> dict[tuple[int, str], str]:
        """For doubtful parents, the typed animal that fits best beside the other parent, if any fits at all."""
        if not doubted:
            return {}
        p = self._pedigree
        others = [int((p.dam if pair.role == "sire" else p.sire)[pair.child]) for pair in doubted]
        compared, opposing = (np.zeros((len(doubted), len(p)), np.int64) for _ in range(2))
        lod = np.zeros((len(doubted), len(p)))
        for one in self._chromosomes:
            for _, dosage, non_par in self._dosages(one):
                if non_par:
                    continue  # sons have nothing of their sires there
                for row, (pair, other) in enumerate(zip(doubted, others, strict=True)):
                    mine = dosage[:, pair.child]
                    beside = dosage[:, other] if other >= 0 else np.full(len(dosage), -1, np.int8)
                    lod[row] += parent_lod(dosage, beside, mine)
                    compared[row] += ((mine[:, None] >= 0) & (dosage >= 0)).sum(axis=0)
                    opposing[row] += (dosage == np.where(mine == 1, 9, 2 - mine)[:, None]).sum(axis=0)
        found = {}
        for row, pair in enumerate(doubted):
            fits = (compared[row] >= MIN_LOCI) & (opposing[row] <= MAX_OPPOSING * compared[row])
            fits &= ~self._impossible_parents(pair) & (lod[row] > max(0.0, lod[row, pair.parent]) + LEAST_GAIN)
            if fits.any():
                found[pair.child, pair.role] = p.ids[int(np.where(fits, lod[row], -np.inf).argmax())]
        return found

    def _impossible_parents(self, pair: Pair) -> NDArray[np.bool_]:
        """Animals that cannot stand in the role: the child and its offspring, its parents, the other sex."""
        p = self._pedigree
        out = (p.sire == pair.child) | (p.dam == pair.child)
        out |= p.sex == (FEMALE if pair.role == "sire" else MALE)
        for row in (pair.child, int(p.sire[pair.child]), int(p.dam[pair.child])):
            if row >= 0:
                out[row] = True
        return np.asarray(out, bool)

    def _calls(self) -> Iterator[NDArray[np.int8]]:
        """(V, N) calls of all chromosomes but nonPAR in parts."""
        return (dosage for one in self._chromosomes for _, dosage, non_par in self._dosages(one) if not non_par)

    def _dosages(self, one: JoinedChromosome) -> Iterable[tuple[int, NDArray[np.int8], bool]]:
        """(first row, (V, N) calls, whether they lie in nonPAR) of parts of a chromosome."""
        seen = store_observations(self._folder, one.store, (one.sites, len(self._pedigree)))
        step = max(1, _BLOCK // max(1, len(self._pedigree)))
        for part in stretches(store_sites(self._folder, one.store).pos, one.non_par):
            for first in range(part.first, part.end, step):
                yield first, confident_calls(np.asarray(seen[first : min(part.end, first + step)])), part.non_par


def _locus_errors(
    sites: SiteTable, first: int, testable: NDArray[np.int64], errors: NDArray[np.int64]
) -> list[LocusErrors]:
    return [
        (sites.chrom, int(sites.pos[first + row]), str(sites.id[first + row]), int(testable[row]), int(errors[row]))
        for row in np.flatnonzero(errors).tolist()
    ]


def _pair_dict(ids: Sequence[str], pair: Pair, other: str | None) -> dict[str, Any]:
    return {
        "parent": ids[pair.parent],
        "child": ids[pair.child],
        "role": pair.role,
        "compared": pair.compared,
        "opposing": pair.opposing,
        "share": round(pair.share, 6),
        "suspicious": pair.suspicious,
        "fits_better": other or "",
    }


def _notes(document: dict[str, Any], doubted: Sequence[dict[str, Any]]) -> list[Note]:
    notes = [swap_note(one) for one in document["swaps"]]
    notes += [rotation_note(one) for one in document["rotations"]]
    for one in doubted[:SEARCHED]:
        message = (
            f"The genotypes speak against '{one['parent']}' as {one['role']} of '{one['child']}': "
            f"opposite homozygotes at {one['share']:.1%} of {one['compared']:,} loci, "
            f"where strangers have {document['opposing_of_strangers']:.1%}."
        )
        if one["fits_better"]:
            message += f" '{one['fits_better']}' fits better."
        notes.append(Note("suspicious_parent", message + " The pedigree was used as given.", 1))
    if len(doubted) > SEARCHED:
        message = f"Further doubtful parents; {PARENTS} lists them."
        notes.append(Note("suspicious_parent", message, len(doubted) - SEARCHED))
    if document["trios"]["errors"]:
        message = f"Genotypes that no child of its parents can have; {TRIOS} and {LOCI} say where."
        notes.append(Note("mendelian_errors", message, document["trios"]["errors"]))
    return notes


def _table(path: Path, columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    with gzip.GzipFile(path, "wb", compresslevel=6, mtime=0) as file:
        file.write(("\t".join(columns) + "\n").encode())
        for row in rows:
            file.write(("\t".join(str(value) for value in row) + "\n").encode())
