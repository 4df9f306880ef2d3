"""`manifest.json` of a model bundle: what it is, what it holds, how well it does.

Standard library only, because the API reads it too.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from errors import Code, TesseraError

FORMAT = "tessera-bundle/1"
FILE_NAME = "manifest.json"
LIBRARY_KIND = "li-stephens"  # architecture.kind of bundles of haplotypes


@dataclass(frozen=True, slots=True)
class ChromosomeEntry:
    """One chromosome of a bundle; paths are relative to the bundle."""

    sites: int  # sites in the output
    inputs: int  # sites that a tile can read
    tiles: int
    first: int  # bp of the first site
    last: int  # bp of the last site
    length: int | None  # bp of the contig, where known
    sites_file: str
    tiles_file: str


@dataclass(frozen=True, slots=True)
class FileEntry:
    """Checksum and size of one file of a bundle."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class BundleManifest:
    """The manifest. `id` is content-addressed: name and the first twelve hex digits of `digest()`."""

    name: str
    version: str
    species: str
    build: str  # GRCh37, GRCh38, or a name of the owner's
    chromosomes: dict[str, ChromosomeEntry]
    panel: dict[str, Any]  # name, samples, haplotypes, sites
    licence: str
    architecture: dict[str, Any]
    files: dict[str, FileEntry]
    accuracy: list[dict[str, Any]] = field(default_factory=list)  # array, people, bins of {maf, sites, r2}
    calibration: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    created: str = ""
    software: str = ""
    format: str = FORMAT
    id: str = ""

    @property
    def is_library(self) -> bool:
        """Whether it holds haplotypes to copy from, the panel's or synthetic ones, and no network."""
        return self.architecture.get("kind") == LIBRARY_KIND

    @property
    def reads_haplotypes(self) -> bool:
        """Phased input is imputed haplotype by haplotype; else its phase is not read and no HDS is written."""
        return bool(self.architecture.get("haplotypes", True))

    @property
    def haplotypes(self) -> int | None:
        """How many haplotypes the panel has; None where nobody said."""
        held = self.panel.get("haplotypes")
        return held if isinstance(held, int) and held > 0 else None

    def digest(self) -> str:
        """sha256 (hex) over the canonical JSON of everything but `id`; it covers the files by their own checksums."""
        data = {k: v for k, v in asdict(self).items() if k != "id"}
        return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def content_id(self) -> str:
        """The id that the content calls for."""
        return f"{self.name}-{self.digest()[:12]}"

    def to_json(self) -> str:
        """Indented JSON with the id filled in."""
        return json.dumps(asdict(self) | {"id": self.content_id()}, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Parse and check the form; raises `bundle_invalid`."""
        try:
            data: dict[str, Any] = json.loads(text)
            if data.get("format") != FORMAT:
                raise ValueError(f"format is {data.get('format')!r}, this version reads {FORMAT!r}")
            known = {f.name for f in fields(cls)}
            if extra := sorted(set(data) - known):
                raise ValueError(f"unknown keys {extra}")
            data["chromosomes"] = {k: ChromosomeEntry(**v) for k, v in data["chromosomes"].items()}
            data["files"] = {k: FileEntry(**v) for k, v in data["files"].items()}
            manifest = cls(**data)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise TesseraError(Code.bundle_invalid, f"The bundle's manifest cannot be read: {error}.") from error
        if manifest.id != manifest.content_id():
            raise TesseraError(Code.bundle_invalid, f"The bundle {manifest.id!r} was changed after it was made.")
        return manifest

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The manifest of the bundle in `folder`; raises `bundle_invalid` when there is none."""
        try:
            text = (folder / FILE_NAME).read_text()
        except OSError as error:
            raise TesseraError(Code.bundle_invalid, f"{folder} holds no {FILE_NAME}.") from error
        return cls.from_json(text)


def list_bundles(folder: Path) -> list[tuple[Path, BundleManifest]]:
    """Every readable bundle directly under `folder`, by name, newest first within a name, without unreadable ones."""
    found: list[tuple[Path, BundleManifest]] = []
    for path in sorted(folder.glob(f"*/{FILE_NAME}")):
        try:
            found.append((path.parent, BundleManifest.read(path.parent)))
        except TesseraError:
            continue
    found.sort(key=lambda item: item[1].created, reverse=True)
    return sorted(found, key=lambda item: item[1].name)


def find_bundle(folder: Path, name: str) -> tuple[Path, BundleManifest]:
    """The bundle whose id or name is `name` (a name: its newest).

    Raises:
        TesseraError: `bundle_not_found`.
    """
    bundles = list_bundles(folder)
    for path, manifest in bundles:
        if name in (manifest.id, manifest.name):
            return path, manifest
    offered = ", ".join(m.id for _, m in bundles) or "none"
    raise TesseraError(
        Code.bundle_not_found, f"There is no bundle {name!r} on this server; it has: {offered}.", field="bundle"
    )
