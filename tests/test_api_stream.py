"""The event stream over a real server and real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ivr.api.models import AgentStatus, TrunkView
from ivr.api.stream import SESSION_OVER, TRY_AGAIN_LATER, EventHub
from ivr.api.testing import FakeNode, RunningFake, fake_node
from ivr.ids import AgentId, CallId
from ivr.testing.clock import ManualClock

ALICE = AgentId("alice")
DEADLINE_S = 30


def run(test: Callable[[RunningFake], Awaitable[None]], hub: EventHub | None = None) -> None:
    """Run a test's coroutine over a running fake node."""

    async def main() -> None:
        async with asyncio.timeout(DEADLINE_S), fake_node(clock=ManualClock(), hub=hub) as fake:
            await test(fake)

    asyncio.run(main())


def listen(
    fake: RunningFake, token: str | None, after: int | str | None = None, *, max_queue: int | None = None
) -> connect:
    """Connect to the stream; with a small `max_queue`, not reading is soon felt by the server."""
    query = "" if after is None else f"?after={after}"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return connect(
        fake.url.replace("http", "ws") + "/api/v1/events" + query,
        additional_headers=headers,
        max_queue=max_queue,
        compression=None,
        proxy=None,
    )


async def read(stream: ClientConnection) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(await stream.recv())
    return event


async def signed_in(fake: RunningFake, name: str) -> str:
    agent_id = AgentId(name)
    await fake.node.sign_in(agent_id)
    await fake.node.set_agent_state(agent_id, AgentStatus.READY, None)
    return fake.sessions.open(agent_id)


def trunk(reason: str = "OK") -> TrunkView:
    return TrunkView(name="t", uri="sip:t", register=True, state="registered", code=200, reason=reason)


def test_the_first_message_is_a_snapshot_and_then_events_follow() -> None:
    async def test(fake: RunningFake) -> None:
        await signed_in(fake, "alice")
        await fake.node.arrive("c1")
        async with listen(fake, fake.operator_token) as stream:
            snapshot = await read(stream)
            assert (snapshot["type"], snapshot["seq"]) == ("snapshot", fake.hub.seq)
            assert [view["id"] for view in snapshot["agents"]] == ["alice", "bob"]
            assert [view["name"] for view in snapshot["queues"]] == ["Support"]
            assert [call["call_id"] for call in snapshot["calls"]] == ["c1"]
            fake.hub.trunk_changed(trunk())
            event = await read(stream)
            assert (event["type"], event["seq"]) == ("trunk", snapshot["seq"] + 1)
            assert event["time"]
            assert event["call_id"] is None

    run(test)


def test_an_agents_stream_tells_nothing_of_the_calls_of_others() -> None:
    async def test(fake: RunningFake) -> None:
        alice, bob = await signed_in(fake, "alice"), await signed_in(fake, "bob")
        await fake.node.ring("alice", "c1")
        async with listen(fake, bob) as stream, listen(fake, alice) as own:
            snapshot = await read(stream)
            assert snapshot["calls"] == []
            assert [view["call"] for view in snapshot["agents"]] == [None, None]
            mine = await read(own)
            assert [call["call_id"] for call in mine["calls"]] == ["c1"]
            assert mine["agents"][0]["call"]["call_id"] == "c1"
            await fake.node.connect(CallId("c1"))
            await fake.node.set_agent_state(AgentId("bob"), AgentStatus.NOT_READY, "end of test")
            seen: list[dict[str, Any]] = []
            while not (seen and seen[-1].get("agent", {}).get("reason") == "end of test"):
                seen.append(await read(stream))
            assert [event["type"] for event in seen] == ["agent", "queue", "agent"]
            assert "Maria" not in json.dumps(seen)
            assert "c1" not in json.dumps(seen)

    run(test)


def test_resuming_gives_what_was_missed_and_no_snapshot() -> None:
    async def test(fake: RunningFake) -> None:
        async with listen(fake, fake.operator_token) as stream:
            last = (await read(stream))["seq"]
        fake.hub.trunk_changed(trunk("one"))
        fake.hub.trunk_changed(trunk("two"))
        async with listen(fake, fake.operator_token, last) as stream:
            assert [(await read(stream))["trunk"]["reason"] for _ in range(2)] == ["one", "two"]
            fake.hub.trunk_changed(trunk("three"))
            assert (await read(stream))["seq"] == last + 3

    run(test)


