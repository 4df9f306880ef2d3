"""Allele frequencies of metafounders that a user knows: a table of sites, in the form in which results give them."""

from __future__ import annotations

import gzip
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.contigs import chromosome_name, is_human
from genotypes.frequency_text import MAX_LINE_BYTES, invalid, site_columns
from genotypes.map_files import plain
from genotypes.sites import SiteTable
from genotypes.stream import open_inflated
from models.peeling.pedigree import Metafounders, Pedigree
from worker.pipeline.types import Note

KNOWN: Final = "known-frequencies.gz"  # in the stages' folders
MAX_BYTES: Final = 4 << 30  # without compression
_LEAST: Final = 1e-4  # no frequency is nought
_UNKNOWN: Final = {"", ".", "na", "nan"}


def keep_frequencies(path: Path, name: str, out: Path, pedigree: Pedigree) -> None:
    """Check a table of frequencies and copy it to a stage's folder.

    Args:
        path: tab-separated, plain or gzip; a header with CHROM, POS, REF, ALT and names of groups, others are not read.
        name: of the file, as the user knows it.
        out: the folder.
        pedigree: has the groups.

    Raises:
        TesseraError: `frequencies_invalid`, with the line.
    """
    try:
        if pedigree.metafounders is None:
            raise invalid("The pedigree names no groups of unknown parents (MF_...) whose frequencies these could be.")
        rows = sum(1 for _ in _rows(path, pedigree.metafounders))
        if not rows:
            raise invalid("It has no site.")
    except TesseraError as error:
        details = {"file": name} | error.details
        raise TesseraError(error.code, f"'{name}': {error.message}", field="frequencies", **details) from error
    with open_inflated(path) as source, gzip.open(out / KNOWN, "wb", compresslevel=1) as target:
        for piece in source:
            target.write(piece)


def copy_frequencies(source: Path, out: Path) -> None:
    """Hand the table on to the next stage's folder."""
    if (source / KNOWN).exists():
        shutil.copyfile(source / KNOWN, out / KNOWN)


def known_to_store(
    folder: Path, groups: Metafounders | None, name: str, sites: SiteTable, store: str, build: str | None
) -> list[Note]:
    """Write the known frequencies of a chromosome's sites beside its store, where there are any; a note on the others.

    Args:
        folder: with the table, where there is one, and the store.
        groups: of the pedigree.
        name: plain name of the chromosome.
        sites: L sites of the store, in whose alleles the (L, G) array is; NaN where unknown.
        store: its name.
        build: on a human one the table may write X as 23.
    """
    if groups is None or not (folder / KNOWN).exists():
        return []
    alleles = zip(sites.pos.tolist(), sites.ref.tolist(), sites.alt.tolist(), strict=True)
    place = {site: row for row, site in enumerate(alleles)}
    known = np.full((len(sites), len(groups.names)), np.nan)
    for chrom, pos, ref, alt, values in _rows(folder / KNOWN, groups):
        if name not in (plain(chrom), chromosome_name(chrom, is_human(build))):
            continue
        if (row := place.get((pos, ref, alt))) is not None:
            known[row] = values
        elif (row := place.get((pos, alt, ref))) is not None:
            known[row] = 1 - values
    np.save(folder / f"{store}.known.npy", known)
    missing = int(np.isnan(known).all(axis=1).sum())
    if not missing:
        return []
    message = "Sites that the table of frequencies lacks: there the groups' frequencies are learned from the data."
    return [Note("frequencies_learned", message, missing, name)]


def known_of_store(folder: Path, store: str) -> NDArray[np.float64] | None:
    """(L, G) known frequencies of a store's sites, NaN where unknown; None without a table."""
    path = folder / f"{store}.known.npy"
    if not path.exists():
        return None
    known: NDArray[np.float64] = np.load(path)
    return known


def _rows(path: Path, groups: Metafounders) -> Iterator[tuple[str, int, str, str, NDArray[np.float64]]]:
    """Site and (G,) frequencies of each line, NaN where unknown."""
    columns: dict[str, int] = {}
    place: list[tuple[int, int]] = []
    for number, text in enumerate(_lines(path), start=1):
        fields = text.rstrip("\r\n").split("\t")
        if number == 1:
            columns = site_columns(fields)
            named = {field: k for k, field in enumerate(fields)}
            place = [(row, named[group]) for row, group in enumerate(groups.names) if group in named]
            if not place:
                raise invalid(f"its header names none of the pedigree's groups, {', '.join(groups.names)}.", 1)
            continue
        if not text.strip():
            continue
        if len(fields) < len(columns):
            raise invalid(f"it has {len(fields)} columns, fewer than the header.", number)
        chrom, pos, ref, alt = (fields[columns[one]] for one in ("chrom", "pos", "ref", "alt"))
        if not pos.isdecimal():
            raise invalid(f"'{pos}' is no position.", number)
        values = np.full(len(groups.names), np.nan)
        for row, column in place:
            values[row] = _share(fields[column].strip(), number)
        yield chrom, int(pos), ref.upper(), alt.upper(), values


def _share(text: str, line: int) -> float:
    if text.lower() in _UNKNOWN:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise invalid(f"'{text}' is no frequency from 0 to 1.", line)
    return min(max(value, _LEAST), 1 - _LEAST)


def _lines(path: Path) -> Iterator[str]:
    rest, total = b"", 0
    with open_inflated(path) as source:
        for piece in source:
            total += len(piece)
            *whole, rest = (rest + piece).split(b"\n")
            if total > MAX_BYTES or len(rest) > MAX_LINE_BYTES:
                raise TesseraError(Code.zip_bomb, "The table of frequencies is too large.", field="frequencies")
            yield from (line.decode("utf-8", "replace") for line in whole)
    if rest:
        yield rest.decode("utf-8", "replace")
