from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from api.submission.multipart import FormStream, boundary_of
from errors import TesseraError


@dataclass
class Recorder:
    """Keeps what it is given."""

    texts: list[tuple[str, bytes]] = field(default_factory=list)
    files: list[tuple[str, str, bytes]] = field(default_factory=list)

    def text(self, name: str, value: bytes) -> None:
        self.texts.append((name, value))

    def file_begin(self, name: str, filename: str) -> None:
        self.files.append((name, filename, b""))

    def file_data(self, data: bytes) -> None:
        name, filename, before = self.files[-1]
        self.files[-1] = (name, filename, before + data)

    def file_end(self) -> None:
        pass


BODY = (
    b'--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    + b'--xyz\r\ncontent-type: x/y\r\nCONTENT-DISPOSITION: form-data; name="vcf"; filename="\xc3\xbc.vcf"\r\n\r\n'
    + b"line\r\n--xy\r\n\r\n--xyzz\r\nend\r\n"
    + b'--xyz\r\nContent-Disposition: form-data; name="b"\r\n\r\n\r\n'
    + b"--xyz--\r\nepilogue"
)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64, 10_000])
def test_any_cut_of_the_body_gives_the_same_parts(step: int) -> None:
    target = Recorder()
    form = FormStream(b"xyz", target)
    for start in range(0, len(BODY), step):
        form.feed(BODY[start : start + step])
    form.finish()
    assert target.texts == [("a", b"1"), ("b", b"")]
    assert target.files == [("vcf", "ü.vcf", b"line\r\n--xy\r\n\r\n--xyzz\r\nend")]


def test_an_unfinished_body_is_told() -> None:
    form = FormStream(b"xyz", Recorder())
    form.feed(BODY[:-30])
    with pytest.raises(TesseraError, match="ends early"):
        form.finish()


def test_boundary() -> None:
    assert boundary_of('multipart/form-data; boundary="a b"') == b"a b"
    assert boundary_of("Multipart/Form-Data; charset=utf-8; boundary=abc") == b"abc"
    for content_type in (None, "", "text/plain", "multipart/mixed; boundary=a", "multipart/form-data"):
        with pytest.raises(TesseraError, match="multipart"):
            boundary_of(content_type)
