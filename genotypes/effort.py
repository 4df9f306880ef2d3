"""How much work a job wants put into its imputation, as the API, the commands and the pipeline name it."""

from __future__ import annotations

from typing import Final

FAST: Final = "fast"
THOROUGH: Final = "thorough"
EFFORTS: Final = (FAST, THOROUGH)
