"""From files to what is peeled: joined stores, checks of the pedigree, and the QC document."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.contigs import chromosome_name, contig_like, is_human
from genotypes.mending import ALL, Mend
from models.peeling.pedigree import Pedigree, check_against_samples, x_linked
from worker.pipeline.peel_checks import ANIMALS, LOCI, PARENTS, TRIOS, PedigreeChecks
from worker.pipeline.peel_drawing import drawing
from worker.pipeline.peel_folder import (
    DOUBLED,
    PEDIGREE,
    Joined,
    JoinedChromosome,
    ReadChromosome,
    ReadFiles,
    file_label,
    map_name,
    members,
)
from worker.pipeline.peel_frequencies import copy_frequencies, known_to_store
from worker.pipeline.peel_join import MESSAGES, STRICT, ChromosomeJoin
from worker.pipeline.peel_maps import copy_maps, given_maps, map_notes, refuse_strangers
from worker.pipeline.peel_x import (
    LOST,
    Bounds,
    Lost,
    SexSystem,
    drop_heterozygotes,
    is_z,
    sex_notes,
    sexes,
    stretches,
    write_lost,
    x_bounds,
)
from worker.pipeline.types import QC, Note, Progress, silent

NOT_AUTOSOMES = {"X", "Y", "XY", "Z", "W", "M", "MT"}
SHOWN = 50
_NOT_PEELED = "peeling knows autosomes, and X or Z where the sexes and its pseudoautosomal regions are known"


def check_files(folder: Path) -> list[Path]:
    """What users download before peeling has begun."""
    return [path for name in (QC, TRIOS, PARENTS, LOCI, ANIMALS, LOST) if (path := folder / name).exists()]


@dataclass(frozen=True, slots=True)
class PeelHarmonised:
    """What is to be peeled."""

    samples: int  # animals with data
    sites: int
    chromosomes: list[str]
    qc: dict[str, Any]


def peel_harmonise(
    read: Path,
    out: Path,
    build: str = "auto",
    strict: bool = False,
    maps: Path | None = None,
    progress: Progress = silent,
    non_par: Bounds | None = None,
    mend: frozenset[Mend] = ALL,
    sex_system: SexSystem = "auto",
) -> PeelHarmonised:
    """Join what `peel_read` read, and check pedigree and genotypes against each other.

    Args:
        read: folder that `peel_read` wrote.
        out: folder for the joined stores, `qc.json` and the tables of Mendelian errors.
        build: genome build that the job states, or auto.
        strict: refuse chromosomes that cannot be peeled instead of leaving them out, and sites that would be turned.
        maps: the server's genetic maps, as in `choose_map`; those of the job come first, what has none is noted.
        progress: called with the fraction done; may raise to abort.
        non_par: first and last bp of X or Z at which one sex has one copy; those of a human build are known.
        mend: whether later files' sites may be turned to the first file's; `swap` and `flip` of it count.
        sex_system: whether X or Z is a sex chromosome; auto goes by the name.

    Raises:
        TesseraError: `engine_unavailable` when no chromosome can be peeled, `no_overlap` when no site can be used;
            `map_invalid` when the job's map is of none of its chromosomes;
            when strict `sex_unknown`, `haploid_heterozygotes` and the codes of `peel_join.STRICT`.
    """
    out.mkdir(parents=True, exist_ok=True)
    files = ReadFiles.open(read)
    pedigree = members(read)
    for name in (PEDIGREE, DOUBLED):
        if (read / name).exists():
            shutil.copyfile(read / name, out / name)
    animals = _animals(pedigree, files.samples)
    build_used = files.build if build == "auto" else build
    by_name = _named_alike(files.parts, build_used)
    notes = [Note.from_dict(one) for one in files.notes]
    bounds = {name: x_bounds(name, build_used, non_par, sex_system) for name in by_name}
    if pedigree.hermaphrodite:
        bounds = dict.fromkeys(by_name)
    usable, left_out = _peelable(by_name, strict, bounds)
    given = given_maps(read)
    refuse_strangers(given, list(usable), build_used)
    copy_maps(read, out)
    copy_frequencies(read, out)
    alone: list[int] = []
    lost: list[Lost] = []
    checks = PedigreeChecks(out, pedigree)
    chromosomes: list[JoinedChromosome] = []
    counted: list[dict[str, Any]] = []
    for number, (name, parts) in enumerate(usable.items()):
        join = ChromosomeJoin(read, parts, mend)
        if strict:
            _refuse_mending(join, name)
        store = f"c{number}"
        seen = join.write(out, store, animals, len(pedigree))
        length = next((part.length for part in parts if part.length), None)
        by_file = [0] * len(files.files)
        for part, sites in zip(parts, join.by_file, strict=True):
            by_file[part.file] += sites
        x = bounds[name]
        one = JoinedChromosome(name, parts[0].contig, file_label(name), length, store, len(join.sites), by_file,
                               None if x is None else list(x), x is not None and is_z(name))  # fmt: skip
        linked: Pedigree | None = None
        for stretch in stretches(join.sites.pos, one.non_par):
            single = pedigree.doubled
            if stretch.non_par:
                found = sexes(pedigree, seen[stretch.first : stretch.end], one.zw)
                notes += sex_notes(pedigree, found, name, strict)
                alone = np.flatnonzero(found.single).tolist()
                linked, single = x_linked(pedigree, found.single, one.zw)
            lost += drop_heterozygotes(seen, join.sites, pedigree, single, stretch)
        notes += known_to_store(out, pedigree.metafounders, name, join.sites, store, build_used)
        errors = checks.add(one, linked)
        notes += join.notes(name)
        notes += map_notes(maps, build_used, map_name(one), given, join.sites, name)
        if one.sites:
            chromosomes.append(one)
            counted.append(_counts(one, join, parts, errors))
        progress(0.9 * (number + 1) / len(usable))
    if not chromosomes:
        raise TesseraError(Code.no_overlap, "No site has an ALT allele: there is nothing to peel.", field="vcf")
    notes += write_lost(out, lost, strict)
    mendel, more = checks.write(out)
    strangers = _strangers(animals, files.samples)
    notes += more + _pedigree_notes(pedigree, strangers, left_out)
    has_data = sorted({row for rows in animals for row in rows.tolist() if row >= 0})
    Joined(out, build_used, files.files, has_data, chromosomes, alone).write()
    called = checks.tally.called
    document = {
        "samples": len(has_data),
        "build": {"header": files.build, "chosen": build},
        "sites": {
            "read": sum(part.sites for part in files.parts),
            "matched": sum(one.sites for one in chromosomes),
            "left_out": sum(one["sites"] for one in left_out),
        },
        "chromosomes": counted,
        "left_out": left_out,
        "files": [{"filename": name, "samples": len(samples)}
                  for name, samples in zip(files.files, files.samples, strict=True)],
        "notes": [note.as_dict() for note in notes],
        "call_rate": _call_rate(pedigree, has_data, called / max(1, checks.tally.loci)),
        "pedigree": _pedigree_facts(pedigree, has_data, strangers),
        "mendel": mendel,
    }  # fmt: skip
    (out / QC).write_text(json.dumps(document, indent=1) + "\n")
    progress(1.0)
    return PeelHarmonised(
        len(has_data), sum(one.sites for one in chromosomes), [one.name for one in chromosomes], document
    )


def _refuse_mending(join: ChromosomeJoin, name: str) -> None:
    for code, error in STRICT.items():
        if count := join.counts[code]:
            message = f"{MESSAGES[code].rstrip('.')} (chromosome {name}): strict mode refuses this."
            raise TesseraError(error, message, field="vcf", count=count, chromosome=name)


def _named_alike(parts: Sequence[ReadChromosome], build: str | None) -> dict[str, list[ReadChromosome]]:
    """The chromosomes in each file by their plain names, all in the first file's way of writing them."""
    people = is_human(build)
    first = [part.contig for part in parts if part.file == 0]
    by_name: dict[str, list[ReadChromosome]] = {}
    for part in parts:
        contig = part.contig if part.file == 0 else contig_like(part.contig, first, people)
        by_name.setdefault(chromosome_name(part.contig, people), []).append(replace(part, contig=contig))
    return by_name


