"""What becomes of the effort that a job asks for, by the bundle that it gets."""

from __future__ import annotations

from genotypes.effort import FAST
from genotypes.manifest import BundleManifest
from worker.pipeline.types import Note


def effort_taken(wanted: str, manifest: BundleManifest | None) -> str | None:
    """The effort for the report; None where there is no bundle, or where its engine knows one way to impute."""
    return wanted if manifest is not None and manifest.is_library else None


def effort_notes(wanted: str, manifest: BundleManifest | None) -> list[Note]:
    """A sentence where the job asks for an effort that changes nothing."""
    if wanted == FAST or effort_taken(wanted, manifest) is not None:
        return []
    why = "no bundle is used" if manifest is None else f"bundle {manifest.content_id()} holds networks"
    return [Note("effort_ignored", f"The effort '{wanted}' changes nothing: {why}, and only copying from haplotypes "
                                   "can be more or less thorough.")]  # fmt: skip


def effort_words(wanted: str) -> str:
    """What a command line says of it; nothing of the default."""
    return "" if wanted == FAST else f" --effort {wanted}"
