"""Keys: relative paths of plain segments, the same rule in every store."""

from __future__ import annotations

import re

# Printable ASCII; a leading dot is kept for what the stores hide, among it "." and "..".
_SEGMENT = re.compile(r"(?!\.)[^\x00-\x1f/\\\x7f-\U0010ffff]+")


def check_key(key: str) -> str:
    """The key itself. Raises `ValueError` for one that could leave the store or mean two things."""
    segments = key.split("/")
    if len(key) > 900 or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise ValueError(f"not a storage key: {key!r}")
    return key


def is_key(text: str) -> bool:
    """Whether `check_key` takes it; other programs may have put other names into a folder or bucket."""
    try:
        check_key(text)
    except ValueError:
        return False
    return True


def check_prefix(prefix: str) -> str:
    """The prefix itself, 'folder/' or a key. Raises `ValueError` as `check_key` does, so also for the empty one."""
    check_key(prefix.removesuffix("/"))
    return prefix


def check_range(start: int, end: int | None) -> None:
    """Raise `ValueError` unless 0 <= start <= end."""
    if start < 0 or (end is not None and end < start):
        raise ValueError(f"not a byte range: [{start}, {end})")
