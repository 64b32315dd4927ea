"""Registrations with digest: reported, refreshed, refused and tried again, given up at the end."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from media.messages import Registrar, Registration
from tests.phones import HOST, LIMIT_S, Line, Phone, connect, free_port, phone, within
from tests.raw_sip import OFFER, Message, RawCall, raw_peer, reply
from tests.registrar import PASSWORD, REALM, USER, DigestServer, digest_server

pytestmark = [pytest.mark.sip, pytest.mark.timeout(90)]


async def reported(node: Phone, code: int, *, past: int = 0, trunk: str = "provider") -> Registration:
    """The first report with that code, after the `past` first."""

    def found() -> Registration | None:
        later = node.registrations[past:]
        return next((event for event in later if (event.code, event.trunk) == (code, trunk)), None)

    return await node.until(found, LIMIT_S)


@asynccontextmanager
async def registered() -> AsyncIterator[tuple[DigestServer, Phone]]:
    """A node that is registered."""
    async with digest_server() as server, phone(registrars=(server.trunk(),)) as node:
        await reported(node, 200)
        yield server, node


def test_registered_with_a_digest_and_forgotten_at_the_end() -> None:
    async def scene() -> None:
        async with digest_server() as server:
            async with phone(registrars=(server.trunk(),)) as node:
                event = await reported(node, 200)
                assert (event.trunk, event.expires_s) == ("provider", 120)
                (first, second) = server.peer.inbox
                assert first.start == second.start == f"REGISTER sip:{REALM} SIP/2.0"
                assert server.knows(second)
                assert PASSWORD not in str(second)
                assert second.header("Contact").startswith(f"<sip:{USER}@{node.address}")
            last = server.peer.inbox[-1]
            assert (last.method, last.header("Expires")) == ("REGISTER", "0")
            assert server.knows(last)

    asyncio.run(scene())


def test_a_wrong_password_is_reported_and_tried_again_until_it_is_right() -> None:
    """The library itself takes a registrar's "no" as its last word."""

    async def scene() -> None:
        async with digest_server() as server:
            server.password = "another"
            async with phone(registrars=(server.trunk(),)) as node:
                event = await reported(node, 401)
                assert event.expires_s == 0
                await reported(node, 401, past=1)
                server.password = PASSWORD
                assert (await reported(node, 200)).expires_s == 120

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("code", "reason"), [(403, "Interdit \udce0 vous"), (404, "Not Found"), (423, "Too Brief")]
)
def test_any_refusal_is_reported_in_clean_text_and_tried_again(code: int, reason: str) -> None:
    async def scene() -> None:
        async with digest_server() as server:
            server.refusal = (code, reason)
            async with phone(registrars=(server.trunk(),)) as node:
                event = await reported(node, code)
                assert event.reason == reason.replace("\udce0", "à")
                server.refusal = None
                await reported(node, 200)
                assert node.restarts == []

    asyncio.run(scene())


def test_a_registrar_that_is_out_of_order_is_tried_again() -> None:
    async def scene() -> None:
        async with digest_server() as server:
            server.refusal = (503, "Service Unavailable")
            async with phone(registrars=(server.trunk(),)) as node:
                assert (await reported(node, 503)).expires_s == 0
                server.refusal = None
                await reported(node, 200)

    asyncio.run(scene())


# --- calls of a trunk that challenges --------------------------------------------------------------------


async def dial_trunk(node: Phone, server: DigestServer) -> tuple[Line, Message]:
    """Call a number through the trunk, up to the INVITE whose digest was right."""
    uri = f"sip:4711@{REALM}"
    line = await node.dial(server.peer.address, uri=uri, trunk="provider")
    invite = await server.peer.until_message(lambda m: m.start.startswith("INVITE") and server.knows(m))
    return line, invite


def test_a_challenged_call_ends_with_the_code_of_its_second_try() -> None:
    async def scene() -> None:
        async with registered() as (server, node):
            line, invite = await dial_trunk(node, server)
            assert invite.header("From").startswith(f"sip:{USER}@{REALM};tag=")
            server.peer.send(reply(invite, 486, "Busy Here"), invite.source)
            ended = await line.ended()
            assert (ended.by, ended.code, ended.reason) == ("peer", 486, "Busy Here")

    asyncio.run(scene())


