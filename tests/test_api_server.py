"""The server: binds before it is entered, leaves signals alone, stops with clients still connected."""

from __future__ import annotations

import asyncio
import signal
import socket

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from ivr.api.errors import AddressInUse
from ivr.api.server import ApiServer
from ivr.api.testing import fake_node
from ivr.testing.clock import ManualClock

DEADLINE_S = 30


def test_it_listens_inside_the_block_and_not_after_it() -> None:
    async def main() -> None:
        async with httpx.AsyncClient(trust_env=False) as http:
            async with fake_node(clock=ManualClock()) as fake:
                assert (await http.get(f"{fake.url}/healthz")).status_code == 200
            with pytest.raises(httpx.ConnectError):
                await http.get(f"{fake.url}/healthz")

    asyncio.run(main())


def test_a_busy_port_is_named_with_a_remedy() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with pytest.raises(AddressInUse, match=rf"127\.0\.0\.1:{port} is in use .*http\.listen"):
                async with fake_node(port=port):
                    pytest.fail("entered without a port")

    asyncio.run(main())


def test_a_host_that_is_not_this_machines_is_named_too() -> None:
    async def main() -> None:
        with pytest.raises(AddressInUse, match=r"192\.0\.2\.1:0 .*http\.listen"):
            async with fake_node(host="192.0.2.1"):
                pytest.fail("entered without an address")

    asyncio.run(main())


def test_signals_stay_the_nodes() -> None:
    async def main() -> None:
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        async with fake_node(clock=ManualClock()):
            assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before

    asyncio.run(main())


def test_it_stops_while_clients_are_connected_and_tells_them() -> None:
    async def main() -> None:
        async with asyncio.timeout(DEADLINE_S):
            async with fake_node(clock=ManualClock()) as fake:
                stream = await connect(
                    fake.url.replace("http", "ws") + "/api/v1/events",
                    additional_headers={"Authorization": f"Bearer {fake.operator_token}"},
                    proxy=None,
                )
                await stream.recv()
            with pytest.raises(ConnectionClosed) as closed:
                await stream.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012  # Service restart: come again.
            assert fake.hub.listening == 0
            await stream.close()

    asyncio.run(main())


def test_a_failing_block_stops_it_too() -> None:
    urls: list[str] = []

    async def main() -> None:
        async with fake_node(clock=ManualClock()) as fake:
            urls.append(fake.url)
            raise RuntimeError("of the block")

    with pytest.raises(RuntimeError, match="of the block"):
        asyncio.run(main())
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{urls[0]}/healthz", trust_env=False)


def test_the_port_is_known_only_when_bound() -> None:
    async def app(scope: object, receive: object, send: object) -> None:
        """Never asked."""

    with pytest.raises(RuntimeError, match="not started"):
        _ = ApiServer(app, "127.0.0.1", 0).port


def test_a_request_that_hangs_does_not_hold_the_stop_up() -> None:
    async def main() -> None:
        asked = asyncio.Event()
        cancelled = asyncio.Event()

        async def app(scope: object, receive: object, send: object) -> None:
            asked.set()
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        async with asyncio.timeout(DEADLINE_S):
            async with ApiServer(app, "127.0.0.1", 0) as server:
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                await asked.wait()
            await cancelled.wait()
            writer.close()
            await reader.read()

    asyncio.run(main())
