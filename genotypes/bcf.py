"""BCF 2.2 records of imputed sites, made by numpy."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from genotypes.cells import Cells, Tables

# Dictionary numbers by the order of the lines in genotypes.header.
AF, MAF, R2, ER2, IMPUTED, TYPED, TYPED_ONLY, GT, DS, GP, HDS = range(1, 12)
_FLOAT_MISSING: Final = 0x7F800001
_ONE_FLOAT: Final = b"\x15"
_PASS: Final = b"\x11\x00"


def _key(number: int) -> bytes:
    return bytes((0x11, number))


_INFO_KEYS: Final = [_key(number) + _ONE_FLOAT for number in (AF, MAF, R2, ER2)]
_FLAGS: Final = {number: _key(number) + b"\x00" for number in (IMPUTED, TYPED, TYPED_ONLY)}
_FORMATS: Final = (_key(GT) + b"\x21", _key(DS) + b"\x15", _key(GP) + b"\x35", _key(HDS) + b"\x25")


def typed_string(text: str) -> bytes:
    """A BCF typed string; "." is the empty string."""
    data = b"" if text == "." else text.encode()
    if len(data) < 15:
        return bytes((len(data) << 4 | 7,)) + data
    size = struct.pack("<BB", 0x11, len(data)) if len(data) < 128 else struct.pack("<Bi", 0x13, len(data))
    return b"\xf7" + size + data


def shared_block(
    contig: int, pos: int, ident: str, alleles: Sequence[str], info: Sequence[float | None], flag: int, counts: int
) -> bytes:
    """The part of a record before the genotypes.

    Args:
        contig: BCF number of the contig.
        pos: bp, 1-based.
        ident: ID, "." for none.
        alleles: REF and ALT.
        info: AF, MAF, R2, ER2; None leaves the field out.
        flag: dictionary number of IMPUTED, TYPED or TYPED_ONLY.
        counts: number of FORMAT fields << 24 | number of samples.
    """
    fields = [key + struct.pack("<f", value) for key, value in zip(_INFO_KEYS, info, strict=True) if value is not None]
    used = [allele for allele in alleles if allele != "."]
    head = struct.pack("<iiiIHHI", contig, pos - 1, len(alleles[0]), _FLOAT_MISSING, len(fields) + 1, len(used), counts)
    return b"".join((head, typed_string(ident), *map(typed_string, used), _PASS, *fields, _FLAGS[flag]))


def individual_blocks(tables: Tables, items: Cells) -> Iterator[list[bytes]]:
    """The genotypes of each row of `items` (V, S): pieces to be written one after another."""
    columns: list[NDArray[Any]] = [
        np.take(tables.bcf_gt, items),
        np.take(tables.bcf_ds, items),
        np.take(tables.bcf_gp, items),
    ]
    if tables.phased:
        columns.append(np.take(tables.bcf_hds, items))
    for row in range(len(items)):
        pieces: list[bytes] = []
        for key, column in zip(_FORMATS, columns, strict=False):
            pieces += (key, column[row].tobytes())
        yield pieces


def format_count(phased: bool) -> int:
    """FORMAT fields of a record."""
    return 4 if phased else 3
