"""The client over a real server: every verb, every error, and a stream that survives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import httpx
import pytest

from ivr.api.app import create_api
from ivr.api.auth import Sessions
from ivr.api.client import ApiClient
from ivr.api.client_stream import Backoff, EventSource
from ivr.api.errors import ApiRefused, Conflict, NodeUnreachable
from ivr.api.models import AgentStatus, CallStage, OutboxView, PopOutcome, StreamEvent, TrunkView
from ivr.api.server import ApiServer
from ivr.api.stream import EventHub
from ivr.api.testing import OPERATOR_TOKEN, FakeNode, RunningFake, fake_node
from ivr.ids import CallId
from ivr.testing.clock import ManualClock

DEADLINE_S = 30
HOSTILE = "<img src=x onerror=alert(1)> ' \" \\ \u202e\u0000\r\n 안녕 🙂 "


def run(test: Callable[[RunningFake], Awaitable[None]]) -> None:
    """Run a test's coroutine over a running fake node."""

    async def main() -> None:
        async with asyncio.timeout(DEADLINE_S), fake_node(clock=ManualClock()) as fake:
            await test(fake)

    asyncio.run(main())


def trunk(reason: str) -> TrunkView:
    return TrunkView(name="t", uri="sip:t", register=True, state="registered", code=200, reason=reason)


async def read_to_the_end(events: AsyncGenerator[StreamEvent, None]) -> None:
    async for event in events:
        assert event.type in ("agent", "queue")


def test_an_agents_day() -> None:
    async def test(fake: RunningFake) -> None:
        async with ApiClient(fake.url) as api:
            session = await api.sign_in("alice", "alice")
            assert api.token == session.token
            assert (await api.set_state("alice", AgentStatus.READY)).status is AgentStatus.READY
            await fake.node.ring("alice", "c 1 ü?#")  # Ids of any kind get through.
            assert (await api.call("c 1 ü?#")).agent == "alice"
            assert (await api.queues())[0].calls == ()
            assert (await api.queue("Support")).agents_signed_in == 1
            assert [view.id for view in await api.agents()] == ["alice", "bob"]
            await api.sign_out()
            assert api.token is None

    run(test)


def test_a_call_from_ring_to_end_of_wrap_up() -> None:
    async def test(fake: RunningFake) -> None:
        async with ApiClient(fake.url) as api:
            await api.sign_in("alice", "alice")
            await api.set_state("alice", AgentStatus.READY)
            await fake.node.ring("alice", "c1")
            await fake.node.connect(CallId("c1"))
            pop_id = await fake.node.pop(CallId("c1"))
            await api.acknowledge_pop("c1", pop_id, PopOutcome.OPENED)
            await api.set_variable("c1", "disposition", HOSTILE)
            saved = await api.save_note("c1", HOSTILE, 0)
            assert (saved.text, saved.revision) == (HOSTILE, 1)
            assert await api.note("c1") == saved
            held = (await api.me()).call
            assert held is not None
            assert held.screen_pop is not None
            assert (held.screen_pop.outcome, held.variables[1].value) == (PopOutcome.OPENED, HOSTILE)
            await fake.node.end(CallId("c1"))
            await api.end_wrap_up("c1")
            call = await api.call("c1")
            assert (call.stage, call.ending, call.notes) == (CallStage.ENDED, "caller_hung_up", (saved,))
            assert [summary.call_id for summary in await api.calls()] == ["c1"]
            assert [c.call_id for c in await api.calls(text="+1 (415)", ending="caller_hung_up")] == ["c1"]
            assert await api.calls(before="c1") == []

    run(test)


def test_the_operators_verbs() -> None:
    async def test(fake: RunningFake) -> None:
        fake.node.trunk_views.append(trunk("OK"))
        fake.node.outbox_views[3] = OutboxView(
            id=3,
            call_id="c",
            operation="comment",
            state="dead",
            attempts=1,
            due_at=None,
            error="",
            result=None,
        )
        await fake.node.arrive("c1")
        async with ApiClient(fake.url + "/", fake.operator_token) as api:
            assert await api.trunks() == [trunk("OK")]
            assert (await api.node()).calls == 1
            assert [row.id for row in await api.outbox()] == [3]
            assert (await api.retry_outbox(3)).state == "due"
            await api.hang_up("c1")
            assert fake.node.hung_up == ["c1"]
            assert "ivr_calls_active 0" in await api.metrics()
            assert await api.ready() == []
            fake.node.reasons.append("draining")
            assert await api.ready() == ["draining"]

    run(test)


def test_a_note_saved_elsewhere_is_a_conflict_with_what_stands_there() -> None:
    async def test(fake: RunningFake) -> None:
        await fake.node.arrive("c1")
        async with ApiClient(fake.url, fake.operator_token) as api:
            first = await api.save_note("c1", "first", 0)
            with pytest.raises(Conflict) as conflict:
                await api.save_note("c1", "second", 0)
            assert conflict.value.current == first

    run(test)


