"""How a process of ours asks for memory."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import Final

_ARENA_MAX: Final = -8  # M_ARENA_MAX of malloc.h


def one_arena() -> None:
    """Let all threads take memory from one pool; to be called before there are threads. Without glibc nothing happens.

    Glibc gives threads pools of their own, which keep what is freed in them: over the tiles of a long chromosome they
    came to some 300 bytes a site that nobody used.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
