"""What the packets of a stream say about it. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivr.load.peer_messages import SteadyFigures, StreamFigures
from ivr.load.rtp import NO_ONSET, PACKET_S, RATE, SILENT_DBFS, Packets

_NS = 1e9
_WRAP = 1 << 16


def stream_figures(
    stream: int, packets: Packets, bursts_ns: tuple[int, ...] = (), heard: tuple[str, ...] = ()
) -> StreamFigures:
    """The figures of one stream's packets, which are in the order of their arrival."""
    if packets.size == 0:
        return StreamFigures(stream=stream, packets=0, bursts_ns=bursts_ns)
    at = packets["at_ns"]
    lost, reordered = _sequence(packets)
    gaps = np.diff(at) / _NS
    audio = packets["level"] > SILENT_DBFS
    marker = np.flatnonzero(packets["marker"])
    return StreamFigures(
        stream=stream,
        packets=int(packets.size),
        first_ns=int(at[0]),
        last_ns=int(at[-1]),
        packets_per_s=_rate(at),
        lost=lost,
        reordered=reordered,
        sources=int(np.unique(packets["ssrc"]).size),
        gap_p50_s=_quantile(gaps, 0.5),
        gap_p99_s=_quantile(gaps, 0.99),
        gap_max_s=float(gaps.max()) if gaps.size else None,
        first_audio_ns=int(at[audio.argmax()]) if audio.any() else None,
        audio_share=float(audio.mean()),
        longest_silence_s=_longest_silence_s(at, audio),
        first_marker_ns=int(at[marker[0]]) if marker.size else None,
        bursts_ns=bursts_ns,
        onsets_ns=_onsets(packets),
        heard=heard,
    )


def steady_figures(packets: Packets, from_ns: int, until_ns: int) -> SteadyFigures:
    """Pacing in a stretch of time; `streams` are those that were heard before it and after it, too."""
    inside = packets[(packets["at_ns"] >= from_ns) & (packets["at_ns"] < until_ns)]
    before = set(np.unique(packets["stream"][packets["at_ns"] < from_ns]).tolist())
    whole = before & set(np.unique(packets["stream"][packets["at_ns"] >= until_ns]).tolist())
    inside = inside[np.lexsort((inside["at_ns"], inside["stream"]))]
    same = inside["stream"][1:] == inside["stream"][:-1]
    gaps = (np.diff(inside["at_ns"])[same]) / _NS
    return SteadyFigures(
        streams=len(whole),
        packets=int(inside.size),
        seconds=(until_ns - from_ns) / _NS,
        gap_p50_s=_quantile(gaps, 0.5),
        gap_p99_s=_quantile(gaps, 0.99),
        gap_max_s=float(gaps.max()) if gaps.size else None,
    )


def _sequence(packets: Packets) -> tuple[int, int]:
    """Lost and reordered packets, for each source by itself (RFC 3550 A.1, A.3)."""
    lost = reordered = 0
    for ssrc in np.unique(packets["ssrc"]):
        seq = packets["seq"][packets["ssrc"] == ssrc].astype(np.int64)
        # The shortest way round the circle from each packet to the next.
        steps = (np.diff(seq) + _WRAP // 2) % _WRAP - _WRAP // 2
        place = np.concatenate([[0], np.cumsum(steps)])
        expected = int(place.max() - place.min()) + 1
        lost += expected - int(np.unique(place).size)
        reordered += int(np.count_nonzero(steps < 0))
    return lost, reordered


def _rate(at: NDArray[np.int64]) -> float | None:
    """Packets a second from the first to the last."""
    seconds = float(at[-1] - at[0]) / _NS
    return (at.size - 1) / seconds if seconds > 0 else None


def _quantile(values: NDArray[np.float64], share: float) -> float | None:
    return float(np.quantile(values, share, method="inverted_cdf")) if values.size else None


def _longest_silence_s(at: NDArray[np.int64], audio: NDArray[np.bool_]) -> float:
    """The longest time without a packet of audio, from the first packet to the end of the last one."""
    heard = at[audio]
    edges = np.concatenate([at[:1], heard, [at[-1] + int(PACKET_S * _NS)]])
    # Between two packets of audio there is silence only where it is longer than a packet.
    return max(0.0, float(np.diff(edges).max()) / _NS - PACKET_S) if edges.size > 1 else 0.0


def _onsets(packets: Packets) -> tuple[int, ...]:
    """When each burst of the marker began to be heard."""
    loud = (packets["onset"] != NO_ONSET) & packets["marker"]
    begins = np.flatnonzero(loud & ~np.concatenate([[False], loud[:-1]]))
    times = packets["at_ns"][begins] + (packets["onset"][begins].astype(np.int64) * int(_NS)) // RATE
    return tuple(int(t) for t in times)
