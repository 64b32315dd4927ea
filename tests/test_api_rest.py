"""Every route does what it says, over a fake node."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ivr.api.fake_app import FakeApp
from ivr.api.fake_flows import FLOW
from ivr.api.models import AgentStatus, MatchView, OutboxView, RecordView, TrunkView
from ivr.api.testing import OPERATOR_TOKEN
from ivr.ids import AgentId, CallId

V1 = "/api/v1"
HOSTILE = [
    "<script>alert(1)</script>",
    "' OR Name LIKE '%",
    "{{ 7*7 }} ${7*7}",
    "\r\nX-Injected: yes\r\n",
    "\u202egnp.exe\u202c \u200b",
    "../../etc/passwd\x00",
    "안녕하세요 🙂",
    " leading and trailing \t\n",
]


def run(test: Callable[[FakeApp], Awaitable[None]]) -> None:
    """Run a test's coroutine over a fresh application."""

    async def main() -> None:
        await test(FakeApp())

    asyncio.run(main())


def trunk() -> TrunkView:
    return TrunkView(name="carrier", uri="sip:a@b", register=True, state="registered", code=200, reason="OK")


def row(state: str) -> OutboxView:
    return OutboxView(
        id=7,
        call_id="c",
        operation="comment",
        state=state,
        attempts=3,
        due_at=None,
        error="timeout",
        result=None,
    )


def test_signing_in_makes_the_agent_known_and_gives_a_session() -> None:
    async def test(fake: FakeApp) -> None:
        async with fake.client() as http:
            answer = await http.post(f"{V1}/sessions", json={"agent": "alice", "password": "alice"})
            assert answer.status_code == 201
            session = answer.json()
            assert (session["agent"], session["name"]) == ("alice", "Alice")
            me = await http.get(f"{V1}/me", headers={"Authorization": f"Bearer {session['token']}"})
            assert me.json()["status"] == "not_ready"

    run(test)


def test_signing_in_again_leaves_an_agent_as_it_is() -> None:
    async def test(fake: FakeApp) -> None:
        async with await fake.agent("alice") as first, fake.client() as http:
            await fake.node.connect(await fake.node.ring("alice"))
            await http.post(f"{V1}/sessions", json={"agent": "alice", "password": "alice"})
            assert (await first.get(f"{V1}/me")).json()["status"] == "talking"

    run(test)


def test_signing_out_ends_every_session_of_the_agent() -> None:
    async def test(fake: FakeApp) -> None:
        async with await fake.agent("alice") as one, await fake.agent("alice") as other:
            assert (await one.delete(f"{V1}/sessions/current")).status_code == 204
            assert (await other.get(f"{V1}/me")).status_code == 401
            view = await fake.node.agent(AgentId("alice"))
            assert view is not None
            assert view.status is AgentStatus.SIGNED_OUT

    run(test)


def test_a_session_ends_by_time() -> None:
    async def test(fake: FakeApp) -> None:
        async with await fake.agent("alice") as http:
            fake.clock.advance(12 * 3600 + 1)
            assert (await http.get(f"{V1}/me")).status_code == 401

    run(test)


def test_me_carries_the_call() -> None:
    async def test(fake: FakeApp) -> None:
        async with await fake.agent("alice") as http:
            call_id = await fake.node.ring("alice")
            me = (await http.get(f"{V1}/me")).json()
            assert (me["status"], me["call"]["call_id"]) == ("ringing", call_id)
            assert me["call"]["match"]["cases"][0]["number"] == "00001042"

    run(test)


def test_an_agent_sets_its_state() -> None:
    async def test(fake: FakeApp) -> None:
        async with await fake.agent("alice") as http:
            away = {"state": "not_ready", "reason": "lunch"}
            answer = await http.put(f"{V1}/agents/alice/state", json=away)
            assert (answer.json()["status"], answer.json()["reason"]) == ("not_ready", "lunch")
            back = {"state": "ready", "reason": "left over"}
            answer = await http.put(f"{V1}/agents/alice/state", json=back)
            assert (answer.json()["status"], answer.json()["reason"]) == ("ready", None)

    run(test)


