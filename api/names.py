"""File names from strangers: what we show, and what may become part of a storage key.

The name in a `Content-Disposition` header is text chosen by the client: it may hold `../`, control characters, or
nothing. What we show is its last path component, cleaned; what reaches a storage key is plain ASCII that cannot leave
its folder on any system.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from pathlib import PurePosixPath

from errors import Code, TesseraError

MAX_DISPLAY_CHARS = 200
MAX_KEY_CHARS = 100

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
# Compound endings that carry the kind of the file and so must survive shortening and numbering.
_ENDINGS = (
    ".vcf.gz",
    ".vcf.bgz",
    ".vcf",
    ".bcf",
    ".pvar.zst",
    ".bed.gz",
    ".bim.gz",
    ".fam.gz",
    ".txt.gz",
    ".tar.gz",
    ".gz",
)


def split_ending(name: str) -> tuple[str, str]:
    """Split a file name into stem and ending, keeping `.vcf.gz` whole.

    Args:
        name: a name without folders.

    Returns:
        Stem and ending; the ending starts with a dot or is empty.
    """
    lowered = name.lower()
    for ending in _ENDINGS:
        if lowered.endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)], name[-len(ending) :]
    path = PurePosixPath(name)
    return (path.stem, path.suffix) if path.suffix else (name, "")


def display_name(raw: str, default: str, field: str) -> str:
    """Return the name to show for an uploaded file.

    Args:
        raw: the client's name, as sent; may hold folders of any system.
        default: used when the client sent no name at all.
        field: form field of the part, named in the error.

    Returns:
        One path component of at most `MAX_DISPLAY_CHARS` characters without control characters.

    Raises:
        TesseraError: `bad_filename` when a name was given and nothing of it can be shown.
    """
    if not raw.strip():
        return default
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", raw))[-1]
    # Categories C*: control, format (among them the marks that reverse text), surrogate, private, unassigned.
    cleaned = "".join(c for c in last if not unicodedata.category(c).startswith("C")).strip()
    if not cleaned.strip("."):
        raise TesseraError(Code.bad_filename, f"The name of the file in '{field}' is not a file name.", field=field)
    if len(cleaned) > MAX_DISPLAY_CHARS:
        stem, ending = split_ending(cleaned)
        ending = ending[:20]
        cleaned = stem[: MAX_DISPLAY_CHARS - len(ending)] + ending
    return cleaned


def unique_name(name: str, taken: Collection[str]) -> str:
    """Return `name`, or `stem (2).ending` and so on when it is taken, so that errors can name one file."""
    if name not in taken:
        return name
    stem, ending = split_ending(name)
    number = 2
    while (candidate := f"{stem} ({number}){ending}") in taken:
        number += 1
    return candidate


def key_name(display: str) -> str:
    """Return the plain ASCII form of a display name for use as one component of a storage key."""
    ascii_form = unicodedata.normalize("NFKD", display).encode("ascii", "ignore").decode("ascii")
    # With a letter in front, so that a name of which only its ending is ASCII keeps it as an ending.
    stem, ending = split_ending("x" + _UNSAFE.sub("_", ascii_form))
    ending = ending[:20]
    return (stem[1 : MAX_KEY_CHARS - len(ending)].strip("._-") or "file") + ending
