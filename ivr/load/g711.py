"""G.711: one table for each law, and its inverse for mu-law. Pure."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Octets = NDArray[np.uint8]


class PayloadType(IntEnum):
    """The static RTP payload types of G.711 (RFC 3551 section 6)."""

    PCMU = 0
    PCMA = 8


def _ulaw_table() -> Samples:
    """ITU-T G.711 table 2: all bits inverted, 3 bits of exponent, 4 of mantissa."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    size = (((code & 0x0F) << 3) + 132 << ((code & 0x70) >> 4)) - 132
    return np.asarray(np.where(code & 0x80, -size, size) / 32768.0, np.float32)


def _alaw_table() -> Samples:
    """ITU-T G.711 table 1: even bits inverted; the first two segments are linear."""
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent, mantissa = (code & 0x70) >> 4, (code & 0x0F) << 4
    size = np.where(exponent == 0, mantissa + 8, (mantissa + 264) << np.maximum(exponent - 1, 0))
    return np.asarray(np.where(code & 0x80, size, -size) / 32768.0, np.float32)


ULAW = _ulaw_table()
ALAW = _alaw_table()
_ULAW_ORDER = np.argsort(ULAW, kind="stable")


def ulaw_encode(samples: Samples) -> bytes:
    """The nearest mu-law code of each sample in -1..1."""
    levels = ULAW[_ULAW_ORDER]
    after = np.clip(np.searchsorted(levels, samples), 1, 255)
    nearer = np.where(samples - levels[after - 1] <= levels[after] - samples, after - 1, after)
    return np.asarray(_ULAW_ORDER[nearer], np.uint8).tobytes()
