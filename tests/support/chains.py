"""Chain files made for tests: stretches of a made-up build, forward and inverted, on another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LENGTH = 64_444_167  # bp of both made-up contigs
NAME = "hg38ToHg19.over.chain"


@dataclass(frozen=True)
class Piece:
    """A stretch without gaps; 0-based, `target` counted on the forward strand."""

    source: int
    target: int
    size: int
    reverse: bool = False
    contig: str = "chr20"  # of the target

    def to_source(self, pos: int) -> int | None:
        """Where a target position (bp, 1-based) lies on the source; None outside the stretch."""
        into = pos - 1 - self.target
        if not 0 <= into < self.size:
            return None
        return self.source + (self.size - 1 - into if self.reverse else into) + 1


def write_chain(folder: Path, pieces: Sequence[Piece], name: str = NAME, contig: str = "chr20") -> Path:
    """One chain a piece."""
    lines = []
    for number, one in enumerate(pieces):
        start = LENGTH - one.target - one.size if one.reverse else one.target
        strand = "-" if one.reverse else "+"
        source = f"{contig} {LENGTH} + {one.source} {one.source + one.size}"
        target = f"{one.contig} {LENGTH} {strand} {start} {start + one.size}"
        lines += [f"chain {one.size} {source} {target} {number + 1}", str(one.size), ""]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder
