"""How much work a job wants put into its imputation, as the API, the commands and the pipeline name it."""

from __future__ import annotations

from typing import Final

from genotypes.manifest import BundleManifest

FAST: Final = "fast"
THOROUGH: Final = "thorough"
EFFORTS: Final = (FAST, THOROUGH)


def knows_effort(manifest: BundleManifest) -> bool:
    """Whether a bundle's engine can put more or less work into an imputation: copying can, networks cannot."""
    return bool(manifest.architecture.get("holds_panel_haplotypes"))