def _animals(pedigree: Pedigree, samples: Sequence[Sequence[str]]) -> list[NDArray[np.int32]]:
    """Of each file's samples the row of the pedigree, -1 for strangers; ids are matched over all files together."""
    every = list(dict.fromkeys(sample for one in samples for sample in one))
    rows = dict(zip(every, check_against_samples(pedigree, every).tolist(), strict=True))
    return [np.array([rows[sample] for sample in one], np.int32) for one in samples]


def _strangers(animals: Sequence[NDArray[np.int32]], samples: Sequence[Sequence[str]]) -> list[str]:
    pairs = ((row, name) for rows, names in zip(animals, samples, strict=True)
             for row, name in zip(rows.tolist(), names, strict=True))  # fmt: skip
    return list(dict.fromkeys(name for row, name in pairs if row < 0))


def _peelable(
    by_name: dict[str, list[ReadChromosome]], strict: bool, bounds: Mapping[str, Bounds | None]
) -> tuple[dict[str, list[ReadChromosome]], list[dict[str, Any]]]:
    """Chromosomes that can be peeled, and those that are inherited in another way, by their own names."""
    odd = [name for name in by_name if name.upper() in NOT_AUTOSOMES and bounds[name] is None]
    if odd and (strict or len(odd) == len(by_name)):
        contig = by_name[odd[0]][0].contig
        raise TesseraError(
            Code.engine_unavailable,
            f"Chromosome {contig} is not inherited as autosomes are, and {_NOT_PEELED}.",
            action=f"Leave it out ('bcftools view -t ^{contig}'); for X or Z give a human build or 'non_par'.",
            field="vcf",
        )
    left_out = [{"name": name, "sites": sum(part.sites for part in by_name[name])} for name in odd]
    return {name: parts for name, parts in by_name.items() if name not in odd}, left_out


