"""The list of sites of one chromosome, and its forms on disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
import pysam
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.bcf_sites import read_raw
from genotypes.index import index_vcf

Strings: TypeAlias = NDArray[np.object_]


def strings(values: Iterable[str]) -> Strings:
    """A one-dimensional object array of `values`; safe for empty and for one-element input."""
    items = list(values)
    out = np.empty(len(items), dtype=object)
    out[:] = items
    return out


@dataclass(frozen=True, slots=True, eq=False)
class SiteTable:
    """Sites of one chromosome, in file order unless a docstring says sorted.

    Attributes:
        chrom: contig name.
        pos: (V,) int32, bp, 1-based.
        ref: (V,) object array of str, REF allele.
        alt: (V,) object array of str, the one ALT allele; "." where there is none.
        id: (V,) object array of str, "." where there is none.
        af: (V,) float32 ALT frequency, or None.
        tile: (V,) int32 tile index, or None.
    """

    chrom: str
    pos: NDArray[np.int32]
    ref: Strings
    alt: Strings
    id: Strings
    af: NDArray[np.float32] | None = None
    tile: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        """Number of sites V."""
        return len(self.pos)

    def take(self, rows: NDArray[Any]) -> Self:
        """The sites at `rows`: integer rows or a boolean mask."""
        return type(self)(
            self.chrom,
            self.pos[rows],
            self.ref[rows],
            self.alt[rows],
            self.id[rows],
            None if self.af is None else self.af[rows],
            None if self.tile is None else self.tile[rows],
        )

    def slice(self, first: int, end: int) -> Self:
        """The sites `first` to `end` (exclusive), without copying."""
        part = slice(first, end)
        return type(self)(
            self.chrom,
            self.pos[part],
            self.ref[part],
            self.alt[part],
            self.id[part],
            None if self.af is None else self.af[part],
            None if self.tile is None else self.tile[part],
        )

    @classmethod
    def empty(cls, chrom: str) -> Self:
        """A table without sites."""
        return cls(chrom, np.empty(0, np.int32), strings(()), strings(()), strings(()))

    @classmethod
    def concatenate(cls, tables: Iterable[Self], chrom: str = "") -> Self:
        """All sites of `tables` (one chromosome) in order; `chrom` names the result when there are none."""
        parts = list(tables)
        if not parts:
            return cls.empty(chrom)
        afs = [p.af for p in parts if p.af is not None]
        tiles = [p.tile for p in parts if p.tile is not None]
        return cls(
            parts[0].chrom,
            np.concatenate([p.pos for p in parts]),
            np.concatenate([p.ref for p in parts]),
            np.concatenate([p.alt for p in parts]),
            np.concatenate([p.id for p in parts]),
            np.concatenate(afs) if len(afs) == len(parts) else None,
            np.concatenate(tiles) if len(tiles) == len(parts) else None,
        )

    def save(self, path: Path | str) -> None:
        """Write an .npz without pickles: numbers as arrays, strings as UTF-8 text with one line each."""
        arrays: dict[str, NDArray[Any]] = {"chrom": _pack([self.chrom]), "pos": self.pos}
        for name in ("ref", "alt", "id"):
            arrays[name] = _pack(getattr(self, name))
        if self.af is not None:
            arrays["af"] = self.af
        if self.tile is not None:
            arrays["tile"] = self.tile
        with Path(path).open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as data:
            n = len(data["pos"])
            ref, alt, ids = (_column(data[name], n) for name in ("ref", "alt", "id"))
            return cls(
                _unpack(data["chrom"], 1)[0],
                data["pos"],
                ref,
                alt,
                ids,
                data.get("af"),
                data.get("tile"),
            )


_ASCII = strings(chr(code) for code in range(128))


def _pack(values: Iterable[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(values).encode(), dtype=np.uint8)


def _column(data: NDArray[np.uint8], n: int) -> Strings:
    # Single bases, and ids that are not there, are most columns: one look-up of their bytes makes them strings.
    if n and len(data) == 2 * n - 1 and bool((data[1::2] == ord("\n")).all()) and int(data[::2].max()) < len(_ASCII):
        column: Strings = _ASCII[data[::2]]
        return column
    return strings(_unpack(data, n))


def _unpack(data: NDArray[np.uint8], n: int) -> list[str]:
    if n == 0:
        return []
    # A dictionary shares the few distinct alleles: a million sites would else hold two million small strings.
    shared: dict[str, str] = {}
    return [shared.setdefault(v, v) if len(v) < 3 else v for v in data.tobytes().decode().split("\n")]


def read_sites_bcf(path: Path | str) -> dict[str, SiteTable]:
    """Read a sites-only BCF, with INFO AF and TILE where every record has them.

    Returns:
        One table per contig that has records, in the header's order.

    Raises:
        TesseraError: `corrupt_file` when it cannot be read or is no BCF.
    """
    try:
        raw = read_raw(path)
    except (OSError, ValueError) as error:
        raise TesseraError(Code.corrupt_file, f"The site list {Path(path).name} cannot be read.") from error
    n = len(raw.pos)
    ids, ref, alt = (_column(text, n) for text in raw.texts)
    whole = SiteTable("", raw.pos, ref, alt, ids, raw.af, raw.tile)
    here = {name: raw.contig == k for k, name in enumerate(raw.contigs)}
    return {
        name: replace(whole if rows.all() else whole.take(rows), chrom=name)
        for name, rows in here.items()
        if rows.any()
    }


def write_sites_bcf(
    path: Path | str, tables: Iterable[SiteTable], contigs: Mapping[str, int | None], build: str | None = None
) -> None:
    """Write a sites-only BCF with INFO AF and TILE and its CSI index.

    Args:
        path: ends in .bcf.
        tables: sorted tables, one per chromosome, in the order of `contigs`.
        contigs: length in bp of every contig, or None where unknown.
        build: name of the assembly, for the contig lines.
    """
    header = pysam.VariantHeader()
    for name, length in contigs.items():
        facts = f"ID={name}" + (f",length={length}" if length else "") + (f",assembly={build}" if build else "")
        header.add_line(f"##contig=<{facts}>")
    header.add_line('##INFO=<ID=AF,Number=A,Type=Float,Description="ALT frequency in the training panel">')
    header.add_line('##INFO=<ID=TILE,Number=1,Type=Integer,Description="Tile that imputes the site">')
    with pysam.VariantFile(str(path), "wb", header=header) as file:
        for table in tables:
            for row in range(len(table)):
                record = file.new_record(
                    contig=table.chrom,
                    start=int(table.pos[row]) - 1,
                    alleles=(table.ref[row], *table.alt[row].split(",")),
                    id=table.id[row],
                )
                if table.af is not None:
                    record.info["AF"] = (float(table.af[row]),)
                if table.tile is not None:
                    record.info["TILE"] = int(table.tile[row])
                file.write(record)
    index_vcf(Path(path))
