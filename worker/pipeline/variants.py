"""The list of variants that were not used as they came, as much of it as a page can hold."""

from __future__ import annotations

import gzip
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHOWN = 5_000
FATE = "fate"


@dataclass(frozen=True, slots=True)
class VariantList:
    """The first lines of `qc-variants.tsv.gz`, and how many there are of each fate."""

    columns: list[str]
    rows: list[list[str]]
    by_fate: dict[str, int]

    @property
    def total(self) -> int:
        """Lines of the whole list."""
        return sum(self.by_fate.values())

    @property
    def fate_column(self) -> int:
        """Place of the fate among the columns."""
        return self.columns.index(FATE) if FATE in self.columns else len(self.columns) - 1

    def as_dict(self) -> dict[str, Any]:
        """JSON form, without the lines: they are a result of their own."""
        return {"total": self.total, "shown": len(self.rows), "by_fate": self.by_fate}


def read_variants(path: Path, shown: int = SHOWN) -> VariantList:
    """Read the list that `harmonise` wrote, line by line."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        columns = file.readline().rstrip("\n").split("\t")
        found = VariantList(columns, [], {})
        counts: Counter[str] = Counter()
        for line in file:
            cells = line.rstrip("\n").split("\t")
            counts[cells[found.fate_column]] += 1
            if len(found.rows) < shown:
                found.rows.append(cells)
    found.by_fate.update(counts.most_common())
    return found
