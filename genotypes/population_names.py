"""Names of populations that a job may choose. Standard library only, because the API reads manifests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from errors import Code, TesseraError

AUTO: Final = "auto"  # the populations that the upload's genotypes tell
WHOLE: Final = "all"  # the whole panel
RESERVED: Final = (AUTO, WHOLE)


def offered_names(panel: Mapping[str, Any]) -> list[str]:
    """Populations of a bundle, larger ones first, from what its manifest says of the panel."""
    return [str(one["name"]) for one in panel.get("populations", [])]


def unknown_population(name: str, offered: Sequence[str]) -> TesseraError:
    """The refusal of a population that is not there."""
    held = f"it holds {', '.join(offered)}" if offered else "it holds none"
    message = f"There is no population '{name}' in the bundle: {held}. '{AUTO}' and '{WHOLE}' are always there."
    return TesseraError(Code.population_unknown, message, field="population", populations=list(offered))
