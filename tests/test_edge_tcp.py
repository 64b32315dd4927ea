"""TCP from trunks: calls over it work both ways, and nobody else's byte reaches Kamailio."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from media.edge.gate import is_trunks
from media.edge.model import EdgeTrunk, TcpListen
from tests.edge_support import EdgeNode, edge_node, needs_kamailio
from tests.node_support import scene
from tests.phones import HOST, free_port, within
from tests.raw_sip import OFFER, Message, RawCall, RawPeer, raw_peer, reply

PBX = EdgeTrunk(name="pbx", networks=(f"{HOST}/32",), trusted=True)
OTHER = "127.0.0.2"


class TcpPeer(RawPeer):
    """A raw peer over one TCP connection. `wire` keeps all that came."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__()
        self._reader, self._writer = reader, writer
        self.port = writer.get_extra_info("sockname")[1]
        self.wire = ""

    async def run(self) -> None:
        """Read messages until the connection ends."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
                length = next(
                    line for line in head.split("\r\n") if line.lower().startswith("content-length")
                )
                body = await self._reader.readexactly(int(length.split(":")[1]))
                self.wire += head + body.decode()
                self.datagram_received(head.encode() + body, (HOST, 0))

    def send(self, text: str | bytes, address: tuple[str, int]) -> None:
        data = text if isinstance(text, bytes) else text.encode()
        self._writer.write(
            data.replace(
                b"Via: SIP/2.0/UDP 127.0.0.1:%d" % self.port, b"Via: SIP/2.0/TCP 127.0.0.1:%d" % self.port
            )
        )

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def tcp_peer(port: int, source: str = HOST) -> AsyncIterator[TcpPeer]:
    """A peer that has connected to the edge."""
    peer = TcpPeer(*await asyncio.open_connection(HOST, port, local_addr=(source, 0)))
    reading = asyncio.create_task(peer.run())
    try:
        yield peer
    finally:
        peer.close()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


@asynccontextmanager
async def node_with_tcp(folder: Path, **changes: Any) -> AsyncIterator[EdgeNode]:
    """An edge that listens for TCP beside UDP."""
    port, inner = free_port(), free_port()
    tcp = (TcpListen(host=HOST, port=port, inner_port=inner),)
    async with edge_node(folder, port=port, tcp=tcp, **changes) as node:
        yield node


def routes_of(message: Message) -> list[str]:
    """Its Record-Route values, as they stand."""
    return [value for key, value in message.headers if key == "Record-Route"]


@needs_kamailio
@pytest.mark.sip
@pytest.mark.process
@pytest.mark.parametrize("public", [None, "203.0.113.5"])
def test_a_trunk_calls_over_tcp_and_either_end_hangs_up(public: str | None, tmp_path: Path) -> None:
    async def scenario() -> None:
        changes: dict[str, Any] = {"trunks": (PBX,), "public_host": public}
        async with node_with_tcp(tmp_path, **changes) as node, tcp_peer(node.port) as peer:
            for ours in (False, True):
                raw = RawCall(peer, node.port)
                raw.invite()
                there = await node.rung()
                assert there.incoming is not None
                headers = dict(there.incoming.headers)
                assert headers["X-IVR-Trunk"] == "pbx"
                assert headers["X-IVR-Source"] == peer.address
                await there.leg.answer(200)
                answer = await raw.established()
                assert "transport=tcp" in routes_of(answer)[0] + routes_of(answer)[-1]
                await there.answered()
                if ours:
                    await there.leg.hang_up()
                    bye = await peer.request("BYE")
                    peer.send(reply(bye, 200, "OK"), raw.target)
                    assert bye.header("Via").startswith(f"SIP/2.0/TCP {node.address}")
                    assert (await there.ended()).by == "us"
                else:
                    raw.next("BYE")
                    await peer.response(200, "BYE")
                    assert (await there.ended()).by == "peer"
            assert f":{node.edge.settings.tcp[0].inner_port}" not in peer.wire

    asyncio.run(scenario())


@needs_kamailio
@pytest.mark.sip
@pytest.mark.process
def test_whoever_is_no_trunk_is_ended_before_a_byte_is_passed_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with node_with_tcp(tmp_path, trunks=(PBX,)) as node:
            reader, writer = await asyncio.open_connection(HOST, node.port, local_addr=(OTHER, 0))
            writer.write(b"INVITE sip:x SIP/2.0\r\n\r\n")
            with suppress(ConnectionError):
                assert await within(reader.read()) == b""
            writer.close()
            connections = str(await node.edge.rpc.call("core.tcp_list"))
            assert OTHER not in connections
            # The trunk is not disturbed.
            async with tcp_peer(node.port) as peer:
                raw = RawCall(peer, node.port)
                raw.invite()
                there = await node.rung()
                await there.leg.hang_up(404, "Not Found")
                assert (await peer.final()).code == 404

    asyncio.run(scenario())


@needs_kamailio
@pytest.mark.sip
@pytest.mark.process
def test_the_edge_makes_no_tcp_connection_of_its_own(tmp_path: Path) -> None:
    async def scenario() -> None:
        connected = asyncio.Event()

        async def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connected.set()
            writer.close()

        server = await asyncio.start_server(accepted, HOST, 0)
        victim = server.sockets[0].getsockname()[1]
        async with server, node_with_tcp(tmp_path, trunks=(PBX,)) as node, raw_peer() as peer:
            raw = RawCall(peer, node.port)
            text = raw.request("INVITE", body=OFFER.format(port=9000))
            raw.send(
                text.replace(f"<sip:raw@{peer.address}>\r\nC", f"<sip:x@{HOST}:{victim};transport=tcp>\r\nC")
            )
            there = await node.rung()
            await there.leg.answer(200)
            await raw.established()
            await there.answered()
            await there.leg.hang_up()
            assert (await there.ended()).by == "us"
        assert not connected.is_set()

    asyncio.run(scenario())


@needs_kamailio
@pytest.mark.sip
@pytest.mark.process
def test_a_node_takes_calls_of_its_trunks_over_tcp(tmp_path: Path) -> None:
    def with_tcp(text: str) -> str:
        return re.sub(r'listen: \["udp:([0-9.:]+)"\]', r'listen: ["udp:\1", "tcp:\1"]', text)

    async def story() -> None:
        more = f'trunks: {{pbx: {{uri: "sip:{HOST}"}}}}'
        async with scene(tmp_path, with_tcp, sip_more="edge: kamailio", more=more) as stage:
            port = int(stage.sip.rsplit(":", 1)[1])
            async with tcp_peer(port) as peer:
                raw = RawCall(peer, port)
                raw.invite()
                await raw.established()
                call_id = await stage.watch.stage("queued")
                view = await stage.record_of(call_id)
                assert stage.events_of(view, "invite")[0]["trunk"] == "pbx"
                raw.next("BYE")
                await peer.response(200, "BYE")
                assert await stage.watch.ended(call_id) == "abandoned_in_queue"

    asyncio.run(story())


def test_who_is_a_trunk() -> None:
    trunks = (
        EdgeTrunk(name="a", networks=("192.0.2.0/28",)),
        EdgeTrunk(name="b", networks=(), host="198.51.100.7"),
    )
    assert [is_trunks(host, trunks) for host in ("192.0.2.15", "198.51.100.7")] == [True, True]
    assert [is_trunks(host, trunks) for host in ("192.0.2.16", "198.51.100.8")] == [False, False]
