"""Load runs: the RTP peer as a real process, with real datagrams."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import numpy as np
import pytest

from ivr.load.errors import LoadBroken
from ivr.load.peer import rtp_peer
from ivr.load.recvmmsg import ROWS, Receiver, stamped
from ivr.load.rtp import HEADER, PACKET_SAMPLES, marker_frames
from tests.load_support import START_NS, marker_packet
from tests.phones import HOST, LIMIT_S

FOR_EVER_NS = 4_000_000_000_000_000_000


def receiving_socket() -> socket.socket:
    """A socket on a free port whose datagrams are stamped."""
    sock = stamped(socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
    sock.bind((HOST, 0))
    return sock


def test_a_batch_holds_what_was_sent_who_sent_it_and_when() -> None:
    receiver = Receiver()
    with receiving_socket() as one, receiving_socket() as other, receiving_socket() as sender:
        for text in (b"first", b"second"):
            sender.sendto(text, one.getsockname())
        sender.sendto(b"third" * 100, other.getsockname())
        assert receiver.receive(one.fileno(), 4) == 2
        assert receiver.receive(other.fileno(), 5) == 1
        assert receiver.receive(one.fileno(), 4) == 0
        octets, sizes, streams, at_ns = receiver.batch()
        assert [octets[row, :5].tobytes() for row in range(3)] == [b"first", b"secon", b"third"]
        assert sizes.tolist() == [5, 6, 256]
        assert streams.tolist() == [4, 4, 5]
        assert np.all(np.diff(at_ns) >= 0)
        assert at_ns[0] > START_NS
        assert receiver.sender(0) == sender.getsockname()
        receiver.clear()
        assert (receiver.used, receiver.room) == (0, ROWS)
        sender.sendto(b"again", one.getsockname())
        assert receiver.receive(one.fileno(), 4) == 1
        assert receiver.batch()[1].tolist() == [5]


def test_a_socket_that_is_closed_is_an_error() -> None:
    with receiving_socket() as sock:
        number = sock.fileno()
    with pytest.raises(OSError, match="descriptor"):
        Receiver().receive(number, 0)


@pytest.mark.process
def test_what_came_is_judged_stream_by_stream(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rtp_peer() as peer:
            streams = await peer.open(HOST, 2, sends=False)
            assert (streams.first, len(set(streams.ports))) == (0, 2)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                for number in [*range(60), *range(61, 101)]:
                    sender.sendto(marker_packet(number), (HOST, streams.ports[1]))
            figures = await peer.judge(tmp_path / "rtp.json", 0, FOR_EVER_NS, callers=1)
            silent, heard = figures.streams
            assert (silent.packets, heard.packets, heard.lost) == (0, 100, 1)
            # The second stream is no caller's.
            assert figures.steady.packets == 0
            # The marker begins anew with packets 50 and 100.
            assert len(heard.onsets_ns) == 3
            assert heard.heard == ("tone",)
            assert (await peer.count()).received == 100
            assert (tmp_path / "rtp.json").stat().st_size > 0

    asyncio.run(scenario())


@pytest.mark.process
def test_it_speaks_to_who_is_heard(tmp_path: Path) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with rtp_peer() as peer:
            streams = await peer.open(HOST, 1, sends=True)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as other:
                other.bind((HOST, 0))
                other.sendto(marker_packet(0), (HOST, streams.ports[0]))
                said = [await asyncio.wait_for(loop.sock_recv(other, 2048), LIMIT_S) for _ in range(3)]
            assert [int.from_bytes(packet[2:4], "big") for packet in said] == [0, 1, 2]
            assert [int.from_bytes(packet[4:8], "big") for packet in said] == [0, 160, 320]
            assert [packet[HEADER:] for packet in said] == list(marker_frames()[:3])
            assert len(said[0]) == HEADER + PACKET_SAMPLES
            figures = await peer.judge(tmp_path / "rtp.json", 0, FOR_EVER_NS, callers=1)
            assert len(figures.streams[0].bursts_ns) == 1
            assert figures.sent >= 3

    asyncio.run(scenario())


@pytest.mark.process
def test_a_peer_that_refuses_breaks_the_run() -> None:
    async def scenario() -> None:
        async with rtp_peer() as peer:
            # No address of this machine: the peer ends with the error.
            with pytest.raises(LoadBroken, match="does not answer"):
                await peer.open("192.0.2.1", 1, sends=False)

    asyncio.run(scenario())


@pytest.mark.process
def test_an_answer_that_nobody_waits_for_any_more_is_not_the_next_ones() -> None:
    """A run cancels its samples in the middle of a question, and asks for the figures afterwards."""

    async def scene() -> None:
        async with rtp_peer() as peer:
            sampling = asyncio.create_task(peer.count())
            await asyncio.sleep(0)  # it has asked
            sampling.cancel()
            await asyncio.gather(sampling, return_exceptions=True)
            assert sampling.cancelled()
            assert len((await peer.open(HOST, 2, sends=False)).ports) == 2

    asyncio.run(scene())
