"""What `ivr check` finds, and what it says to do about it."""

from __future__ import annotations

import asyncio
import json
import re
import resource
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.api.models import NodeView, TrunkView
from ivr.api.testing import OPERATOR_TOKEN
from ivr.check import check_all, plan
from ivr.checks import database, files, media, peers, ports
from ivr.checks.model import Check, CheckResult, Line, Status, failed, ok, run_check, skipped
from ivr.checks.running import running_node
from ivr.checks.salesforce import SalesforceChecks, open_connector, remedy_of
from ivr.checks.subject import Subject
from ivr.config import Config, HostPort, load_config
from ivr.salesforce.errors import Refused
from ivr.salesforce.simulator.faults import Fault, FaultKind
from tests.cli_support import (
    free_udp,
    node_beside,
    org_beside,
    quiet_logs,
    run_ivr,
    simulated_org,
    write_config,
)

__all__ = ["quiet_logs"]
pytestmark = pytest.mark.usefixtures("quiet_logs")

TRUNK = '{{carrier: {{uri: "sip:{place}", user: u, password: p, register: true}}}}'


def config_of(folder: Path, **changes: str) -> Config:
    return load_config(write_config(folder, **changes), env={})


def node_view(*, trunks: tuple[TrunkView, ...] = (), outbox_depth: int = 0) -> NodeView:
    return NodeView(
        name="n1", version="1", started_at=datetime(2025, 1, 1, tzinfo=UTC), sip=(), workers=1, legs=0,
        capacity=2, calls=0, trunks=trunks, outbox_depth=outbox_depth,
    )  # fmt: skip


def statuses(lines: list[Line]) -> dict[str, Status]:
    return {line.name: line.result.status for line in lines}


# --- how checks run --------------------------------------------------------------------------------------


def test_a_check_that_hangs_is_one_that_failed() -> None:
    async def never() -> CheckResult:
        await asyncio.Event().wait()
        return ok("")

    line = asyncio.run(run_check(Check(name="hangs", run=never, limit_s=0.01)))
    assert line.result.status is Status.FAILED
    assert line.result.text == "not done within 0.01 s"


def test_a_check_that_raises_is_one_that_failed() -> None:
    async def breaks() -> CheckResult:
        raise ZeroDivisionError("by zero")

    line = asyncio.run(run_check(Check(name="breaks", run=breaks)))
    assert line.result.status is Status.FAILED
    assert line.result.text == "the check itself failed: ZeroDivisionError: by zero"


def test_the_plan_has_a_line_for_each_trunk_and_connector(tmp_path: Path) -> None:
    subject = Subject(config=config_of(tmp_path, trunks=TRUNK.format(place="127.0.0.1")))

    async def names() -> list[str]:
        async with AsyncExitStack() as stack:
            return [check.name for check in await plan(subject, stack)]

    assert asyncio.run(names()) == [
        "flows and sounds", "speech", "SIP port", "API port", "desktop port", "RTP ports", "open files",
        "SIP library", "capacity", "trunk carrier: address", "trunk carrier: registration",
        "agents' endpoints",
        "Salesforce: login", "Salesforce: permissions", "Salesforce: API usage", "database",
    ]  # fmt: skip


# --- the whole command -----------------------------------------------------------------------------------


def test_a_broken_configuration_fails_and_the_rest_is_skipped(tmp_path: Path) -> None:
    path = write_config(tmp_path, more="regoin: US")
    result = run_ivr("check", "--config", str(path))
    assert result.exit_code == 1
    first, second = result.stdout.splitlines()
    assert re.match(r"failed +configuration +\S+ivr\.yaml:\d+: regoin: .*region", first)
    assert re.match(r"skipped +everything else ", second)


@pytest.mark.sip
def test_a_good_machine_passes(tmp_path: Path) -> None:
    with org_beside() as url:
        path = write_config(tmp_path, sip=free_udp(), login_url=url)
        result = run_ivr("check", "--config", str(path), "--json")
    document = json.loads(result.stdout)
    assert {check["name"]: check["status"] for check in document["checks"]} == dict.fromkeys(
        [
            "configuration", "flows and sounds", "speech", "SIP port", "API port", "desktop port",
            "RTP ports", "open files", "SIP library", "capacity", "agents' endpoints", "Salesforce: login",
            "Salesforce: permissions", "Salesforce: API usage", "database",
        ],
        "ok",
    ), result.stdout  # fmt: skip
    assert document["ok"] is True
    assert result.exit_code == 0