def test_agents_are_listed_with_calls_for_those_who_may() -> None:
    async def test(fake: FakeApp) -> None:
        async with (
            await fake.agent("alice") as alice,
            await fake.agent("bob") as bob,
            fake.operator() as operator,
        ):
            await fake.node.ring("alice")
            calls = {}
            for name, http in {"alice": alice, "bob": bob, "operator": operator}.items():
                agents = (await http.get(f"{V1}/agents")).json()
                calls[name] = {view["id"]: view["call"] is not None for view in agents}
            assert calls["alice"] == {"alice": True, "bob": False}
            assert calls["bob"] == {"alice": False, "bob": False}
            assert calls["operator"] == {"alice": True, "bob": False}

    run(test)


def test_queues_show_numbers_to_agents_and_calls_to_the_operator() -> None:
    async def test(fake: FakeApp) -> None:
        await fake.node.enqueue(await fake.node.arrive("c1"))
        async with await fake.agent("alice") as alice, fake.operator() as operator:
            for path, pick in ((f"{V1}/queues", 0), (f"{V1}/queues/Support", None)):
                seen = (await alice.get(path)).json()
                whole = (await operator.get(path)).json()
                seen, whole = (seen[0], whole[0]) if pick == 0 else (seen, whole)
                assert (seen["waiting"], seen["calls"]) == (1, [])
                assert whole["calls"][0]["call_id"] == "c1"

    run(test)


def test_calls_are_listed_newest_first_and_cut() -> None:
    async def test(fake: FakeApp) -> None:
        for name in ("c1", "c2", "c3"):
            await fake.node.arrive(name)
        async with fake.operator() as http:
            calls = (await http.get(f"{V1}/calls", params={"limit": 2})).json()
            assert [call["call_id"] for call in calls] == ["c3", "c2"]

    run(test)


def test_an_agent_lists_the_calls_that_it_took() -> None:
    async def test(fake: FakeApp) -> None:
        await fake.node.arrive("others")
        async with await fake.agent("alice") as http:
            await fake.node.ring("alice", "mine")
            calls = (await http.get(f"{V1}/calls")).json()
            assert [call["call_id"] for call in calls] == ["mine"]

    run(test)


def test_an_agents_page_of_calls_is_full_however_many_others_took() -> None:
    """What it took is asked for, and not looked for among the newest of all."""

    async def test(fake: FakeApp) -> None:
        async with await fake.agent("alice") as http:
            await fake.node.ring("alice", "mine")
            for _ in range(5):
                await fake.node.arrive()
            calls = (await http.get(f"{V1}/calls", params={"limit": 2})).json()
            assert [call["call_id"] for call in calls] == ["mine"]

    run(test)


def test_calls_are_paged_and_searched() -> None:
    """Each page goes on from the last call of the one before."""

    async def test(fake: FakeApp) -> None:
        for number in range(5):
            await fake.node.arrive(f"c{number}", number=f"+1 415 555 010{number}")
        await fake.node.end(CallId("c1"), "failed")
        async with fake.operator() as http:

            async def found(**params: str | int) -> list[str]:
                return [call["call_id"] for call in (await http.get(f"{V1}/calls", params=params)).json()]

            assert await found(limit=2, before="c3") == ["c2", "c1"]
            assert await found(before="c0") == []
            assert await found(text="(555) 0104") == await found(text=" 0104 ") == ["c4"]
            assert await found(ending="failed") == ["c1"]
            assert (await http.get(f"{V1}/calls", params={"before": "none"})).status_code == 404

    run(test)


def test_an_agent_goes_on_from_its_own_calls_only() -> None:
    async def test(fake: FakeApp) -> None:
        await fake.node.arrive("others")
        async with await fake.agent("alice") as http:
            assert (await http.get(f"{V1}/calls", params={"before": "others"})).status_code == 403

    run(test)


def test_a_call_is_shown_with_its_timeline() -> None:
    async def test(fake: FakeApp) -> None:
        async with await fake.agent("alice") as http:
            await fake.node.connect(await fake.node.ring("alice", "c1"))
            call = (await http.get(f"{V1}/calls/c1")).json()
            assert [entry["event"] for entry in call["timeline"]] == ["incoming", "offered", "connected"]
            assert call["record"] == {"call_id": "c1", "flow": FLOW, "flow_version": "1"}

    run(test)