@pytest.mark.parametrize("after", [0, 1, 2**60, "x", "-1", "9" * 30, "١٢"])
def test_a_number_that_is_not_kept_gives_a_snapshot(after: int | str) -> None:
    async def test(fake: RunningFake) -> None:
        fake.hub.trunk_changed(trunk())
        async with listen(fake, fake.operator_token, after) as stream:
            assert (await read(stream))["type"] == "snapshot"

    run(test)


@pytest.mark.parametrize("token", [None, "wrong"])
def test_without_a_token_there_is_no_stream(token: str | None) -> None:
    async def test(fake: RunningFake) -> None:
        with pytest.raises(InvalidStatus) as refused:
            await listen(fake, token)
        assert refused.value.response.status_code == 401
        assert refused.value.response.headers["www-authenticate"] == 'Bearer realm="ivr"'
        assert json.loads(refused.value.response.body or b"")["status"] == 401

    run(test)


def test_too_many_listeners_are_refused() -> None:
    async def test(fake: RunningFake) -> None:
        async with listen(fake, fake.operator_token) as stream:
            await read(stream)
            with pytest.raises(InvalidStatus) as refused:
                await listen(fake, fake.operator_token)
            assert refused.value.response.status_code == 503

    run(test, EventHub(ManualClock(), each=1))


def test_a_client_that_does_not_read_is_closed_and_can_resume() -> None:
    async def test(fake: RunningFake) -> None:
        token = fake.operator_token
        async with listen(fake, token, max_queue=1) as slow, listen(fake, token) as quick:
            last = (await read(slow))["seq"]
            await read(quick)
            for _ in range(400):  # 40 MB: more than the buffers on the way take.
                fake.hub.trunk_changed(trunk("x" * 100_000))
                await read(quick)
            heard, code = await read_to_the_end(slow)
            assert code == TRY_AGAIN_LATER
            assert [event["seq"] for event in heard] == list(range(last + 1, last + len(heard) + 1))
            last += len(heard)
            assert last < fake.hub.seq
        async with listen(fake, fake.operator_token, last) as again:
            assert (await read(again))["seq"] == last + 1

    run(test, EventHub(ManualClock(), queue=4))


def test_what_a_client_sends_is_dropped() -> None:
    async def test(fake: RunningFake) -> None:
        async with listen(fake, fake.operator_token) as stream:
            await read(stream)
            for text in ("hello", "{}", b"\x00\xff"):
                await stream.send(text)
            fake.hub.trunk_changed(trunk())
            assert (await read(stream))["type"] == "trunk"

    run(test)


def test_signing_out_closes_the_stream() -> None:
    async def test(fake: RunningFake) -> None:
        async with listen(fake, await signed_in(fake, "alice")) as stream:
            await read(stream)
            fake.hub.end_session(ALICE)
            assert (await read_to_the_end(stream))[1] == SESSION_OVER

    run(test)


def test_a_stream_ends_with_its_session() -> None:
    async def main() -> None:
        clock = ManualClock()
        async with asyncio.timeout(DEADLINE_S), fake_node(clock=clock) as fake:
            token = await signed_in(fake, "alice")
            clock.advance(12 * 3600 - 0.05)
            async with listen(fake, token) as stream:
                assert (await read_to_the_end(stream))[1] == SESSION_OVER

    asyncio.run(main())


def test_a_client_that_goes_is_forgotten() -> None:
    async def test(fake: RunningFake) -> None:
        async with listen(fake, fake.operator_token) as stream:
            await read(stream)
            assert fake.hub.listening == 1
        # One listener is allowed: the next is let in once the first is forgotten.
        while True:
            try:
                async with listen(fake, fake.operator_token) as stream:
                    assert (await read(stream))["type"] == "snapshot"
                    return
            except InvalidStatus:
                continue

    run(test, EventHub(ManualClock(), each=1))


def test_a_node_that_fails_gives_no_stream_and_a_line_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(node: FakeNode, limit: int) -> list[object]:
        raise RuntimeError("database gone")

    async def test(fake: RunningFake) -> None:
        with pytest.raises(InvalidStatus) as refused:
            await listen(fake, fake.operator_token)
        assert refused.value.response.status_code == 500
        assert fake.hub.listening == 0

    monkeypatch.setattr(FakeNode, "calls", fail)
    with capture_logs() as logs:
        run(test)
    assert [entry["kind"] for entry in logs if entry["event"] == "api_fault"] == ["websocket"]


async def read_to_the_end(stream: ClientConnection) -> tuple[list[dict[str, Any]], int | None]:
    """All events until the server closes, and its code."""
    events = []
    try:
        while True:
            events.append(await read(stream))
    except ConnectionClosed as closed:
        return events, closed.rcvd.code if closed.rcvd else None