@pytest.mark.sip
def test_one_that_fails_makes_it_one_and_the_others_go_on(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, org_beside() as url:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        path = write_config(tmp_path, sip=free_udp(), http=place, music="nowhere.wav", login_url=url)
        result = run_ivr("check", "--config", str(path))
    assert result.exit_code == 1
    lines = {line[8:36].strip(): line for line in result.stdout.splitlines()}
    bad = {name for name, line in lines.items() if line.startswith("failed")}
    assert bad == {"flows and sounds", "API port"}
    assert "nowhere.wav" in lines["flows and sounds"]
    assert f"{place} (tcp) is in use by another program -> stop that program" in lines["API port"]
    assert lines["database"].startswith("ok")


# --- a node that runs already ----------------------------------------------------------------------------


def test_a_running_node_is_known_by_its_token(tmp_path: Path) -> None:
    with node_beside() as node:
        config = config_of(tmp_path, http=node.value.url.removeprefix("http://"))
        assert asyncio.run(running_node(config)) is None
        config.node.data_dir.mkdir()
        (config.node.data_dir / "operator.token").write_text("another")
        assert asyncio.run(running_node(config)) is None
        (config.node.data_dir / "operator.token").write_text(OPERATOR_TOKEN)
        view = asyncio.run(running_node(config))
    assert view is not None
    assert view.name == "fake"


def test_ports_of_the_running_node_are_not_faults(tmp_path: Path) -> None:
    with node_beside() as node:
        config = config_of(tmp_path, http=node.value.url.removeprefix("http://"))
        check = ports.http_port(config.http.listen, Subject(config=config, node=node_view()))
        assert asyncio.run(check) == ok(f"{config.http.listen} (tcp) is in use by the running node n1")


# --- ports and limits ------------------------------------------------------------------------------------


def test_a_taken_sip_port_names_the_remedy(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        result = asyncio.run(ports.sip_port(Subject(config=config_of(tmp_path, sip=place))))
    assert result.status is Status.FAILED
    assert result.text == f"{place} (udp) is in use by another program"
    assert "sip.listen" in result.remedy


@pytest.mark.parametrize(
    ("place", "status", "text"),
    [
        (HostPort(host="192.0.2.1", port=5060), Status.FAILED, "192.0.2.1 is no address of this machine"),
        (HostPort(host="127.0.0.1", port=0), Status.OK, "a free port of 127.0.0.1 (tcp)"),
    ],
)
def test_a_listener(place: HostPort, status: Status, text: str, tmp_path: Path) -> None:
    result = asyncio.run(ports.desktop_port(place, Subject(config=config_of(tmp_path))))
    assert (result.status, result.text) == (status, text)


def test_a_sip_port_among_the_rtp_ports(tmp_path: Path) -> None:
    config = config_of(tmp_path, sip="127.0.0.1:21005")
    result = asyncio.run(ports.sip_port(Subject(config=config)))
    assert result.status is Status.FAILED
    assert "lies within the RTP ports 21000-21999" in result.text


def test_rtp_ports_that_others_hold_are_missed(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        first = min(taken.getsockname()[1], 65000)
        path = write_config(tmp_path)
        path.write_text(path.read_text().replace("21000-21999", f"{first}-{first + 15}"))
        result = asyncio.run(ports.rtp_ports(Subject(config=load_config(path, env={}))))
    assert result.status is Status.FAILED
    assert "16 needed for 2 customers" in result.text


def test_too_few_open_files(tmp_path: Path) -> None:
    subject = Subject(config=config_of(tmp_path))
    assert ports.files_needed(subject.config) == 256 + 4 * 4 + 4
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (250, hard))
    try:
        result = asyncio.run(ports.open_files(subject))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert result == failed(
        "250 open files allowed, 276 needed",
        "raise the limit: `ulimit -n 276`, or LimitNOFILE in the service's unit",
    )


# --- media -----------------------------------------------------------------------------------------------


@pytest.mark.sip
def test_the_library_says_what_it_holds(tmp_path: Path) -> None:
    subject = Subject(config=config_of(tmp_path))
    result = asyncio.run(media.library(subject))
    assert result.status is Status.OK
    assert subject.max_legs is not None
    assert subject.max_legs >= 4
    assert result.text.startswith(f"{subject.max_legs} legs a process, ")


@pytest.mark.parametrize(
    ("max_legs", "status", "remedy"),
    [(None, Status.SKIPPED, ""), (4, Status.OK, ""), (3, Status.FAILED, "set sip.capacity to 1,")],
)
def test_capacity_against_the_library(
    max_legs: int | None, status: Status, remedy: str, tmp_path: Path
) -> None:
    result = asyncio.run(media.capacity(Subject(config=config_of(tmp_path), max_legs=max_legs)))
    assert result.status is status
    assert result.remedy.startswith(remedy)


def test_a_missing_catalogue_is_named(tmp_path: Path) -> None:
    config = config_of(tmp_path, more="language: fr-FR")
    result = asyncio.run(files.definitions(Subject(config=config)))
    assert result.status is Status.FAILED
    assert "fr-FR.yaml" in result.text


@pytest.mark.process
def test_a_language_without_a_voice_is_named(tmp_path: Path) -> None:
    config = config_of(tmp_path, more="language: xx-XX")
    result = asyncio.run(files.speech(Subject(config=config)))
    assert result.status is Status.FAILED
    assert result.text.startswith("xx-XX")
    assert "set language to one of" in result.remedy


# --- trunks and phones -----------------------------------------------------------------------------------


class Registrar(asyncio.DatagramProtocol):
    """Answers every REGISTER with one code; a 200 grants what was asked for."""

    def __init__(self, code: int, reason: str) -> None:
        self._status = f"{code} {reason}"
        self._transport: asyncio.DatagramTransport
        self.expires: list[str] = []

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # datagrams
        self._transport = transport

    def datagram_received(self, data: bytes, source: tuple[str | int, int]) -> None:
        first, *lines = data.decode().split("\r\n\r\n")[0].split("\r\n")
        if not first.startswith("REGISTER "):
            return
        kept = [line for line in lines if re.match(r"(Via|From|Call-ID|CSeq|Contact|Expires):", line)]
        kept += [f"{line};tag=registrar" for line in lines if line.startswith("To:")]
        self.expires += [line.removeprefix("Expires: ") for line in lines if line.startswith("Expires:")]
        answer = "\r\n".join([f"SIP/2.0 {self._status}", *kept, "Content-Length: 0", "", ""])
        self._transport.sendto(answer.encode(), source)


async def register(folder: Path, code: int, reason: str) -> tuple[CheckResult, Registrar]:
    """The registration check against a registrar that gives this answer."""
    loop = asyncio.get_running_loop()
    transport, registrar = await loop.create_datagram_endpoint(
        lambda: Registrar(code, reason), local_addr=("127.0.0.1", 0)
    )
    host, port = transport.get_extra_info("sockname")
    config = config_of(folder, trunks=TRUNK.format(place=f"{host}:{port}"))
    try:
        return await peers.trunk_registration("carrier", Subject(config=config)), registrar
    finally:
        transport.close()


@pytest.mark.sip
def test_a_registration_succeeds_and_is_taken_back(tmp_path: Path) -> None:
    result, registrar = asyncio.run(register(tmp_path, 200, "OK"))
    assert result.status is Status.OK, result
    assert result.text.startswith("registered at 127.0.0.1:")
    assert registrar.expires[-1] == "0"


@pytest.mark.sip
def test_a_refused_registration_shows_code_and_reason(tmp_path: Path) -> None:
    result, _ = asyncio.run(register(tmp_path, 403, "Forbidden"))
    assert result.status is Status.FAILED
    assert result.text.endswith(" answered 403 Forbidden")
    assert "trunks.carrier.user and password" in result.remedy


@pytest.mark.parametrize(
    ("state", "code", "reason", "expected"),
    [
        ("registered", 200, "OK", ok("registered, says the running node")),
        (
            "not registered", 404, "Not Found",
            failed(
                "not registered, says the running node: 404 Not Found",
                "correct trunks.carrier.uri and user: the registrar does not know them",
            ),
        ),
    ],
)  # fmt: skip
def test_a_running_node_tells_its_registration(
    state: str, code: int, reason: str, expected: CheckResult, tmp_path: Path
) -> None:
    view = TrunkView(name="carrier", uri="sip:x", register=True, state=state, code=code, reason=reason)
    config = config_of(tmp_path, trunks=TRUNK.format(place="127.0.0.1"))
    subject = Subject(config=config, node=node_view(trunks=(view,)))
    assert asyncio.run(peers.trunk_registration("carrier", subject)) == expected


def test_a_trunk_without_registration_is_skipped(tmp_path: Path) -> None:
    config = config_of(tmp_path, trunks='{pbx: {uri: "sip:127.0.0.1:5080"}}')
    subject = Subject(config=config)
    assert asyncio.run(peers.trunk_registration("pbx", subject)) == skipped("register is false")
    assert asyncio.run(peers.trunk_address("pbx", subject)) == ok("127.0.0.1, port 5080")


def test_names_without_an_address_are_named(tmp_path: Path) -> None:
    unusable = f"{'a' * 64}.example"  # longer than a label may be: refused before any name server is asked
    path = write_config(tmp_path, trunks=TRUNK.format(place=unusable))
    path.write_text(path.read_text().replace("sip:alice@127.0.0.1:5070", f"sip:alice@{unusable}"))
    subject = Subject(config=load_config(path, env={}))
    trunk = asyncio.run(peers.trunk_address("carrier", subject))
    assert trunk.status is Status.FAILED
    assert unusable in trunk.text
    assert asyncio.run(peers.trunk_registration("carrier", subject)) == skipped("needs the trunk's address")
    phones = asyncio.run(peers.endpoints(subject))
    assert phones.status is Status.FAILED
    assert phones.text.startswith("alice: ")


# --- Salesforce ------------------------------------------------------------------------------------------


async def salesforce(
    folder: Path, *, secret: str = "demo-secret-not-for-production", fault: Fault | None = None
) -> list[CheckResult]:
    """Login, permissions and usage against the simulator."""
    async with simulated_org() as (url, faults):
        if fault is not None:
            faults.add(fault)
        config = config_of(folder, login_url=url, secret=secret)
        async with open_connector("Salesforce", config) as connector:
            checks = SalesforceChecks("Salesforce", config, connector)
            return [await checks.login(), await checks.objects(), await checks.usage()]


def test_salesforce_passes_and_tells_its_usage(tmp_path: Path) -> None:
    login, objects, usage = asyncio.run(salesforce(tmp_path))
    assert login.text.startswith("logged in at http://127.0.0.1:")
    assert objects == ok(
        "Contact, Account, Lead, Case, CaseComment, Task can be read, and phones searched; "
        "CaseComment, Task can be made"
    )
    assert re.fullmatch(r"\d+ of 15000 API requests used in 24 hours \(0%\)", usage.text)
    assert usage.status is Status.OK


def test_a_refused_login_skips_what_needs_it(tmp_path: Path) -> None:
    login, objects, usage = asyncio.run(salesforce(tmp_path, secret="wrong"))
    assert login.status is Status.FAILED
    assert "invalid_client" in login.text
    assert login.remedy == "client_secret does not belong to client_id: copy the consumer secret again"
    assert objects == usage == skipped("needs the login")


def test_a_permission_that_is_missing_is_named(tmp_path: Path) -> None:
    fault = Fault(kind=FaultKind.DENIED, path="/query", times=1)
    _, objects, _ = asyncio.run(salesforce(tmp_path, fault=fault))
    assert objects.status is Status.FAILED
    assert objects.text.startswith("Contact: HTTP 403")
    assert ";" not in objects.text
    assert "run-as user" in objects.remedy


def test_a_search_that_is_not_allowed_is_named(tmp_path: Path) -> None:
    fault = Fault(kind=FaultKind.DENIED, path="/search", times=None)
    _, objects, _ = asyncio.run(salesforce(tmp_path, fault=fault))
    assert objects.status is Status.FAILED
    assert objects.text.startswith("search by phone: denied")


@pytest.mark.parametrize(
    ("word", "part"),
    [
        ("invalid_client_id", "consumer key"),
        ("unsupported_grant_type", "client credentials"),
        ("", "in Setup"),
    ],
)
def test_a_refusal_has_its_remedy(word: str, part: str) -> None:
    assert part in remedy_of(Refused("login refused", oauth_error=word))


# --- the database ----------------------------------------------------------------------------------------


def test_the_database_is_left_as_it_was(tmp_path: Path) -> None:
    subject = Subject(config=config_of(tmp_path))
    for _ in range(2):
        result = asyncio.run(database.database(subject))
        assert result.status is Status.OK, result
    assert "ivr.db takes writes" in result.text


def not_a_folder(data_dir: Path) -> None:
    data_dir.write_text("")


def not_a_database(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "ivr.db").write_text("no database " * 1000)


@pytest.mark.parametrize("spoil", [not_a_folder, not_a_database])
def test_a_database_that_cannot_be_used(spoil: Callable[[Path], None], tmp_path: Path) -> None:
    config = config_of(tmp_path)
    spoil(config.node.data_dir)
    result = asyncio.run(database.database(Subject(config=config)))
    assert result.status is Status.FAILED
    assert "data_dir" in result.remedy


def test_the_running_node_speaks_for_its_database(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    good = Subject(config=config, node=node_view(outbox_depth=3))
    assert asyncio.run(database.database(good)).text.endswith("3 writes to Salesforce wait in the outbox")
    bad = Subject(config=config, node=node_view(outbox_depth=-1))
    assert asyncio.run(database.database(bad)).status is Status.FAILED
    assert not config.node.data_dir.exists()


def test_lines_are_told_as_they_are_known(tmp_path: Path) -> None:
    told: list[Line] = []
    path = write_config(tmp_path, more="no: key")
    assert asyncio.run(check_all(path, {}, told.append)) is False
    assert statuses(told) == {"configuration": Status.FAILED, "everything else": Status.SKIPPED}
