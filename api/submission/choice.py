"""Which engine and bundle a submission uses, and whether its fields fit it and each other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from api.submission.fields import BUILDS, PEDIGREE_FIELDS, FieldError, FieldsRefused, JobFields
from errors import Code
from genotypes.chain_files import list_chains
from genotypes.manifest import BundleManifest, list_bundles
from genotypes.mending import QC_FIELDS, Mend, parse_mend
from genotypes.population_names import AUTO, RESERVED, offered_names, unknown_population

NO_BUNDLE = "none"
_BUILD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,15}")


_PEDIGREE: Final = Code.not_with_pedigree
_NOT_WITH_PEDIGREE: Final[Mapping[str, str]] = {
    "samples": "no member of a family is left out, and one without calls is imputed from its relatives",
    **dict.fromkeys(QC_FIELDS, "peeling weighs every call against the family, so no site is removed by a threshold"),
    "population": "relatives have the founders' allele frequencies and not a population's, so no site is compared "
    "with these",
}


def choose(fields: JobFields, pedigree: bool | None, folder: Path, chains: Path | None = None) -> JobFields:
    """Return the fields with the engine settled and a named bundle pinned to its content-addressed id.

    A job with a pedigree is peeled: it needs no bundle and may be of any build, but a bundle that is named, or that
    fits where the choice is left open, imputes the founders. `auto` stays, for the job to choose; whether file and
    bundle agree is for the job to see.

    Args:
        fields: checked fields of a submission.
        pedigree: whether there is a pedigree; None while files are still to come.
        folder: where the bundles are.
        chains: folder of chain files: what they lift to a bundle's build fits it too.

    Raises:
        FieldsRefused: for a bundle that is not there, a population that it lacks, or one that the stated build neither
            is nor can be lifted to; for `auto`, when there is no bundle at all or none of such a build or population.
    """
    bundles = [manifest for _, manifest in list_bundles(folder)]
    if pedigree or fields.engine == "peeling":
        return _peeled(fields, bundles)
    if pedigree is None and fields.engine == "auto" and fields.bundle in ("auto", NO_BUNDLE):
        return fields  # a pedigree may still come, and with it no bundle is needed
    builds = {*BUILDS, *(manifest.build for manifest in bundles)}
    if fields.build not in builds:
        raise FieldsRefused([FieldError("build", f"'build' must be one of {', '.join(sorted(builds))}.")])
    if fields.bundle == "auto":
        _refuse_hopeless(fields, bundles, chains)
        _check_population(fields, bundles)
        return replace(fields, engine="dae")
    named = _named(fields, bundles, chains)
    _check_population(fields, [named])
    return replace(fields, engine="dae", bundle=named.id)


def check_pedigree(fields: JobFields, pedigree: bool | None) -> None:
    """Refuse an engine that does not go with the files.

    Args:
        fields: checked fields of a submission.
        pedigree: whether there is a pedigree; None while files are still to come.

    Raises:
        FieldsRefused: peeling without a pedigree, a pedigree that the chosen engine would ignore, or options that the
            engine would ignore.
    """
    if fields.engine == "peeling" and pedigree is False:
        message = "'engine' is peeling, which needs a pedigree: add -F pedigree=@family.fam."
        raise FieldsRefused([FieldError("pedigree", message, Code.missing_field)])
    if pedigree is False and (given := [name for name in PEDIGREE_FIELDS if name in fields.options]):
        message = f"'{given[0]}' is for jobs with a pedigree: add -F pedigree=@family.fam."
        raise FieldsRefused([FieldError(given[0], message)])
    ignored = [name for name in _NOT_WITH_PEDIGREE if name in fields.options]
    if ignored and (pedigree or fields.engine == "peeling"):
        raise FieldsRefused(
            FieldError(name, f"'{name}' is for jobs without a pedigree: {_NOT_WITH_PEDIGREE[name]}.", _PEDIGREE)
            for name in ignored
        )
    if fields.engine == "dae" and pedigree:
        message = "'engine' is dae, which does not use a pedigree: leave the pedigree out or choose auto or peeling."
        raise FieldsRefused([FieldError("engine", message)])


def _peeled(fields: JobFields, bundles: Sequence[BundleManifest]) -> JobFields:
    """The fields of a pedigree job: with a bundle that is named, one for the job to choose, or none at all."""
    bundle = fields.bundle if bundles else NO_BUNDLE
    if fields.bundle not in ("auto", NO_BUNDLE):
        bundle = _named(replace(fields, build="auto"), bundles, None).id
    if not _BUILD.fullmatch(fields.build):
        message = "'build' is an assembly's name: letters, digits, dots, dashes and underscores."
        raise FieldsRefused([FieldError("build", message)])
    return replace(fields, engine="peeling", bundle=bundle)


def _refuse_hopeless(fields: JobFields, bundles: Sequence[BundleManifest], chains: Path | None) -> None:
    """Refuse at once what the job could only refuse later."""
    if not bundles:
        raise FieldsRefused([FieldError("bundle", "This server has no model bundle yet.", Code.bundle_not_found)])
    if not any(fields.build in ("auto", one.build) or _liftable(fields, one, chains) for one in bundles):
        message = f"This server has no bundle of build {fields.build}."
        raise FieldsRefused([FieldError("build", message, Code.wrong_build)])


def _named(fields: JobFields, bundles: Sequence[BundleManifest], chains: Path | None) -> BundleManifest:
    # Newest first within a name, so that a plain name means its newest bundle.
    found = next((manifest for manifest in bundles if fields.bundle in (manifest.id, manifest.name)), None)
    if found is None:
        offered = ", ".join(manifest.id for manifest in bundles) or "none"
        message = f"There is no bundle '{fields.bundle}' on this server; it has: {offered}."
        raise FieldsRefused([FieldError("bundle", message, Code.bundle_not_found)])
    if fields.build not in ("auto", found.build) and not _liftable(fields, found, chains):
        message = f"'build' is {fields.build}, but bundle '{found.id}' is of build {found.build}."
        raise FieldsRefused([FieldError("build", message, Code.wrong_build)])
    return found


def _check_population(fields: JobFields, bundles: Sequence[BundleManifest]) -> None:
    """Refuse a population that none of the bundles holds."""
    name = fields.options.get("population", AUTO)
    offered = list(dict.fromkeys(one for manifest in bundles for one in offered_names(manifest.panel)))
    if name not in (*RESERVED, *offered):
        refusal = unknown_population(name, offered)
        raise FieldsRefused([FieldError("population", refusal.message, refusal.code)])


def _liftable(fields: JobFields, manifest: BundleManifest, chains: Path | None) -> bool:
    """True when the job may lift its sites to the bundle's build and a chain file for it is there."""
    allowed = not fields.strict and Mend.liftover in parse_mend(fields.options.get("mend", "all"))
    return allowed and fields.build in list_chains(chains, manifest.build)
