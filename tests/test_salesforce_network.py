"""Faults of the network, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from ivr.numbers import E164
from ivr.salesforce.connector import SalesforceConnector
from ivr.salesforce.errors import ConnectionLost, DeadlineExceeded, Unreachable
from ivr.salesforce.model import MatchResult
from ivr.salesforce.settings import SalesforceSettings, Timeouts
from ivr.salesforce.simulator.faults import FaultKind
from ivr.salesforce.testing import ManualClock, simulated_over_tcp

ALICE = E164("+14155550123")
HURRIED = Timeouts(read_s=0.2, login_s=0.2, connect_s=0.2)


@contextmanager
def _bound() -> Iterator[int]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_the_whole_way_over_tcp() -> None:
    async def main() -> None:
        async with simulated_over_tcp() as org:
            match = await org.connector.open_cases(await org.connector.find(ALICE))
            assert (match.name, len(match.cases)) == ("Alice Morgan", 2)
            account = match.account
            assert account is not None
            page = await org.http.get(org.connector.record_page("Account", account.id))
            assert "<title>Blue Harbor Logistics</title>" in page.text

    asyncio.run(main())


@pytest.mark.parametrize("kind", [FaultKind.SLOW, FaultKind.DRIBBLE])
def test_a_slow_answer_is_given_up_and_not_asked_for_again(kind: FaultKind) -> None:
    async def main() -> None:
        async with simulated_over_tcp(timeouts=HURRIED) as org:
            await org.connector.login()
            org.fault(kind, times=None)
            match = await org.connector.find(ALICE)
            assert (match.result, match.detail.split(":")[0]) == (MatchResult.ERROR, "timed_out")
            assert org.outcomes("find") == ["timed_out"]

    asyncio.run(main())


def test_a_slow_login_is_given_up() -> None:
    async def main() -> None:
        async with simulated_over_tcp(timeouts=HURRIED) as org:
            org.fault(FaultKind.SLOW, path="/oauth2/token", times=None)
            assert (await org.connector.find(ALICE)).detail.startswith("timed_out")

    asyncio.run(main())


def test_one_operation_has_one_deadline_for_all_its_requests() -> None:
    async def main() -> None:
        async with simulated_over_tcp(timeouts=Timeouts(operation_s=0.2)) as org:
            org.fault(FaultKind.SLOW, times=None)
            with pytest.raises(DeadlineExceeded):
                await org.connector.request("GET", "/services/data/v62.0/limits", {}, {}, None, 30.0)

    asyncio.run(main())


def test_a_cut_connection_is_tried_once_more_for_reads() -> None:
    async def main() -> None:
        async with simulated_over_tcp() as org:
            await org.connector.login()
            org.fault(FaultKind.CUT)
            assert (await org.connector.find(ALICE)).name == "Alice Morgan"
            assert org.outcomes("find") == ["connection_lost", "ok"]
            org.fault(FaultKind.CUT, times=2)
            assert (await org.connector.find(ALICE)).detail.startswith("connection_lost")

    asyncio.run(main())


def test_a_cut_connection_is_not_tried_again_for_writes() -> None:
    async def main() -> None:
        async with simulated_over_tcp() as org:
            org.fault(FaultKind.CUT)
            with pytest.raises(ConnectionLost):
                await org.connector.request(
                    "PATCH", "/services/data/v62.0/sobjects/Case/x", {}, {}, "{}", 5.0
                )
            assert org.outcomes("request") == ["connection_lost"]

    asyncio.run(main())


def test_nobody_there() -> None:
    async def main() -> None:
        # Bound and never listening: connecting is refused, and no other process gets the port.
        with _bound() as port:
            settings = SalesforceSettings(
                name="Salesforce", login_url=f"http://127.0.0.1:{port}", client_id="a", client_secret="b"
            )
            async with httpx.AsyncClient(trust_env=False) as http:
                connector = SalesforceConnector(settings, http, ManualClock(), lambda seen: None)
                with pytest.raises(Unreachable):
                    await connector.login()
                assert (await connector.find(ALICE)).result is MatchResult.ERROR

    asyncio.run(main())


def test_a_cancelled_look_up_leaves_the_connector_usable() -> None:
    async def main() -> None:
        async with simulated_over_tcp() as org:
            await org.connector.login()
            org.fault(FaultKind.SLOW)
            look_up = asyncio.create_task(org.connector.find(ALICE))
            await org.faults.taken.wait()
            look_up.cancel()
            with pytest.raises(asyncio.CancelledError):
                await look_up
            assert (await org.connector.find(ALICE)).name == "Alice Morgan"
            assert org.outcomes("find") == ["cancelled", "ok"]

    asyncio.run(main())
