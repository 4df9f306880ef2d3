"""Model bundles of this server."""

from __future__ import annotations

from fastapi import APIRouter

from api.deps import RootDep, ServicesDep
from api.openapi import problems
from api.schemas.bundle import Bundle, BundleList, Chromosome
from errors import Code, TesseraError
from genotypes.manifest import BundleManifest, find_bundle, list_bundles

router = APIRouter(tags=["bundles"])


def view_bundle(manifest: BundleManifest, root: str) -> Bundle:
    """Describe a bundle from its manifest."""
    return Bundle(
        id=manifest.id,
        name=manifest.name,
        version=manifest.version,
        species=manifest.species,
        build=manifest.build,
        chromosomes={
            name: Chromosome(sites=entry.sites, inputs=entry.inputs, first=entry.first, last=entry.last)
            for name, entry in manifest.chromosomes.items()
        },
        sites=sum(entry.sites for entry in manifest.chromosomes.values()),
        panel=manifest.panel,
        licence=manifest.licence,
        accuracy=manifest.accuracy,
        created=manifest.created,
        href=f"{root}/bundles/{manifest.id}",
    )


@router.get("/bundles", summary="List bundles")
def get_bundles(services: ServicesDep, root: RootDep) -> BundleList:
    """List the model bundles with species, build, chromosomes, sites, training panel, licence and accuracy."""
    found = list_bundles(services.settings.bundles.dir)
    return BundleList(bundles=[view_bundle(manifest, root) for _, manifest in found])


@router.get("/bundles/{bundle_id}", summary="One bundle", responses=problems(404))
def get_bundle(bundle_id: str, services: ServicesDep, root: RootDep) -> Bundle:
    """Describe one bundle, by id or by name (its newest)."""
    try:
        _, manifest = find_bundle(services.settings.bundles.dir, bundle_id)
    except TesseraError as problem:
        # In a form an unknown bundle is a wrong field; as a path it is a place that does not exist.
        raise TesseraError(Code.not_found, problem.message, action=problem.action) from problem
    return view_bundle(manifest, root)
