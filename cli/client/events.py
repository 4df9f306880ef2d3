"""Parsing of server-sent events (text/event-stream, WHATWG HTML section 9.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cli.client.models import Event


def parse_events(lines: Iterable[str]) -> Iterator[Event]:
    """Events out of the stream's lines (without line ends); comments, which keep the connection alive, are left out."""
    last_id: str | None = None
    kind = ""
    data: list[str] = []
    for line in lines:
        if not line:
            if data:
                yield Event(last_id, kind or "message", "\n".join(data))
            kind, data = "", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            last_id = value
        elif name == "event":
            kind = value
        elif name == "data":
            data.append(value)
