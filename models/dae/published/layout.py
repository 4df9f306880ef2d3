"""Where the files of published tiles lie.

    best_model_weights/22_17274081-17382360/ANYTHING.17274081-17382360.vcf.VMV1/{NAME.pth, NAME_param.py, NAME.pos}
    best_model_weights/metadata.tsv          suffix, model directory, model NAME
    tiling_regions/chr22_regions_file.txt    22:17274081-17382360, suffix

The last tile of a chromosome may have no end: `22_50933275-`. The two lists are optional. A list of regions says which
tiles of its chromosome are wanted; `metadata.tsv` says which model of a tile is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from errors import Code, TesseraError

ROOT = "best_model_weights"
METADATA = "metadata.tsv"
REGIONS = "*_regions_file.txt"
_FOLDER = re.compile(r"(?:chr)?([0-9A-Za-z]+)_(\d+)-(\d*)")
_REGION = re.compile(r"(?:chr)?([0-9A-Za-z]+):(\d+)-(\d*)")
FINISHED = "_F"  # ends the name of a model whose training was finished


@dataclass(frozen=True, slots=True)
class TileFiles:
    """The files of one published tile."""

    chrom: str  # without chr
    start: int  # bp, as its folder is named
    folder: Path
    name: str  # NAME of the model

    @property
    def weights(self) -> Path:
        """The state dict, a pickle."""
        return self.folder / f"{self.name}.pth"

    @property
    def params(self) -> Path:
        """The settings."""
        return self.folder / f"{self.name}_param.py"

    @property
    def positions(self) -> Path:
        """The sites."""
        return self.folder / f"{self.name}.pos"

    @property
    def finished(self) -> bool:
        """The model is named as fully trained."""
        return self.name.endswith(FINISHED)


def find_tiles(source: Path) -> list[TileFiles]:
    """The tiles under a folder (`best_model_weights` or the folder above it), by chromosome and start.

    Raises:
        TesseraError: `import_invalid` when there is none, one that a list names is not there, or it is not clear which
            model of a tile is meant.
    """
    root = source / ROOT if (source / ROOT).is_dir() else source
    models = read_metadata(root / METADATA) if (root / METADATA).is_file() else {}
    lists = sorted({path for top in (source, root, root.parent / "tiling_regions") for path in top.glob(REGIONS)})
    wanted = [region for path in lists for region in read_regions(path)]
    found: list[TileFiles] = []
    for outer in sorted(path for path in root.iterdir() if path.is_dir()):
        if place := _FOLDER.fullmatch(outer.name):
            suffixes = [suffix for chrom, suffix in wanted if chrom == place[1]]
            found += _tiles_of(outer, place[1], int(place[2]), models, suffixes)
    if not found:
        raise TesseraError(
            Code.import_invalid, f"{source} holds no published tiles, such as {ROOT}/22_17274081-17382360."
        )
    for chrom, suffix in wanted:
        if not any(one.chrom == chrom and one.folder.name.endswith(suffix) for one in found):
            raise TesseraError(Code.import_invalid, f"The tile {suffix} of chromosome {chrom} is listed but not there.")
    return sorted(found, key=lambda one: (one.chrom, one.start, one.folder.name))


def read_metadata(path: Path) -> dict[str, str]:
    """NAME of the model by the name of its folder (the last part of the model directory)."""
    return {Path(folder).name: name for _, folder, name in _rows(path, 3)}


def read_regions(path: Path) -> list[tuple[str, str]]:
    """Chromosome and folder suffix of every listed tile, in order."""
    regions = []
    for region, suffix in _rows(path, 2):
        place = _REGION.fullmatch(region)
        if place is None:
            raise TesseraError(Code.import_invalid, f"{path.name} lists {region!r}, which is not CHROM:START-END.")
        regions.append((place[1], suffix))
    return regions


def _tiles_of(outer: Path, chrom: str, start: int, models: dict[str, str], suffixes: list[str]) -> list[TileFiles]:
    """The model of one tile folder; none where it holds no model or a list of regions leaves it out."""
    inner = [path for path in sorted(outer.iterdir()) if path.is_dir() and any(path.glob("*.pth"))]
    if suffixes:
        inner = [path for path in inner if any(path.name.endswith(suffix) for suffix in suffixes)]
    inner = [path for path in inner if path.name in models] or inner
    if not inner:
        return []
    if len(inner) > 1:
        raise TesseraError(
            Code.import_invalid, f"{outer.name} holds {len(inner)} models; name the one that is meant in {METADATA}."
        )
    names = sorted(path.stem for path in inner[0].glob("*.pth"))
    name = models.get(inner[0].name, names[0])
    if name not in names or (len(names) > 1 and inner[0].name not in models):
        raise TesseraError(Code.import_invalid, f"{inner[0].name} holds the models {', '.join(names)}; which is meant?")
    files = TileFiles(chrom, start, inner[0], name)
    for path in (files.params, files.positions):
        if not path.is_file():
            raise TesseraError(Code.import_invalid, f"{inner[0].name} holds no {path.name}.", file=str(path))
    return [files]


def _rows(path: Path, columns: int) -> list[list[str]]:
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    except (OSError, UnicodeDecodeError) as error:
        raise TesseraError(Code.import_invalid, f"{path.name} cannot be read.") from error
    rows = [line.split("\t") for line in lines]
    if wrong := [row for row in rows if len(row) != columns or not all(row)]:
        raise TesseraError(Code.import_invalid, f"{path.name} has a line of another form: {wrong[0]}.", file=str(path))
    return rows