def test_refusals_carry_the_problem() -> None:
    async def test(fake: RunningFake) -> None:
        async with ApiClient(fake.url, fake.operator_token) as api:
            with pytest.raises(ApiRefused) as refused:
                await api.call("a/b ü%")
            assert (refused.value.status, refused.value.detail) == (404, "Not Found")
            with pytest.raises(ApiRefused, match="There is no such call"):
                await api.call("none")
            await fake.node.arrive("c1")
            with pytest.raises(ApiRefused, match="No agent holds this call"):
                await api.end_wrap_up("c1")
        async with ApiClient(fake.url) as nobody:
            with pytest.raises(ApiRefused, match="password is wrong") as refused:
                await nobody.sign_in("alice", "wrong")
            assert refused.value.status == 401
            assert nobody.token is None

    run(test)


def test_sign_in_attempts_count_for_the_browser_behind_a_page() -> None:
    async def test(fake: RunningFake) -> None:
        async with ApiClient(fake.url) as api:
            for _ in range(5):
                with pytest.raises(ApiRefused):
                    await api.sign_in("alice", "wrong", forwarded_for="192.0.2.1")
            with pytest.raises(ApiRefused) as refused:
                await api.sign_in("alice", "alice", forwarded_for="192.0.2.1")
            assert refused.value.status == 429
            assert (await api.sign_in("alice", "alice", forwarded_for="192.0.2.2")).agent == "alice"

    run(test)


def test_nobody_answers() -> None:
    async def main() -> None:
        async with fake_node(clock=ManualClock()) as fake:
            url = fake.url
        async with ApiClient(url, "x") as api:
            with pytest.raises(NodeUnreachable, match=url):
                await api.node()
            with pytest.raises(NodeUnreachable, match=url):
                async with aclosing(api.events(attempts=1)) as events:
                    await anext(events)

    asyncio.run(main())


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (502, b"<html>Bad gateway"), (200, b"[]")])
def test_an_answer_that_is_not_a_nodes(status: int, body: bytes) -> None:
    async def main() -> None:
        transport = httpx.MockTransport(lambda request: httpx.Response(status, content=body))
        async with ApiClient("http://elsewhere", "x", transport=transport) as api:
            with pytest.raises(ApiRefused, match="is the address right") as refused:
                await api.node()
            assert refused.value.status == status

    asyncio.run(main())


def test_events_come_typed_after_a_snapshot() -> None:
    async def test(fake: RunningFake) -> None:
        async with ApiClient(fake.url, fake.operator_token) as api, aclosing(api.events()) as events:
            snapshot = await anext(events)
            assert snapshot.type == "snapshot"
            await fake.node.arrive("c1")
            event = await anext(events)
            assert (event.type, event.call_id, event.seq) == ("call", "c1", snapshot.seq + 1)
            assert event.model_extra is not None
            assert event.model_extra["call"]["stage"] == "treatment"
            async with aclosing(api.events(after=snapshot.seq)) as again:
                assert (await anext(again)).seq == snapshot.seq + 1

    run(test)


def test_a_refused_token_ends_the_stream() -> None:
    async def test(fake: RunningFake) -> None:
        async with ApiClient(fake.url, "wrong") as api, aclosing(api.events()) as events:
            with pytest.raises(ApiRefused) as refused:
                await anext(events)
            assert refused.value.status == 401

    run(test)


def test_signing_out_ends_the_stream() -> None:
    async def test(fake: RunningFake) -> None:
        async with ApiClient(fake.url) as api:
            await api.sign_in("alice", "alice")
            async with aclosing(api.events()) as events:
                assert (await anext(events)).type == "snapshot"
                await api.sign_out()
                with pytest.raises(ApiRefused, match="session is over"):
                    await read_to_the_end(events)

    run(test)


def test_a_stream_goes_on_where_it_was_when_the_server_comes_back() -> None:
    async def main() -> None:
        clock = ManualClock()
        hub = EventHub(clock)
        app = create_api(FakeNode(hub, clock), Sessions(clock), hub, OPERATOR_TOKEN)
        waits: list[float] = []
        waiting, back = asyncio.Event(), asyncio.Event()
        states: list[bool] = []

        async def sleep(seconds: float) -> None:
            waits.append(seconds)
            waiting.set()
            await back.wait()

        async with ApiServer(app, "127.0.0.1", 0) as server:
            port = server.port
            source = EventSource(server.url, lambda: OPERATOR_TOKEN, on_connection=states.append, sleep=sleep)
            events = source.events(None)
            first = await anext(events)
        assert first.type == "snapshot"
        coming = asyncio.ensure_future(anext(events))
        await waiting.wait()
        assert states == [True, False]
        hub.trunk_changed(trunk("missed"))
        async with aclosing(events), ApiServer(app, "127.0.0.1", port):
            back.set()
            missed = await coming
            assert (missed.type, missed.seq) == ("trunk", first.seq + 1)
            assert states == [True, False, True]
            hub.trunk_changed(trunk("live"))
            assert (await anext(events)).seq == first.seq + 2
        assert len(waits) == 1

    async def bounded() -> None:
        async with asyncio.timeout(DEADLINE_S):
            await main()

    asyncio.run(bounded())


def test_waits_between_tries_grow_to_a_bound_and_begin_anew() -> None:
    backoff = Backoff(first_s=1.0, most_s=8.0)
    waits = [backoff.failed() for _ in range(50)]
    for wait, whole in zip(waits, [1, 2, 4, 8, 8], strict=False):
        assert whole / 2 <= wait <= whole
    assert max(waits) <= 8
    backoff.succeeded()
    assert backoff.failed() <= 1