def test_the_operator_hangs_up() -> None:
    async def test(fake: FakeApp) -> None:
        await fake.node.arrive("c1")
        async with fake.operator() as http:
            assert (await http.post(f"{V1}/calls/c1/hangup")).status_code == 204
            assert fake.node.hung_up == [CallId("c1")]
            assert (await http.post(f"{V1}/calls/c1/hangup")).status_code == 409

    run(test)


@pytest.mark.parametrize("text", [*HOSTILE, "", "x" * 32_000])
def test_a_note_comes_back_as_it_was_written(text: str) -> None:
    async def test(fake: FakeApp) -> None:
        async with await fake.agent("alice") as http:
            await fake.node.connect(await fake.node.ring("alice", "c1"))
            saved = await http.put(f"{V1}/calls/c1/notes", json={"text": text, "revision": 0})
            assert (saved.status_code, saved.json()["revision"]) == (200, 1)
            assert (await http.get(f"{V1}/calls/c1/notes")).json()["text"] == text
            assert (await http.get(f"{V1}/me")).json()["call"]["note"]["text"] == text

    run(test)


def test_wrap_up_ends_and_the_agent_still_sees_its_call() -> None:
    async def test(fake: FakeApp) -> None:
        async with await fake.agent("alice") as http:
            await fake.node.connect(await fake.node.ring("alice", "c1"))
            assert (await http.post(f"{V1}/calls/c1/wrap-up")).status_code == 409
            await fake.node.end(CallId("c1"))
            assert (await http.post(f"{V1}/calls/c1/wrap-up")).status_code == 204
            me = (await http.get(f"{V1}/me")).json()
            assert (me["status"], me["call"]) == ("ready", None)
            assert (await http.get(f"{V1}/calls/c1")).json()["stage"] == "ended"
            late = await http.put(f"{V1}/calls/c1/notes", json={"text": "late", "revision": 0})
            assert late.status_code == 409  # The node's word, not a matter of rights.

    run(test)


def test_the_operator_ends_wrap_up_in_the_agents_name() -> None:
    async def test(fake: FakeApp) -> None:
        async with await fake.agent("alice") as alice, fake.operator() as http:
            await fake.node.connect(await fake.node.ring("alice", "c1"))
            await fake.node.end(CallId("c1"))
            assert (await http.post(f"{V1}/calls/c1/wrap-up")).status_code == 204
            assert (await alice.get(f"{V1}/me")).json()["status"] == "ready"
            assert (await http.post(f"{V1}/calls/c1/wrap-up")).status_code == 409
            assert (await http.post(f"{V1}/calls/none/wrap-up")).status_code == 404

    run(test)


def test_variables_are_set_where_they_may_be() -> None:
    async def test(fake: FakeApp) -> None:
        async with await fake.agent("alice") as http:
            await fake.node.ring("alice", "c1")
            path = f"{V1}/calls/c1/variables"
            assert (await http.put(f"{path}/disposition", json={"value": "sold"})).status_code == 204
            variables = (await http.get(f"{V1}/me")).json()["call"]["variables"]
            assert variables[1]["value"] == "sold"
            assert (await http.put(f"{path}/caseNumber", json={"value": "1"})).status_code == 409
            assert (await http.put(f"{path}/other", json={"value": "1"})).status_code == 404

    run(test)


def test_one_of_the_candidates_is_chosen() -> None:
    async def test(fake: FakeApp) -> None:
        async with await fake.agent("alice") as http:
            jo = RecordView(object="Contact", id="003000000000002AAA", name="Jo", url="", account="Farms")
            await fake.node.ring("alice", "c1", MatchView(result="many", candidates=(jo,)))
            path, chosen = f"{V1}/calls/c1/caller", {"object": "Contact", "id": jo.id}
            assert (await http.put(path, json=chosen)).status_code == 409, "it rings"
            await fake.node.connect(CallId("c1"))
            stranger = await http.put(path, json={**chosen, "id": "003000000000009AAA"})
            assert (stranger.status_code, stranger.json()["type"]) == (409, "urn:ivr:problem:refused")
            for wrong in ({}, {"object": "Contact"}, {**chosen, "id": "0" * 19}, {**chosen, "more": 1}):
                answer = await http.put(path, json=wrong)
                assert (answer.status_code, answer.json()["type"]) == (422, "urn:ivr:problem:invalid")
            answer = await http.put(path, json=chosen)
            assert (answer.status_code, answer.json()["contact"]["name"]) == (200, "Jo")
            held = (await http.get(f"{V1}/me")).json()["call"]
            assert held["match"]["candidates"][0]["account"] == "Farms"
            assert (await http.put(f"{V1}/calls/none/caller", json=chosen)).status_code == 404

    run(test)