def _counts(
    one: JoinedChromosome, join: ChromosomeJoin, parts: Sequence[ReadChromosome], errors: int
) -> dict[str, Any]:
    """Counts of a chromosome, under the names that the page of other jobs knows too."""
    read = sum(part.sites for part in parts)
    removed = sum(join.counts[key] for key in ("no_alt", "duplicate_positions", "ambiguous", "not_mended"))
    turned = {key: join.counts[key] for key in ("swapped", "flipped")}
    return {"name": one.name, "read": read, "matched": one.sites, **turned, "removed": removed,
            "by_file": one.by_file, "loci_with_errors": errors}  # fmt: skip


def _call_rate(pedigree: Pedigree, has_data: Sequence[int], rates: NDArray[np.float64]) -> dict[str, Any]:
    """Call rates of the animals with data; low ones are what low-density arrays give, so nothing warns of them."""
    mine = rates[list(has_data)]
    lowest = np.argsort(mine, kind="stable")[:SHOWN]
    return {
        "mean": float(mine.mean()),
        "min": float(mine.min()),
        "warn_below": 0.0,
        "lowest": [{"sample": pedigree.ids[has_data[row]], "rate": float(mine[row])} for row in lowest.tolist()],
    }


def _pedigree_facts(pedigree: Pedigree, has_data: Sequence[int], strangers: Sequence[str]) -> dict[str, Any]:
    sire, dam = pedigree.sire >= 0, pedigree.dam >= 0
    return {
        "animals": len(pedigree),
        "with_data": len(has_data),
        "without_data": len(pedigree) - len(has_data),
        "founders": int((~sire & ~dam).sum()),
        "one_parent": int((sire ^ dam).sum()),
        "implied_founders": int((pedigree.line == 0).sum()),
        "strangers": list(strangers[:SHOWN]),
        "strangers_count": len(strangers),
        "hermaphrodite": pedigree.hermaphrodite,
        "doubled_haploids": int(pedigree.doubled.sum()),
        "metafounders": _metafounders(pedigree),
        **drawing(pedigree, has_data),
    }


def _metafounders(pedigree: Pedigree) -> dict[str, int]:
    """Unknown parents in each group; empty where all are of one."""
    groups = pedigree.metafounders
    if groups is None:
        return {}
    of = np.concatenate([groups.sire[pedigree.sire < 0], groups.dam[pedigree.dam < 0]])
    return dict(zip(groups.names, np.bincount(of, minlength=len(groups.names)).tolist(), strict=True))


def _pedigree_notes(pedigree: Pedigree, strangers: Sequence[str], left_out: Sequence[dict[str, Any]]) -> list[Note]:
    notes = []
    if groups := _metafounders(pedigree):
        counts = ", ".join(f"{name} {count:,}" for name, count in groups.items())
        message = f"Unknown parents belong to groups, each with allele frequencies of its own: {counts}."
        notes.append(Note("metafounders", message, len(groups)))
    if strangers:
        shown = ", ".join(strangers[:5]) + (", ..." if len(strangers) > 5 else "")
        notes.append(
            Note("not_in_pedigree", f"Samples that the pedigree lacks were left out: {shown}.", len(strangers))
        )
    for one in left_out:
        message = f"The chromosome is not inherited as autosomes are, and {_NOT_PEELED}: it was left out."
        notes.append(Note("not_an_autosome", message, one["sites"], one["name"]))
    return notes
