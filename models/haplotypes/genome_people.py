"""A genome's training people: frequencies by population and the map, counted in libraries a block at a time."""

from __future__ import annotations

import lzma
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes import ancestry, populations
from genotypes.ancestry import MapSites
from genotypes.clusters import MOST_SITES, cluster_people, clusters_for
from genotypes.populations import Populations
from genotypes.tensor_stream import Stream
from models.dae.ancestry import AncestryOptions, fit_map, labelled
from models.dae.map_maker import prune
from models.haplotypes.chromosome import Chromosome
from models.haplotypes.genome_learn import Watch
from models.haplotypes.genome_options import GenomeOptions
from models.haplotypes.stored import StoredLibrary
from models.population_table import pool
from models.populations import Groups, cluster_names

COMMON: Final = 0.05  # minor-allele frequency of sites that tell who is alike
MOST_CELLS: Final = 50_000_000  # sites x people of the map
CANDIDATE_CELLS: Final = 24_000_000  # sites x people of a chromosome that are looked at for it


@dataclass(frozen=True)
class DescribedPeople:
    """What was found of the people.

    Attributes:
        names: populations; none where there are too few people.
        facts: for the manifest.
        unmapped: why there is no map; None where there is one.
    """

    names: list[str]
    facts: list[dict[str, Any]]
    unmapped: str | None


def describe_genome(o: GenomeOptions, chromosomes: Sequence[Chromosome], folder: Path, watch: Watch) -> DescribedPeople:
    """Write frequencies by population and a map into a bundle's folder before it is sealed.

    Chromosomes with haploid people are left out, as frequencies count two alleles a person. A map that cannot be made
    is left out too.
    """
    diploid = [one for one in chromosomes if not one.haploids]
    samples = chromosomes[0].samples
    groups = pool(o.labels, samples) if o.labels else clusters(diploid, samples)
    if len(groups) < 2:
        return DescribedPeople([], [], f"The panel's {len(samples)} people make no two populations of enough people.")
    if not diploid:
        return DescribedPeople([], [], "The panel has haploids on all its chromosomes: give autosomes.")
    held = Populations(
        [name for name, _ in groups],
        [above for _, above in groups],
        np.array([len(members) for members in groups.values()], np.int64),
        {},
    )
    place = {sample: number for number, members in enumerate(groups.values()) for sample in members}
    group = np.repeat([place[sample] for sample in samples], 2)
    streams = {}
    for number, one in enumerate(diploid):
        watch(f"populations on chromosome {one.name}", number / len(diploid))
        path = folder / f"{one.name}.counts"
        count_alleles(one.library, group, held, path)
        streams[one.name] = Stream.of_file(path)
    sites = {one.name: one.sites for one in diploid}
    held.save_streams(folder / populations.FILE_NAME, streams, sites)
    for one in diploid:
        (folder / f"{one.name}.counts").unlink()
    tops = dict(zip(groups, held.tops, strict=True))
    labels = {sample: tops[key] for key, members in groups.items() for sample in members}
    if len(set(labels.values())) < 2:
        labels = {sample: name for (name, _), members in groups.items() for sample in members}
    watch("map of the populations", 0.9)
    unmapped = _map(diploid, samples, labels, folder / ancestry.FILE_NAME)
    return DescribedPeople(held.names, held.describe(), unmapped)


def clusters(chromosomes: Sequence[Chromosome], samples: Sequence[str]) -> Groups:
    """As of `models.populations.clusters`, by common sites spread over all chromosomes."""
    if clusters_for(len(samples)) == 1:
        return {}
    common = [_common(one) for one in chromosomes]
    step = max(1, -(-sum(map(len, common)) // MOST_SITES))
    chosen = [one.library.alleles(rows[::step]) for one, rows in zip(chromosomes, common, strict=True)]
    found = cluster_people(np.concatenate(chosen).view(np.int8), np.arange(len(samples)))
    return cluster_names(found, samples)


def count_alleles(library: StoredLibrary, group: NDArray[np.int64], held: Populations, path: Path) -> None:
    """(V, P) ALT alleles of every site in every population, as xz.

    Args:
        library: of a chromosome.
        group: (K,) population of each haplotype; every haplotype has one.
        held: the populations.
        path: file for them.
    """
    count = len(held.names)
    with lzma.open(path, "wb") as file:
        for number in range(len(library.blocks) - 1):
            block = library.block(number)
            site = np.repeat(np.arange(len(block)), np.diff(block.starts))
            minor = np.bincount(site * count + group[block.carriers], minlength=count * len(block))
            minor = minor.reshape(len(block), count)
            alt = np.where(block.flipped[:, None], 2 * held.people - minor, minor)
            file.write(np.ascontiguousarray(alt.astype(held.kind)).data)


def _common(one: Chromosome) -> NDArray[np.int32]:
    af = one.frequencies()
    return np.flatnonzero(np.minimum(af, 1 - af) >= COMMON).astype(np.int32)


def _map(chromosomes: Sequence[Chromosome], samples: Sequence[str], labels: dict[str, str], path: Path) -> str | None:
    """Write the map; why there is none, if so."""
    try:
        people, label, held = labelled(samples, labels)
        options = AncestryOptions()
        most = min(options.max_sites, MOST_CELLS // len(people)) // len(chromosomes)
        place = {sample: column for column, sample in enumerate(samples)}
        columns = np.array([place[sample] for sample in people])
        chosen = {one.name: _choose(one, columns, options, most) for one in chromosomes}
        chosen = {name: found for name, found in chosen.items() if len(found[1])}
        found = sum(len(dosage) for _, dosage in chosen.values())
        if found < options.axes:
            raise TesseraError(Code.setup_invalid, f"The chromosomes have {found} sites fit for a map.")
        fit_map(chosen, label, held, options).save(path)
    except TesseraError as error:
        if error.code is not Code.setup_invalid:
            raise
        return error.message
    return None


def _choose(
    one: Chromosome, columns: NDArray[np.int64], options: AncestryOptions, most: int
) -> tuple[MapSites, NDArray[np.int8]]:
    """Common sites of a chromosome, none a repetition of an earlier one, with the people's dosages (M, N)."""
    rows = _common(one)
    limit = CANDIDATE_CELLS // len(columns)
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), limit)).astype(int))] if len(rows) else rows
    parts = []
    edges = one.library.blocks[:, 0]
    for low, high in pairwise(edges.tolist()):
        mine = rows[slice(*np.searchsorted(rows, (low, high)))]
        alleles = one.library.alleles(mine).view(np.int8)
        parts.append(alleles[:, 2 * columns] + alleles[:, 2 * columns + 1])
    dosage = np.concatenate(parts)
    kept = prune(dosage, options.max_r2)
    kept = kept[np.unique(np.linspace(0, len(kept) - 1, min(len(kept), most)).astype(int))] if len(kept) else kept
    dosage = dosage[kept]
    af = (dosage.mean(axis=1, dtype=np.float64) / 2).astype(np.float32)
    return MapSites(rows[kept], af, np.zeros((len(kept), 0), np.float32)), dosage
