"""RTP packets by the thousand: what a batch holds, and what the peer says itself. Pure.

A marker is a tone of `TONE_HZ` that is quiet and becomes loud for `BURST_PACKETS` in every `CYCLE_PACKETS`.
No prompt and no music is nothing but this tone, so that a packet of it comes from the other party, and where
in a packet a burst begins says to the sample how long the way through the bridge took.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from ivr.load.g711 import ALAW, ULAW, Octets, PayloadType, Samples, ulaw_encode

RATE = 8000
PACKET_SAMPLES = 160
PACKET_S = PACKET_SAMPLES / RATE
HEADER = 12
TONE_HZ = 1000
QUIET, LOUD = 0.02, 0.3
ONSET_LEVEL = 0.1
BURST_PACKETS, CYCLE_PACKETS = 5, 50
NO_ONSET = 255
SILENT_DBFS = -50.0
TONE_SHARE = 0.9
_FLOOR = 1e-12

PACKET = np.dtype(
    [
        ("stream", np.uint16),
        ("at_ns", np.int64),
        ("seq", np.uint16),
        ("timestamp", np.uint32),
        ("ssrc", np.uint32),
        ("payload_type", np.uint8),
        ("level", np.float32),
        ("marker", np.bool_),
        ("onset", np.uint8),
    ]
)
"""One received packet: `level` in dBFS, `marker` whether it is the tone, `onset` the first loud sample."""

Packets = NDArray[np.void]

_phase = 2 * np.pi * TONE_HZ / RATE * np.arange(PACKET_SAMPLES)
_TONE = np.stack([np.cos(_phase), np.sin(_phase)], axis=1).astype(np.float32)


def parse(
    octets: Octets, sizes: NDArray[np.int64], streams: NDArray[np.int64], at_ns: NDArray[np.int64]
) -> Packets:
    """Rows of received octets as packets; what is no RTP (RFC 3550 5.1), or no voice, is left out.

    A packet longer than 20 ms is judged by its first 20 ms.
    """
    kind = octets[:, 1] & np.uint8(0x7F)
    whole = sizes >= HEADER + PACKET_SAMPLES
    voice = (kind == PayloadType.PCMU) | (kind == PayloadType.PCMA)
    good = np.flatnonzero((octets[:, 0] >> 6 == 2) & whole & voice)
    octets, found = octets[good], np.zeros(good.size, PACKET)
    found["stream"], found["at_ns"], found["payload_type"] = streams[good], at_ns[good], kind[good]
    found["seq"] = _number(octets, 2, ">u2")
    found["timestamp"], found["ssrc"] = _number(octets, 4, ">u4"), _number(octets, 8, ">u4")
    samples = decode(octets[:, HEADER : HEADER + PACKET_SAMPLES], kind[good])
    found["level"], found["marker"], found["onset"] = _heard(samples)
    return found


def decode(payload: Octets, payload_type: Octets) -> Samples:
    """The samples of rows of G.711, in -1..1."""
    samples = ULAW[payload]
    alaw = payload_type == PayloadType.PCMA
    if alaw.any():
        samples[alaw] = ALAW[payload[alaw]]
    return samples


def marker_frames() -> tuple[bytes, ...]:
    """One cycle of the marker as mu-law, a packet each; it begins with the burst."""
    wave = np.sin(_phase).astype(np.float32)
    loud, quiet = ulaw_encode(np.float32(LOUD) * wave), ulaw_encode(np.float32(QUIET) * wave)
    return tuple(loud if i < BURST_PACKETS else quiet for i in range(CYCLE_PACKETS))


def header(seq: int, timestamp: int, ssrc: int) -> bytes:
    """The header of a mu-law packet."""
    return struct.pack(">BBHII", 0x80, PayloadType.PCMU, seq & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)


def _number(octets: Octets, first: int, kind: str) -> NDArray[np.uint32]:
    width = np.dtype(kind).itemsize
    return np.ascontiguousarray(octets[:, first : first + width]).view(kind)[:, 0].astype(np.uint32)


def _heard(samples: Samples) -> tuple[Samples, NDArray[np.bool_], Octets]:
    """Level, whether it is the marker, and the onset of a burst, of each row."""
    power = np.einsum("ij,ij->i", samples, samples) / PACKET_SAMPLES
    parts = samples @ _TONE
    tone = np.einsum("ij,ij->i", parts, parts) * 2 / PACKET_SAMPLES**2
    level = 10 * np.log10(np.maximum(power, _FLOOR))
    marker = (tone >= TONE_SHARE * power) & (level > SILENT_DBFS)
    loud = np.abs(samples) >= ONSET_LEVEL
    onset = np.where(loud.any(axis=1), loud.argmax(axis=1), NO_ONSET).astype(np.uint8)
    return level.astype(np.float32), marker, onset
