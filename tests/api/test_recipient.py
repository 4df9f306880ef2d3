from __future__ import annotations

import base64

import pytest

from api.submission.recipient import parse_public_key

KEY = bytes(range(32))
LINE = base64.b64encode(KEY).decode()
FILE = f"-----BEGIN CRYPT4GH PUBLIC KEY-----\n{LINE}\n-----END CRYPT4GH PUBLIC KEY-----\n"


@pytest.mark.parametrize("text", [LINE, FILE, FILE.replace("\n", "\r\n"), f"  {LINE}\n"])
def test_a_key_is_read_with_or_without_its_frame(text: str) -> None:
    assert parse_public_key(text) == KEY


@pytest.mark.parametrize(
    "text",
    [
        "x",
        LINE[:-4],
        base64.b64encode(bytes(31)).decode(),
        FILE.replace("PUBLIC", "PRIVATE"),
        FILE.replace("-----END CRYPT4GH PUBLIC KEY-----", ""),
        "é" * 44,
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Crypt4GH"):
        parse_public_key(text)
