"""Every refusal is an RFC 9457 document that tells nothing it should not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from structlog.testing import capture_logs

from ivr.api.fake_app import FakeApp
from ivr.api.models import NodeView
from ivr.api.problems import PROBLEM_JSON
from ivr.api.testing import FakeNode
from ivr.ids import AgentId, CallId

V1 = "/api/v1"


def run(test: Callable[[FakeApp], Awaitable[None]]) -> None:
    """Run a test's coroutine over a fresh application."""

    async def main() -> None:
        await test(FakeApp())

    asyncio.run(main())


def problem(answer: httpx.Response, status: int, title: str) -> dict[str, object]:
    """The document, after a look at what each must have."""
    assert answer.headers["content-type"] == PROBLEM_JSON
    body: dict[str, object] = answer.json()
    assert (answer.status_code, body["status"], body["title"]) == (status, status, title)
    assert body["type"]
    return body


def test_no_token() -> None:
    async def test(fake: FakeApp) -> None:
        async with fake.client() as http:
            answer = await http.get(f"{V1}/agents")
            assert problem(answer, 401, "Unauthorized")["type"] == "about:blank"
            assert answer.headers["www-authenticate"] == 'Bearer realm="ivr"'

    run(test)


def test_no_right() -> None:
    async def test(fake: FakeApp) -> None:
        async with await fake.agent("alice") as http:
            problem(await http.get(f"{V1}/node"), 403, "Forbidden")

    run(test)


def test_no_such_thing_and_no_such_path() -> None:
    async def test(fake: FakeApp) -> None:
        async with fake.operator() as http:
            found = problem(await http.get(f"{V1}/calls/none"), 404, "Not Found")
            assert found["detail"] == "There is no such call."
            problem(await http.get(f"{V1}/nothing"), 404, "Not Found")
            problem(await http.get("/"), 404, "Not Found")
            problem(await http.get("/docs"), 404, "Not Found")

    run(test)


def test_no_such_method() -> None:
    async def test(fake: FakeApp) -> None:
        async with fake.operator() as http:
            answer = await http.delete(f"{V1}/calls/c1/notes")
            problem(answer, 405, "Method Not Allowed")
            assert "GET" in answer.headers["allow"]

    run(test)


def test_a_note_that_was_saved_elsewhere_carries_what_stands_there() -> None:
    async def test(fake: FakeApp) -> None:
        async with await fake.agent("alice") as http:
            await fake.node.ring("alice", "c1")
            await http.put(f"{V1}/calls/c1/notes", json={"text": "first", "revision": 0})
            answer = await http.put(f"{V1}/calls/c1/notes", json={"text": "second", "revision": 0})
            body = problem(answer, 409, "Conflict")
            assert body["type"] == "urn:ivr:problem:revision"
            current = body["current"]
            assert isinstance(current, dict)
            assert (current["text"], current["revision"]) == ("first", 1)

    run(test)


def test_a_refusal_of_the_node() -> None:
    async def test(fake: FakeApp) -> None:
        async with await fake.agent("alice") as http:
            await fake.node.ring("alice", "c1")
            answer = await http.put(f"{V1}/agents/alice/state", json={"state": "ready"})
            body = problem(answer, 409, "Conflict")
            assert (body["type"], body["detail"]) == ("urn:ivr:problem:refused", "The agent is ringing.")
            assert "current" not in body

    run(test)


@pytest.mark.parametrize(
    ("path", "content", "field"),
    [
        ("calls/c1/notes", b'{"text": "secret", "revision": -1}', "body.revision"),
        ("calls/c1/notes", b'{"text": "secret"}', "body.revision"),
        ("calls/c1/notes", b'{"text": "secret", "revision": 0, "more": 1}', "body.more"),
        ("calls/c1/notes", b'{"text": "\\ud800secret", "revision": 0}', "body.text"),
        ("calls/c1/notes", b'{"text": "secret', "body"),
        ("calls/c1/notes", b'"secret"', "body"),
        ("calls/c1/notes", b"\xff\xfesecret", "body"),
        ("calls/c1/notes", b'{"text": "' + b"x" * 32_001 + b'", "revision": 0}', "body.text"),
        ("agents/alice/state", b'{"state": "talking", "reason": "secret"}', "body.state"),
        ("agents/alice/state", b'{"state": "secret"}', "body.state"),
        (f"calls/{'c' * 129}/notes", b'{"text": "", "revision": 0}', "path.call_id"),
    ],
)
def test_what_is_wrong_is_named_and_not_echoed(path: str, content: bytes, field: str) -> None:
    async def test(fake: FakeApp) -> None:
        async with await fake.agent("alice") as http:
            await fake.node.ring("alice", "c1")
            headers = {"content-type": "application/json"}
            answer = await http.put(f"{V1}/{path}", content=content, headers=headers)
            errors = problem(answer, 422, "Unprocessable Content")["errors"]
            assert isinstance(errors, list)
            assert any(error["field"].startswith(field) for error in errors)
            assert "secret" not in answer.text

    run(test)


