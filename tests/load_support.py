"""Made-up calls, packets and reports for the tests of load runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ivr.load.callers import callers
from ivr.load.calls import Bridge, Call
from ivr.load.g711 import Octets
from ivr.load.options import LoadOptions
from ivr.load.peer_messages import PeerFigures, SteadyFigures, StreamFigures
from ivr.load.records import RecordTimes
from ivr.load.report import LoadReport, Measured, Sample, make_report
from ivr.load.rtp import PACKET, Packets, header, marker_frames
from ivr.load.sipp_trace import EndedBy, SipCall

NS = 1_000_000_000
START_NS = 1_700_000_000 * NS
START_S = START_NS / NS
STEP_NS = 20_000_000


def packets(
    seqs: Sequence[int], *, stream: int = 0, ssrc: int = 7, level: float = -20.0, step_ns: int = STEP_NS
) -> Packets:
    """Packets of one stream, evenly spaced, with these sequence numbers."""
    made = np.zeros(len(seqs), PACKET)
    made["stream"], made["ssrc"], made["level"], made["onset"] = stream, ssrc, level, 255
    made["seq"] = np.asarray(seqs) % 65536
    made["at_ns"] = START_NS + np.arange(len(seqs)) * step_ns
    return made


def octets(rows: Sequence[bytes]) -> Octets:
    """Datagrams as rows of a batch."""
    made = np.zeros((len(rows), 256), np.uint8)
    for row, data in zip(made, rows, strict=True):
        row[: len(data)] = np.frombuffer(data, np.uint8)
    return made


def marker_packet(number: int) -> bytes:
    """One packet of the marker."""
    frames = marker_frames()
    return header(number, number * 160, 7) + frames[number % len(frames)]


def good_stream(stream: int = 0) -> StreamFigures:
    """What a good call has heard."""
    return StreamFigures(
        stream=stream,
        packets=500,
        first_ns=START_NS + 30_000_000,
        last_ns=START_NS + 10 * NS,
        packets_per_s=50.0,
        sources=1,
        gap_p99_s=0.021,
        first_audio_ns=START_NS + 50_000_000,
        audio_share=0.9,
        longest_silence_s=0.4,
        heard=("speech", "music"),
    )


def good_call(number: int = 0, bridge: Bridge | None = None) -> Call:
    """A call that was good: invited 20 ms before it was answered."""
    return Call(
        number=number,
        caller=callers(number + 1)[number],
        sip=SipCall(
            call_id=f"load-1-{number + 1}@h",
            invited_s=START_S - 0.02,
            answered_s=START_S,
            code=200,
            ended_s=START_S + 10,
            ended_by=EndedBy.US,
        ),
        rtp=good_stream(number),
        record=RecordTimes(answered_s=0.02, identified_s=0.3, name_begins_s=0.9, ending="abandoned_in_queue"),
        bridge=bridge,
    )


def refused_call(code: int | None) -> Call:
    """A call that was not answered."""
    sip = SipCall(call_id="load-1-1@h", invited_s=START_S, code=code)
    return Call(number=0, caller=callers(1)[0], sip=sip, rtp=StreamFigures(stream=0, packets=0))


def options(out: Path = Path("out"), *, agents: int = 0, target: str | None = None) -> LoadOptions:
    """What a run of two calls is asked for."""
    return LoadOptions(
        calls=2,
        rate=2.0,
        hold_s=10.0,
        rtp=True,
        target=target,
        user="support",
        agents=agents,
        talk_s=3.0,
        out=out,
        json=False,
    )


def report(*calls: Call, agents: int = 0) -> LoadReport:
    """The report of these calls."""
    measured = Measured(
        began_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        machine={"processor": "a processor", "cores": "2", "system": "Linux"},
        calls=calls,
        peer=PeerFigures(
            streams=tuple(call.rtp for call in calls),
            steady=SteadyFigures(streams=2, packets=500, seconds=5.0, gap_p99_s=0.0215),
            sent=1000,
            late=3,
            cpu_s=0.5,
        ),
        steady=None,
        use=None,
        samples=(
            Sample(at_s=1.0, up=2, failed=0, packets_per_s=100.0, cores=0.1),
            Sample(at_s=2.0, up=2, failed=0, packets_per_s=100.0, cores=None),
        ),
    )
    return make_report(options(agents=agents), measured)
