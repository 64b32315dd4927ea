"""Load runs, RTP: G.711, packets out of octets, what a stream says about itself."""

from __future__ import annotations

import numpy as np
import pytest

from ivr.load.g711 import ALAW, ULAW, ulaw_encode
from ivr.load.rtp import NO_ONSET, PACKET_SAMPLES, header, parse
from ivr.load.stream_figures import steady_figures, stream_figures
from tests.load_support import NS, START_NS, STEP_NS, marker_packet, octets, packets

SILENCE = b"\xff" * PACKET_SAMPLES


def read(*rows: bytes) -> list[dict[str, object]]:
    """What `parse` makes of datagrams."""
    count = len(rows)
    sizes = np.array([len(row) for row in rows])
    found = parse(octets(rows), sizes, np.arange(count), START_NS + np.arange(count))
    return [dict(zip(found.dtype.names or (), row.tolist(), strict=True)) for row in found]


def test_g711_at_its_corners() -> None:
    # ITU-T G.711: zero, the largest and the smallest step of each law.
    assert [round(float(ULAW[code]) * 32768) for code in (0xFF, 0x7F, 0x80, 0x00, 0xFE)] == [
        0, 0, 32124, -32124, 8,
    ]  # fmt: skip
    assert [round(float(ALAW[code]) * 32768) for code in (0xD5, 0x55, 0xAA, 0x2A)] == [8, -8, 32256, -32256]


def test_mu_law_comes_back_as_the_nearest_code() -> None:
    wave = np.linspace(-0.99, 0.99, 4001).astype(np.float32)
    back = ULAW[np.frombuffer(ulaw_encode(wave), np.uint8)]
    assert np.all(np.abs(back - wave) <= np.maximum(np.abs(wave) / 16, 1e-4))
    codes = np.arange(256, dtype=np.uint8)
    assert np.array_equal(ULAW[np.frombuffer(ulaw_encode(ULAW[codes]), np.uint8)], ULAW[codes])


def test_a_packet_is_read_field_by_field() -> None:
    (found,) = read(header(65_535, 4_000_000_000, 0xDEADBEEF) + SILENCE)
    assert (found["seq"], found["timestamp"], found["ssrc"]) == (65_535, 4_000_000_000, 0xDEADBEEF)
    assert (found["stream"], found["at_ns"], found["payload_type"]) == (0, START_NS, 0)
    assert (found["level"], found["marker"], found["onset"]) == (pytest.approx(-120), False, NO_ONSET)


def test_what_is_no_voice_is_left_out() -> None:
    good = header(1, 160, 7) + SILENCE
    event = bytes([0x80, 101]) + good[2:]
    other_version = bytes([0x40]) + good[1:]
    assert [row["stream"] for row in read(event, other_version, good[:100], good, b"")] == [3]


def test_a_law_counts_as_well() -> None:
    loud = header(1, 160, 7) + b"\xaa\x2a" * (PACKET_SAMPLES // 2)
    (found,) = read(bytes([0x80, 8]) + loud[2:])
    assert found["payload_type"] == 8
    assert float(str(found["level"])) == pytest.approx(20 * np.log10(32256 / 32768), abs=0.01)


def test_the_marker_is_known_and_its_burst_begins_at_the_second_sample() -> None:
    burst, quiet = read(marker_packet(0), marker_packet(20))
    assert (burst["marker"], quiet["marker"]) == (True, True)
    assert (burst["onset"], quiet["onset"]) == (1, NO_ONSET)


def test_speech_and_noise_are_not_the_marker() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, PACKET_SAMPLES).astype(np.float32)
    near = (0.3 * np.sin(2 * np.pi * 1100 * np.arange(PACKET_SAMPLES) / 8000)).astype(np.float32)
    found = read(*(header(1, 160, 7) + ulaw_encode(sound) for sound in (noise, near)))
    assert [row["marker"] for row in found] == [False, False]


def test_a_good_stream() -> None:
    found = stream_figures(3, packets(range(65_500, 65_600)))
    assert (found.stream, found.packets, found.lost, found.reordered, found.sources) == (3, 100, 0, 0, 1)
    assert found.packets_per_s == pytest.approx(50.0)
    assert (found.gap_p50_s, found.gap_max_s) == (0.02, 0.02)
    assert (found.first_ns, found.first_audio_ns) == (START_NS, START_NS)
    assert (found.audio_share, found.longest_silence_s) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("seqs", "lost", "reordered"),
    [
        ([1, 2, 4, 5], 1, 0),
        ([1, 3, 2, 4], 0, 1),
        ([65_534, 65_535, 1, 2], 1, 0),
        ([1, 2, 2, 3], 0, 0),
        ([5], 0, 0),
    ],
)
def test_what_is_missing_and_what_came_late(seqs: list[int], lost: int, reordered: int) -> None:
    found = stream_figures(0, packets(seqs))
    assert (found.lost, found.reordered) == (lost, reordered)


def test_a_new_source_is_no_loss() -> None:
    both = np.concatenate([packets([10, 11], ssrc=1), packets([40_000, 40_001], ssrc=2)])
    found = stream_figures(0, both)
    assert (found.lost, found.sources) == (0, 2)


def test_silence_is_measured_to_the_end_and_first_audio_is_found() -> None:
    made = packets(range(200))
    made["level"][:50], made["level"][100:] = -90.0, -90.0
    found = stream_figures(0, made)
    assert found.first_audio_ns == START_NS + 50 * STEP_NS
    assert found.longest_silence_s == pytest.approx(2.0, abs=0.03)
    assert found.audio_share == pytest.approx(0.25)


def test_packets_that_stop_coming_are_silence() -> None:
    made = packets(range(100))
    made["at_ns"][50:] += 3 * NS
    assert stream_figures(0, made).longest_silence_s == pytest.approx(3.0, abs=0.03)


def test_nothing_heard() -> None:
    found = stream_figures(0, packets([]), bursts_ns=(5,))
    assert (found.packets, found.first_ns, found.bursts_ns) == (0, None, (5,))


def test_a_burst_is_heard_once_and_to_the_sample() -> None:
    made = packets(range(100))
    made["marker"] = True
    made["onset"][20:25] = 0
    made["onset"][20] = 80
    assert stream_figures(0, made).onsets_ns == (START_NS + 20 * STEP_NS + 10_000_000,)
    assert stream_figures(0, made).first_marker_ns == START_NS


def test_the_steady_phase_counts_who_was_there_in_all_of_it() -> None:
    whole, short = packets(range(500)), packets(range(100), stream=1)
    slow = packets(range(250), stream=2, step_ns=2 * STEP_NS)
    found = steady_figures(np.concatenate([whole, short, slow]), START_NS + 3 * NS, START_NS + 5 * NS)
    assert (found.streams, found.packets, found.seconds) == (2, 150, 2.0)
    assert (found.gap_p50_s, found.gap_p99_s, found.gap_max_s) == (0.02, 0.04, 0.04)


def test_calls_that_are_shorter_than_the_steady_phase_are_in_it() -> None:
    found = steady_figures(packets(range(100), stream=1), START_NS - NS, START_NS + 9 * NS)
    assert (found.streams, found.packets, found.gap_max_s) == (0, 100, 0.02)


def test_a_steady_phase_in_which_nothing_came() -> None:
    found = steady_figures(packets([]), START_NS, START_NS + NS)
    assert (found.streams, found.packets, found.gap_p99_s) == (0, 0, None)