def test_a_screen_pop_is_acknowledged() -> None:
    async def test(fake: FakeApp) -> None:
        async with await fake.agent("alice") as http:
            await fake.node.ring("alice", "c1")
            pop_id = await fake.node.pop(CallId("c1"))
            path = f"{V1}/calls/c1/screen-pops"
            assert (await http.put(f"{path}/{pop_id}", json={"outcome": "blocked"})).status_code == 204
            assert (await http.get(f"{V1}/me")).json()["call"]["screen_pop"]["outcome"] == "blocked"
            assert (await http.put(f"{path}/other", json={"outcome": "opened"})).status_code == 404

    run(test)


def test_the_outbox_is_listed_and_retried() -> None:
    async def test(fake: FakeApp) -> None:
        fake.node.outbox_views[7] = row("dead")
        async with fake.operator() as http:
            rows = (await http.get(f"{V1}/outbox")).json()
            assert [(entry["id"], entry["state"]) for entry in rows] == [(7, "dead")]
            assert (await http.post(f"{V1}/outbox/7/retry")).json()["state"] == "due"
            assert (await http.post(f"{V1}/outbox/8/retry")).status_code == 404
            fake.node.outbox_views[7] = row("done")
            assert (await http.post(f"{V1}/outbox/7/retry")).status_code == 409

    run(test)


def test_node_and_trunks() -> None:
    async def test(fake: FakeApp) -> None:
        fake.node.trunk_views.append(trunk())
        async with fake.operator() as http:
            assert (await http.get(f"{V1}/trunks")).json()[0]["register"] is True
            node = (await http.get(f"{V1}/node")).json()
            assert (node["name"], node["trunks"][0]["name"]) == ("fake", "carrier")

    run(test)


def test_health_needs_no_token() -> None:
    async def test(fake: FakeApp) -> None:
        async with fake.client(source="192.0.2.1") as http:
            assert (await http.get("/healthz")).json() == {"status": "ok"}
            assert (await http.get("/readyz")).status_code == 200
            fake.node.reasons.append("no worker is ready")
            answer = await http.get("/readyz")
            assert (answer.status_code, answer.json()["reasons"]) == (503, ["no worker is ready"])
            assert (await http.get("/healthz")).status_code == 200

    run(test)


def test_metrics_are_open_to_this_machine_and_else_to_the_operator() -> None:
    async def status(fake: FakeApp, source: str, headers: dict[str, str]) -> int:
        async with fake.client(source=source) as http:
            return (await http.get("/metrics", headers=headers)).status_code

    async def test(fake: FakeApp) -> None:
        operator = {"Authorization": f"Bearer {OPERATOR_TOKEN}"}
        agent = {"Authorization": f"Bearer {fake.sessions.open(AgentId('alice'))}"}
        assert await status(fake, "127.0.0.1", {}) == 200
        assert await status(fake, "::1", {}) == 200
        assert await status(fake, "127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}) == 401
        assert await status(fake, "192.0.2.1", {}) == 401
        assert await status(fake, "not an address", {}) == 401
        assert await status(fake, "192.0.2.1", agent) == 403
        assert await status(fake, "192.0.2.1", operator) == 200

    run(test)


def test_metrics_are_prometheus_text() -> None:
    async def test(fake: FakeApp) -> None:
        async with fake.client() as http:
            answer = await http.get("/metrics")
            assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert "ivr_calls_active 0" in answer.text

    run(test)


def test_the_schema_names_every_operation_with_tag_and_answer() -> None:
    async def test(fake: FakeApp) -> None:
        async with fake.operator() as http:
            schema: dict[str, Any] = (await http.get(f"{V1}/openapi.json")).json()
        operations = [
            (f"{method} {path}", operation)
            for path, item in schema["paths"].items()
            for method, operation in item.items()
        ]
        assert len(operations) == 27
        for name, operation in operations:
            assert operation["tags"], name
            assert operation["description"], name
        notes = schema["paths"][f"{V1}/calls/{{call_id}}/notes"]["put"]["responses"]
        assert notes["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/NoteView")
        assert "409" in notes

    run(test)