def test_a_password_is_never_echoed() -> None:
    async def test(fake: FakeApp) -> None:
        async with fake.client() as http:
            body = {"agent": "alice", "password": "hunter2" * 100}
            answer = await http.post(f"{V1}/sessions", json=body)
            problem(answer, 422, "Unprocessable Content")
            assert "hunter2" not in answer.text

    run(test)


def test_a_query_out_of_bounds() -> None:
    async def test(fake: FakeApp) -> None:
        async with fake.operator() as http:
            for limit in ("0", "1001", "x", "-1"):
                problem(await http.get(f"{V1}/calls?limit={limit}"), 422, "Unprocessable Content")

    run(test)


def test_sign_in_answers_the_same_to_a_wrong_password_and_an_unknown_agent() -> None:
    asked: list[str] = []

    class Asked(FakeNode):
        async def verify_agent(self, agent_id: AgentId, password: str) -> bool:
            asked.append(agent_id)
            return await super().verify_agent(agent_id, password)

    async def main() -> None:
        async with FakeApp(Asked).client() as http:
            wrong = await http.post(f"{V1}/sessions", json={"agent": "alice", "password": "x"})
            unknown = await http.post(f"{V1}/sessions", json={"agent": "nobody", "password": "x"})
        problem(wrong, 401, "Unauthorized")
        assert unknown.content == wrong.content
        assert unknown.status_code == wrong.status_code
        assert asked == ["alice", "nobody"]  # The unknown one takes as long.

    asyncio.run(main())


def test_a_right_password_of_an_agent_that_the_node_no_longer_has() -> None:
    class Gone(FakeNode):
        async def verify_agent(self, agent_id: AgentId, password: str) -> bool:
            return True

    async def main() -> None:
        async with FakeApp(Gone).client() as http:
            answer = await http.post(f"{V1}/sessions", json={"agent": "nobody", "password": "x"})
            problem(answer, 401, "Unauthorized")

    asyncio.run(main())


def test_too_many_sign_ins() -> None:
    async def test(fake: FakeApp) -> None:
        async with fake.client() as http, fake.client(source="192.0.2.1") as elsewhere:
            wrong, right = ({"agent": "alice", "password": word} for word in ("x", "alice"))
            statuses = [(await http.post(f"{V1}/sessions", json=wrong)).status_code for _ in range(6)]
            assert statuses == [401] * 5 + [429]
            fake.clock.advance(20)
            answer = await http.post(f"{V1}/sessions", json=right)
            problem(answer, 429, "Too Many Requests")
            assert answer.headers["retry-after"] == "40"
            assert (await elsewhere.post(f"{V1}/sessions", json=right)).status_code == 201
            fake.clock.advance(40)
            assert (await http.post(f"{V1}/sessions", json=right)).status_code == 201

    run(test)


def test_a_fault_is_logged_and_told_to_nobody() -> None:
    class Broken(FakeNode):
        async def node(self) -> NodeView:
            raise RuntimeError("secret of the inside")

    async def main() -> httpx.Response:
        async with FakeApp(Broken).operator() as http:
            return await http.get(f"{V1}/node")

    with capture_logs() as logs:
        answer = asyncio.run(main())
    problem(answer, 500, "Internal Server Error")
    assert "secret" not in answer.text
    faults = [entry for entry in logs if entry["event"] == "api_fault"]
    assert [(fault["path"], fault["log_level"]) for fault in faults] == [(f"{V1}/node", "error")]


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_too_large_is_refused_unread(announced: bool) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b"x" * 10_000

    async def test(fake: FakeApp) -> None:
        async with fake.client() as http:
            headers = {"content-length": "10000000"} if announced else {}
            answer = await http.post(f"{V1}/sessions", content=chunks(), headers=headers)
            problem(answer, 413, httpx.codes(413).name.replace("_", " ").title())
            assert sent < 30

    run(test)


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "x", "١٢"])
def test_a_content_length_that_is_none(length: str) -> None:
    async def test(fake: FakeApp) -> None:
        async with fake.operator() as http:
            headers = [(b"content-length", length.encode())]
            answer = await http.request("PUT", f"{V1}/calls/c1/notes", content=b"x", headers=headers)
            assert answer.status_code == 413

    run(test)


def test_ids_of_all_kinds_do_no_harm() -> None:
    async def test(fake: FakeApp) -> None:
        async with fake.operator() as http:
            for hostile in ("..%2f..%2fetc%2fpasswd", "%00", "%0d%0aX: y", "<b>", "'%20OR%201=1", "%ff"):
                answer = await http.get(f"{V1}/calls/{hostile}")
                problem(answer, 404, "Not Found")
                assert "x" not in answer.headers
            assert await fake.node.call(CallId("none")) is None

    run(test)
