"""A multipart body as a stream of parts; Starlette's form would spool every file to disk first."""

from __future__ import annotations

from typing import Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from errors import Code, TesseraError

MAX_PARTS = 512
MAX_FIELD_BYTES = 16 * 1024


class PartTarget(Protocol):
    """What receives the parts of a form, in the order of the body."""

    def text(self, name: str, value: bytes) -> None:
        """Take a whole text field."""

    def file_begin(self, name: str, filename: str) -> None:
        """Begin a file; its bytes follow in `file_data`."""

    def file_data(self, data: bytes) -> None:
        """Take the next bytes of the file that was begun."""

    def file_end(self) -> None:
        """End the file that was begun."""


def boundary_of(content_type: str | None) -> bytes:
    """Return the boundary that a Content-Type header names.

    Raises:
        TesseraError: `malformed_request` when the request is not multipart/form-data or names no boundary.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise TesseraError(Code.malformed_request, "The request is not multipart/form-data.")
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise TesseraError(Code.malformed_request, "The multipart request names no boundary.")
    return boundary


class FormStream:
    """Feeds the parts of one multipart body to a target; memory does not grow with the body."""

    def __init__(self, boundary: bytes, target: PartTarget) -> None:
        """Prepare to read.

        Args:
            boundary: from `boundary_of`.
            target: receives the parts; what it raises passes through `feed`.

        Raises:
            TesseraError: `malformed_request` for a boundary that is too long.
        """
        self._target = target
        self._parts = 0
        self._ended = False
        self._header_field = b""
        self._header_value = b""
        self._disposition = b""
        self._name = ""
        self._is_file = False
        self._text = bytearray()
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._part_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._part_data,
                    "on_part_end": self._part_end,
                    "on_end": self._end,
                },
            )
        except FormParserError as problem:
            raise TesseraError(Code.malformed_request, "The multipart boundary cannot be used.") from problem

    def feed(self, data: bytes) -> None:
        """Read the next bytes of the body.

        Raises:
            TesseraError: `malformed_request`, or what the target raises.
        """
        try:
            self._parser.write(data)
        except FormParserError as problem:
            raise TesseraError(Code.malformed_request, f"The multipart body is malformed: {problem}") from problem

    def finish(self) -> None:
        """Check that the body came to its end.

        Raises:
            TesseraError: `malformed_request` when the closing boundary is missing.
        """
        if not self._ended:
            raise TesseraError(Code.malformed_request, "The multipart body ends early, before its closing boundary.")

    def _part_begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise TesseraError(Code.malformed_request, f"The form has more than {MAX_PARTS} parts.")
        self._disposition = b""
        self._text.clear()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_field += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_end(self) -> None:
        if self._header_field.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_field = self._header_value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise TesseraError(Code.malformed_request, "A part of the form has no name.")
        self._name = options[b"name"].decode("utf-8", "replace")[:100]
        self._is_file = b"filename" in options
        if self._is_file:
            self._target.file_begin(self._name, options[b"filename"].decode("utf-8", "replace"))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            # The common case is one callback for the whole piece, which then needs no copy.
            self._target.file_data(data if end - start == len(data) else data[start:end])
            return
        if len(self._text) + end - start > MAX_FIELD_BYTES:
            raise TesseraError(Code.invalid_field, f"'{self._name}' is too long for a text field.", field=self._name)
        self._text += data[start:end]

    def _part_end(self) -> None:
        if self._is_file:
            self._target.file_end()
        else:
            self._target.text(self._name, bytes(self._text))

    def _end(self) -> None:
        self._ended = True
