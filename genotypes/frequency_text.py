"""The head of a table of allele frequencies of groups, as far as it can be judged before the pedigree is known."""

from __future__ import annotations

from typing import Final

from errors import Code, TesseraError
from genotypes.sniff import text_head

MAX_LINE_BYTES: Final = 1 << 20
_SITE: Final = ("chrom", "pos", "ref", "alt")


def site_columns(fields: list[str]) -> dict[str, int]:
    """Places of all columns by their names in small letters.

    Raises:
        TesseraError: `frequencies_invalid` where one of CHROM, POS, REF and ALT is not there.
    """
    columns = {field.strip().lower().lstrip("#"): k for k, field in enumerate(fields)}
    if absent := [one for one in _SITE if one not in columns]:
        raise invalid(f"its header lacks {', '.join(one.upper() for one in absent)}.", 1)
    return columns


def check_frequencies_head(head: bytes) -> None:
    """Refuse what begins unlike a table of frequencies, by its first line.

    Raises:
        TesseraError: `empty_file`, `corrupt_file` or `frequencies_invalid`.
    """
    head = text_head(head, "The table of frequencies", "frequencies", MAX_LINE_BYTES)
    columns = site_columns(head.split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r").split("\t"))
    if len(columns) == len(_SITE):
        raise invalid("its header names no group beside CHROM, POS, REF and ALT.", 1)


def invalid(message: str, line: int | None = None) -> TesseraError:
    """The refusal of a table."""
    if line is None:
        return TesseraError(Code.frequencies_invalid, message, field="frequencies")
    return TesseraError(Code.frequencies_invalid, f"Line {line}: {message}", field="frequencies", line=line)
