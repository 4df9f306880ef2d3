"""Which chain files there are. Standard library only, because the API reads it too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from genotypes.builds import build_of_name

# hg19ToHg38.over.chain.gz (UCSC), GRCh37_to_GRCh38.chain.gz (Ensembl)
_FILE_NAME: Final = re.compile(r"(.+?)(?:_to_|-to-|To)(.+?)(?:\.over)?\.chain(?:\.gz)?")


def list_chains(folder: Path | None, target: str) -> dict[str, Path]:
    """Chain files of a folder that lead to the build `target`, by the build that they start from.

    Files are known by their names: `hg19ToHg38.over.chain.gz`, `GRCh37_to_GRCh38.chain.gz`, or other builds' names in
    place of these.
    """
    if folder is None or not folder.is_dir():
        return {}
    wanted = _build(target)
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if (name := _FILE_NAME.fullmatch(path.name)) and _build(name[2]) == wanted:
            found.setdefault(build_of_name(name[1]) or name[1], path)
    return found


def _build(name: str) -> str:
    return (build_of_name(name) or name).lower()
