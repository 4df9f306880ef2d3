"""HTTP's conditions and ranges for one stored object (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from starlette.datastructures import Headers

from errors import Code, TesseraError

_SINGLE_RANGE = re.compile(r"bytes=\s*(\d*)-(\d*)\s*$")


class RangeNotSatisfiable(TesseraError):
    """A range outside the object; `size` in bytes goes into the 416's Content-Range."""

    def __init__(self, size: int) -> None:
        """Make the refusal for an object of `size` bytes."""
        super().__init__(Code.range_not_satisfiable, f"The range lies outside the file's {size} bytes.", size=size)
        self.size = size


@dataclass(frozen=True)
class Validators:
    """What identifies one version of an object.

    Attributes:
        etag: strong entity tag with its quotes.
        modified: time of last change, aware.
        size: bytes.
    """

    etag: str
    modified: datetime
    size: int

    @property
    def last_modified(self) -> str:
        """The Last-Modified header's value."""
        return format_datetime(self.modified.astimezone(UTC), usegmt=True)


def not_modified(headers: Headers, validators: Validators) -> bool:
    """Return whether the client's copy is still good (If-None-Match, else If-Modified-Since)."""
    tags = headers.get("if-none-match")
    if tags is not None:
        # If-None-Match compares weakly: a W/ mark does not matter.
        listed = [tag.strip().removeprefix("W/") for tag in tags.split(",")]
        return "*" in listed or validators.etag in listed
    since = _date(headers.get("if-modified-since"))
    return since is not None and validators.modified.replace(microsecond=0) <= since


def requested_range(headers: Headers, validators: Validators) -> tuple[int, int] | None:
    """Return the byte range to send.

    Args:
        headers: the request's headers.
        validators: of the object.

    Returns:
        Start and end (exclusive) in bytes, or None for the whole object: no range asked, a unit or form that may be
        ignored, several ranges at once, or an If-Range that no longer matches.

    Raises:
        RangeNotSatisfiable: when the range lies outside the object.
    """
    asked = headers.get("range")
    if asked is None or not _if_range_matches(headers.get("if-range"), validators):
        return None
    match = _SINGLE_RANGE.match(asked)
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    size = validators.size
    if first == "":
        start, end = max(size - int(last), 0), size
        if int(last) == 0:
            raise RangeNotSatisfiable(size)
    else:
        start, end = int(first), size if last == "" else min(int(last) + 1, size)
        if last != "" and int(last) < start:
            return None
    if start >= size:
        raise RangeNotSatisfiable(size)
    return start, end


def _if_range_matches(value: str | None, validators: Validators) -> bool:
    if value is None:
        return True
    if value.startswith(('"', "W/")):
        return value == validators.etag
    return _date(value) == validators.modified.replace(microsecond=0)


def _date(value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        parsed = parsedate_to_datetime(value)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
