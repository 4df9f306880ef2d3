"""The chromosomes of an upload under the names that a bundle's species gives them: 23 is X of people alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt
from genotypes.contigs import chromosome_name, of_people
from genotypes.join import Joined, join_sites
from genotypes.manifest import BundleManifest
from genotypes.read import VariantBlock
from genotypes.sites import SiteTable
from genotypes.store import BLOCK_BYTES, Store
from worker.pipeline.folder import Ingested, IngestedChromosome
from worker.pipeline.ingest_chromosome import ChromosomeWriter


@contextmanager
def named_for(upload: Ingested, manifest: BundleManifest, scratch: Path) -> Iterator[Ingested]:
    """The upload as a bundle reads its contigs; of people 23, 25 and X are one chromosome again.

    Args:
        upload: as `ingest` wrote it, when nobody knew of which species it is.
        manifest: of the bundle.
        scratch: folder for what has to be written, which is gone when the context ends.

    Raises:
        TesseraError: `mixed_ploidy` where chromosomes that are one disagree.
    """
    people = of_people(manifest)
    parts: dict[str, list[IngestedChromosome]] = {}
    for one in upload.chromosomes:
        parts.setdefault(chromosome_name(one.name, people), []).append(one)
    new = {one.name: name for name, held in parts.items() for one in held}
    notes = [note | {"chromosome": new.get(note["chromosome"], note["chromosome"])} if note.get("chromosome") else note
             for note in upload.notes]  # fmt: skip
    if len(parts) == len(upload.chromosomes):
        yield replace(upload, chromosomes=[replace(one, name=new[one.name]) for one in upload.chromosomes], notes=notes)
        return
    with TemporaryDirectory(prefix="named-", dir=scratch) as made:
        folder = Path(made)
        chromosomes = []
        for number, (name, held) in enumerate(parts.items()):
            if len(held) > 1:
                chromosomes.append(_merge(upload, held, name, folder, f"m{number}"))
                continue
            chromosomes.append(replace(held[0], name=name))
            for path in upload.folder.glob(f"{held[0].store}.*"):
                (folder / path.name).symlink_to(path.resolve())
        yield replace(upload, folder=folder, chromosomes=chromosomes, notes=notes)


def _merge(
    upload: Ingested, held: Sequence[IngestedChromosome], name: str, folder: Path, store: str
) -> IngestedChromosome:
    """Write one store of the sites of several."""
    stores = [upload.store(one) for one in held]
    known = all(one.ref_known for one in held)
    joined = _rows(upload, stores, [one.ref_known for one in held])
    phased = all(one.phased for one in held if one.sites)
    length = next((one.length for one in held if one.length), None)
    step = max(1, BLOCK_BYTES // max(1, len(upload.samples)))
    writer = ChromosomeWriter(folder, store, name, upload.samples)
    for first in range(0, len(joined.sites), step):
        part = slice(first, first + step)
        sites = replace(joined.sites.slice(first, first + step), chrom=name)
        codes = _codes(stores, joined.rows[:, part], joined.swap[:, part])
        none = np.zeros(len(sites), np.int32)
        writer.add(0, name, VariantBlock(sites, codes, phased, none, none + 1, 0, 0, 0), None, length, ref_known=known)
    writer.close()
    return replace(
        writer.describe(),
        contigs=list(dict.fromkeys(contig for one in held for contig in one.contigs)),
        counts={key: sum(one.counts.get(key, 0) for one in held) for key in held[0].counts},
    )


def _rows(upload: Ingested, stores: Sequence[Store], ref_known: Sequence[bool]) -> Joined:
    """The sites of all stores in position order, and where each lies.

    Sites that two of them have stay apart, for harmonisation to merge as repeats, unless files of different samples
    were joined: then each has them of its own samples.
    """
    tables = [one.sites for one in stores]
    if any(note["code"] == "samples_joined" for note in upload.notes):
        return join_sites(tables, ref_known)
    whole = SiteTable.concatenate(tables)
    order = np.argsort(whole.pos, kind="stable")
    rows = np.full((len(tables), len(whole)), -1, np.int32)
    first = 0
    for number, table in enumerate(tables):
        rows[number, first : first + len(table)] = np.arange(len(table))
        first += len(table)
    return Joined(whole.take(order), rows[:, order], np.zeros(rows.shape, bool))


def _codes(stores: Sequence[Store], rows: NDArray[np.int32], swap: NDArray[np.bool_]) -> gt.Codes:
    """(V, S) genotypes of (G, V) rows of the stores; a sample has its call from the first that has one."""
    codes = np.full((rows.shape[1], stores[0].codes.shape[1]), gt.MISSING, np.int8)
    for store, mine, turned in zip(stores, rows, swap, strict=True):
        held = np.flatnonzero(mine >= 0)
        if not len(held):
            continue
        found = np.array(store.codes[mine[held]])
        found[turned[held]] = gt.swap_alleles(found[turned[held]])
        codes[held] = np.where(codes[held] == gt.MISSING, found, codes[held])
    return codes
