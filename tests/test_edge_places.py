"""Trunks whose addresses change while the node runs: looked up again, told to the edge, known at once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ivr.config import Trunk
from ivr.edge import moved_trunk
from ivr.peers import Trunks, Unresolvable
from ivr.testing.virtual_time import LoopClock, run_virtual
from ivr.trunk_addresses import RESOLVE_AGAIN_S, RESTS_S, TrunkAddresses
from media.edge.accounts import tell_moved
from media.edge.model import EdgeListen, EdgeSettings, EdgeTrunk
from tests.edge_support import EdgeNode, edge_node, needs_kamailio
from tests.phones import HOST, free_port
from tests.raw_sip import OFFER, RawCall, RawPeer, raw_peer
from tests.test_edge_trunks import carrier, registrar

ELSEWHERE = "192.0.2.77"


async def named(node: EdgeNode, peer: RawPeer) -> str | None:
    """The trunk that a call of the peer is said to come from."""
    raw = RawCall(peer, node.port)
    raw.send(raw.request("INVITE", body=OFFER.format(port=9000)))
    there = await node.rung()
    assert there.incoming is not None
    await there.leg.hang_up(404, "Not Found")
    await peer.final()
    return dict(there.incoming.headers).get("X-IVR-Trunk")


@needs_kamailio
@pytest.mark.sip
@pytest.mark.process
def test_a_trunk_that_has_moved_is_known_at_its_new_address_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        trunk = EdgeTrunk(name="the%20carrier", networks=(), host=ELSEWHERE)
        async with edge_node(tmp_path, trunks=(trunk,)) as node, raw_peer() as peer:
            assert await named(node, peer) is None
            await tell_moved(node.edge.rpc, moved_trunk(trunk, f"{HOST}:5060", node.edge.settings))
            assert await named(node, peer) == "the%20carrier"
            await tell_moved(node.edge.rpc, trunk)
            assert await named(node, peer) is None

    asyncio.run(scenario())


@needs_kamailio
@pytest.mark.sip
@pytest.mark.process
def test_a_trunk_that_has_moved_is_registered_with_where_it_is(tmp_path: Path) -> None:
    async def scenario() -> None:
        port = free_port()
        async with raw_peer() as old, raw_peer() as new:
            for peer in (old, new):
                peer.answers_with(registrar(peer))
            trunk = carrier(old, port)
            changes: dict[str, Any] = {"port": port, "trunks": (trunk,)}
            async with edge_node(tmp_path, **changes) as node:
                await node.until(
                    lambda: (node.registrations and node.registrations[-1].expires_s > 0) or None
                )
                await tell_moved(node.edge.rpc, moved_trunk(trunk, new.address, node.edge.settings))
                request = await new.request("REGISTER")
                assert request.start == "REGISTER sip:carrier.test SIP/2.0"
                assert f"sip:{trunk.token}@{HOST}:{port}" in request.header("Contact")
                assert await new.until_message(lambda m: "Authorization" in dict(m.headers))

    asyncio.run(scenario())


# --- without a process -----------------------------------------------------------------------------------


class Names:
    """What names resolve to; None: nobody knows now."""

    def __init__(self, found: dict[str, tuple[str, ...]]) -> None:
        self.found = found
        self.asked: list[float] = []

    async def __call__(self, host: str) -> tuple[str, ...]:
        self.asked.append(LoopClock().monotonic())
        if host not in self.found:
            raise Unresolvable(f"no address for {host}")
        return self.found[host]


TRUNK = {"pbx": Trunk(uri="sip:pbx.example:5070")}
FIRST, SECOND = "192.0.2.1", "192.0.2.2"


def watch(names: Names, told: list[tuple[str, str]]) -> TrunkAddresses:
    """The trunk `pbx`, found at FIRST so far."""

    async def moved(name: str, address: str) -> None:
        told.append((name, address))

    return TrunkAddresses(TRUNK, {"pbx": f"{FIRST}:5070"}, moved, names)


def test_names_are_resolved_again_now_and_then_and_changes_are_told() -> None:
    async def hours() -> None:
        names, told = Names({"pbx.example": (FIRST,)}), list[tuple[str, str]]()
        running = asyncio.create_task(watch(names, told).run(asyncio.Event()))
        await asyncio.sleep(2.5 * RESOLVE_AGAIN_S)
        assert (names.asked, told) == ([RESOLVE_AGAIN_S, 2 * RESOLVE_AGAIN_S], [])
        names.found["pbx.example"] = (SECOND,)
        await asyncio.sleep(2 * RESOLVE_AGAIN_S)
        assert told == [("pbx", f"{SECOND}:5070")]
        running.cancel()

    run_virtual(hours())


def test_a_failing_registration_has_the_names_resolved_soon_but_not_without_end() -> None:
    async def hours() -> None:
        names, failing = Names({"pbx.example": (FIRST,)}), asyncio.Event()
        running = asyncio.create_task(watch(names, []).run(failing))
        for _ in range(40):
            await asyncio.sleep(5)
            failing.set()
        assert len(names.asked) <= 40 * 5 / RESTS_S
        assert names.asked[0] == RESTS_S
        running.cancel()

    run_virtual(hours())


@pytest.mark.parametrize("found", [(SECOND, FIRST), None])
def test_a_trunk_stays_where_it_is_while_its_name_has_that_address_or_none(
    found: tuple[str, ...] | None,
) -> None:
    async def look() -> list[tuple[str, str]]:
        told: list[tuple[str, str]] = []
        await watch(Names({} if found is None else {"pbx.example": found}), told).look()
        return told

    assert asyncio.run(look()) == []


def test_without_an_edge_a_moved_trunk_is_known_by_its_new_address() -> None:
    trunks = Trunks(TRUNK, {"pbx": f"{FIRST}:5070"})
    trunks.moved("pbx", f"{SECOND}:5070")
    assert (trunks.of(f"{FIRST}:5060"), trunks.of(f"{SECOND}:40000")) == (None, "pbx")


def test_a_moved_trunk_is_given_the_contact_for_the_way_to_it() -> None:
    listen = EdgeListen(host=HOST, port=5060)
    settings = EdgeSettings(
        folder=Path(), listens=(listen,), worker_first=7000, workers=1, public_host="203.0.113.1"
    )

    moved = moved_trunk(carrier(RawPeer(), 5060), "198.51.100.7:5060", settings)
    assert moved.registration is not None
    assert (moved.host, moved.registration.contact_address) == ("198.51.100.7", "203.0.113.1:5060")
