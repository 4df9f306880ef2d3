"""The `recipient` field: a Crypt4GH public key, for results that only its owner can read."""

from __future__ import annotations

import base64

_BEGIN = "-----BEGIN CRYPT4GH PUBLIC KEY-----"
_END = "-----END CRYPT4GH PUBLIC KEY-----"
# X25519 public keys are 32 bytes.
_KEY_BYTES = 32


def parse_public_key(text: str) -> bytes:
    """Return the key of a Crypt4GH public key file or of its bare base64 line.

    Args:
        text: the file's text, with or without its BEGIN and END lines.

    Returns:
        The 32 bytes of the X25519 public key.

    Raises:
        ValueError: when the text has not this form.
    """
    lines = text.split()
    body = "".join(lines)
    begin, end = _BEGIN.replace(" ", ""), _END.replace(" ", "")
    if body.startswith(begin) and body.endswith(end):
        body = body[len(begin) : -len(end)]
    try:
        key = base64.b64decode(body, validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise ValueError("'recipient' is not a Crypt4GH public key (the text of a .pub file).")
    return key


def refuse_recipient(text: str) -> None:
    """Check the key's form, then say that encryption is not offered: results must never be left open without a word.

    Raises:
        ValueError: always.
    """
    parse_public_key(text)
    raise ValueError("'recipient' is not offered by this server yet: results cannot be encrypted.")
