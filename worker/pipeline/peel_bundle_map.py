"""Recombination rates that a family without a genetic map takes from the bundle that it met."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genotypes.map_files import GeneticMaps
from worker.pipeline.peel_folder import JoinedChromosome, map_name, store_sites
from worker.pipeline.peel_maps import GIVEN, UNIFORM, choose_map, given_maps, map_notes
from worker.pipeline.types import BundleView, Note


def borrow_maps(
    joined: Path, chromosomes: Sequence[JoinedChromosome], view: BundleView, maps: Path | None, qc: dict[str, Any]
) -> list[Note]:
    """Put a bundle's maps beside the job's where a chromosome has none; notes that it has none are taken back.

    Sites outside the part that the bundle maps are noted, as of a map of the job's own.

    Args:
        joined: folder of the joined stores.
        chromosomes: what will be peeled, in the bundle's build.
        view: the bundle.
        maps: the server's maps, as of `choose_map`.
        qc: the document of which notes are taken back.
    """
    given = given_maps(joined)
    kept = {} if given is None else dict(given.maps)
    borrowed = []
    for one in chromosomes:
        if one.bundle is None or choose_map(maps, view.manifest.build, map_name(one), given)[1] != UNIFORM:
            continue
        if (scale := view.genetic_map(one.bundle)) is not None:
            kept[map_name(one)] = scale, f"bundle {view.manifest.name}"
            borrowed.append(one.name)
    if not borrowed:
        return []
    held = GeneticMaps(kept)
    held.save(joined / GIVEN)
    qc["notes"] = [
        note for note in qc["notes"] if note["code"] != "no_genetic_map" or note["chromosome"] not in borrowed
    ]
    message = f"There is no genetic map: the bundle's was used on {', '.join(borrowed[:10])}."
    notes = [Note("map_of_bundle", message, len(borrowed))]
    for one in chromosomes:
        if one.name in borrowed:  # a bundle may cover a part of the chromosome alone
            sites = store_sites(joined, one.store)
            notes += map_notes(maps, view.manifest.build, map_name(one), held, sites, one.name)
    return notes
