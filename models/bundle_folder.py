"""A model bundle's folder, whatever its kind: manifest, sites, checksums. Imports no PyTorch. No pickles."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tarfile
import tempfile
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final, Self

from errors import Code, TesseraError
from genotypes import ancestry, populations
from genotypes.ancestry import AncestryMap
from genotypes.manifest import FILE_NAME, BundleManifest, FileEntry
from genotypes.maps import GeneticMap
from genotypes.populations import Populations
from genotypes.sites import SiteTable, read_sites_bcf
from models.protocol import Tile

KEPT_SITES: Final = 1_000_000  # of an opened bundle's chromosomes, or one chromosome however long


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe_files(folder: Path) -> dict[str, FileEntry]:
    """Checksum and size of every file of a bundle but its manifest, by relative path."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != FILE_NAME)
    return {str(p.relative_to(folder)): FileEntry(sha256(p), p.stat().st_size) for p in paths}


class BundleFolder:
    """An opened bundle; what its tiles hold is read by the class of its kind."""

    def __init__(self, folder: Path, manifest: BundleManifest) -> None:
        """Use `open`."""
        self.folder, self.manifest = folder, manifest
        self._sites: dict[str, SiteTable] = {}
        self._tables: dict[str, list[Tile]] = {}

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open a bundle folder, or a `.tar` of one (unpacked to a temporary folder until the process ends).

        Raises:
            TesseraError: `bundle_not_found` when there is nothing, `bundle_invalid` when it is no bundle.
        """
        path = Path(path)
        if not path.exists():
            raise TesseraError(Code.bundle_not_found, f"There is no bundle at {path}.", field="bundle")
        folder = _unpack_tar(path) if path.is_file() else path
        return cls(folder, BundleManifest.read(folder))

    @cached_property
    def digest(self) -> str:
        """sha256 (hex) of the bundle's content."""
        return self.manifest.digest()

    @property
    def chromosomes(self) -> list[str]:
        """Chromosome names without `chr`."""
        return list(self.manifest.chromosomes)

    def verify(self) -> None:
        """Check every file against the manifest; raises `bundle_invalid` with the first that differs."""
        found = describe_files(self.folder)
        for name, entry in self.manifest.files.items():
            if found.get(name) != entry:
                raise TesseraError(Code.bundle_invalid, f"The bundle's file {name} is missing or was changed.")
        if extra := sorted(set(found) - set(self.manifest.files)):
            raise TesseraError(Code.bundle_invalid, f"The bundle holds files that its manifest does not list: {extra}.")

    def sites(self, chrom: str) -> SiteTable:
        """All sites of a chromosome, sorted, with tile and, where the bundle holds it, af."""
        if chrom not in self._sites:
            entry = self._entry(chrom)
            table = read_sites_bcf(self.folder / entry)[chrom]
            # Those of a whole genome would take gigabytes; the ones used last go last.
            while self._sites and len(table) + sum(map(len, self._sites.values())) > KEPT_SITES:
                del self._sites[next(iter(self._sites))]
            self._sites[chrom] = table
        self._sites[chrom] = self._sites.pop(chrom)
        return self._sites[chrom]

    def genetic_map(self, chrom: str) -> GeneticMap | None:
        """Recombination map of a chromosome; None where the bundle has none."""
        return None

    def ancestry(self) -> AncestryMap | None:
        """The map of the training populations; None where the bundle has none."""
        path = self.folder / ancestry.FILE_NAME
        return AncestryMap.load(path) if path.exists() else None

    def populations(self) -> Populations | None:
        """Frequencies by population; None where the bundle has none. Raises `bundle_invalid`."""
        path = self.folder / populations.FILE_NAME
        if not path.exists():
            return None
        held = Populations.load(path)
        for name, sites in held.sites.items():
            if name not in self.chromosomes or sites != self.manifest.chromosomes[name].sites:
                raise TesseraError(Code.bundle_invalid, f"Frequencies by population of chromosome {name} do not fit.")
        return held

    def _entry(self, chrom: str) -> str:
        if chrom not in self.manifest.chromosomes:
            held = ", ".join(self.chromosomes)
            raise TesseraError(
                Code.chromosome_not_in_bundle, f"Chromosome {chrom} is not in the bundle, which holds {held}."
            )
        return self.manifest.chromosomes[chrom].sites_file


def seal(folder: Path, manifest: BundleManifest) -> BundleManifest:
    """Write the manifest of a finished bundle folder, with the checksums of its files and its content-addressed id."""
    sealed = replace(manifest, files=describe_files(folder), id="")
    (folder / FILE_NAME).write_text(sealed.to_json())
    return BundleManifest.read(folder)


def _unpack_tar(path: Path) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tessera-bundle-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = PurePosixPath(member.name)
                if not (member.isfile() or member.isdir()) or name.is_absolute() or ".." in name.parts:
                    raise TesseraError(Code.bundle_invalid, f"{path.name} holds {member.name}, no file of a bundle.")
            # Python before 3.11.4 has no filters, which the check above does not need.
            safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            archive.extractall(folder, **safely)  # type: ignore[arg-type]
    except (tarfile.TarError, OSError) as error:
        raise TesseraError(Code.bundle_invalid, f"{path.name} is not a readable bundle archive.") from error
    roots = [folder, *(p for p in sorted(folder.iterdir()) if p.is_dir())]
    for root in roots:
        if (root / FILE_NAME).exists():
            return root
    raise TesseraError(Code.bundle_invalid, f"{path.name} holds no {FILE_NAME}.")