def test_a_challenged_call_that_was_answered_ends_as_answered() -> None:
    async def scene() -> None:
        async with registered() as (server, node):
            line, invite = await dial_trunk(node, server)
            contact = f"Contact: <sip:4711@{server.peer.address}>"
            answer = reply(invite, 200, "OK", contact, body=OFFER.format(port=9))
            server.peer.send(answer, invite.source)
            await line.answered()
            call = RawCall(server.peer, node.port, call_id=invite.header("Call-ID"))
            call.remote_to = invite.header("From")
            call.send(call.request("BYE", from_header=f"From: {invite.header('To')};tag=peer"))
            ended = await line.ended()
            assert (ended.by, ended.code) == ("peer", 200)

    asyncio.run(scene())


def test_a_trunks_call_reaches_the_contact_that_was_registered() -> None:
    async def scene() -> None:
        async with registered() as (server, node), raw_peer() as other:
            contact = server.peer.inbox[1].header("Contact")
            assert f"@{HOST}:{node.port}" in contact
            call = RawCall(other, node.port)
            invite = call.request("INVITE", body="").replace("sip:service@", f"sip:{USER}@", 1)
            call.send(invite)
            line = await node.rung()
            assert line.incoming is not None
            assert line.incoming.request_uri == f"sip:{USER}@{HOST}:{node.port}"
            await line.leg.hang_up(404, "Not Found")
            await line.ended()

    asyncio.run(scene())


# --- a real registrar ------------------------------------------------------------------------------------

KAMAILIO = """#!KAMAILIO
debug=0
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
listen=udp:{host}:{port}
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("usrloc", "db_mode", 0)
request_route {{
    if (is_method("OPTIONS") && !has_totag()) {{ sl_send_reply("200", "OK"); exit; }}
    if (is_method("REGISTER")) {{
        if (!pv_auth_check("{realm}", "{password}", "0", "1")) {{
            auth_challenge("{realm}", "0");
            exit;
        }}
        consume_credentials();
        save("location");
        exit;
    }}
    if (has_totag()) {{
        loose_route();
        t_relay();
        exit;
    }}
    if (is_method("CANCEL")) {{ t_relay(); exit; }}
    record_route();
    if (!lookup("location")) {{ sl_send_reply("404", "Not Here"); exit; }}
    t_relay();
}}
"""


@asynccontextmanager
async def kamailio(folder: Path, port: int) -> AsyncIterator[None]:
    """Kamailio as registrar of one realm, on the loopback, up when it answers OPTIONS."""
    program = shutil.which("kamailio")
    assert program is not None
    config = folder / "kamailio.cfg"
    config.write_text(KAMAILIO.format(host=HOST, port=port, realm=REALM, password=PASSWORD))
    run = folder / "run"
    run.mkdir()
    arguments = [
        "-f",
        str(config),
        "-DD",
        "-E",
        "-m",
        "16",
        "-M",
        "4",
        "-Y",
        str(run),
        "-P",
        str(run / "pid"),
    ]
    with (folder / "kamailio.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(program, *arguments, stdout=log, stderr=log)
    try:
        await _answers(port, process)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await within(process.wait())


async def _answers(port: int, process: asyncio.subprocess.Process) -> None:
    async with raw_peer() as peer:
        for _ in range(60):
            RawCall(peer, port).send(RawCall(peer, port).request("OPTIONS"))
            try:
                await peer.until_message(lambda message: message.code == 200, 0.5)
            except TimeoutError:
                assert process.returncode is None, "Kamailio has left: see its log"
                continue
            return
        raise AssertionError("Kamailio does not answer")


@pytest.mark.process
@pytest.mark.skipif(shutil.which("kamailio") is None, reason="Kamailio is not installed")
def test_registered_at_kamailio_and_called_through_it(tmp_path: Path) -> None:
    async def scene() -> None:
        port = free_port()
        registrars = tuple(
            Registrar(
                trunk=trunk,
                uri=f"sip:{REALM}",
                address=f"{HOST}:{port}",
                user=USER,
                password=password,
                retry_s=2,
            )
            for trunk, password in (("good", PASSWORD), ("bad", "wrong"))
        )
        async with kamailio(tmp_path, port), phone(registrars=registrars) as node, phone() as caller:
            assert (await reported(node, 200, trunk="good")).expires_s > 0
            assert (await reported(node, 401, trunk="bad")).expires_s == 0
            past = len(node.registrations)
            await reported(node, 401, trunk="bad", past=past)
            here = await caller.dial(f"{HOST}:{port}", uri=f"sip:{USER}@{REALM}")
            there = await node.rung()
            assert there.incoming is not None
            assert there.incoming.source == f"{HOST}:{port}"
            await there.leg.answer(200)
            await here.answered()
            await there.answered()
            await there.leg.hang_up()
            assert (await here.ended()).by == "peer"
            direct, _ = await connect(caller, node)
            assert not direct.leg.ended.done()

    asyncio.run(scene())
