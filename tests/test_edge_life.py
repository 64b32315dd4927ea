"""The edge's start and end: what it says when it cannot start, and that it never outlives its node."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

import media.edge.edge as edge_module
from media.edge.config import number_range, render
from media.edge.edge import Edge, find_program
from media.edge.lines import EdgeIsReady, Other, PhoneRegistered, Refused, RegistrarSaid, read_line
from media.edge.model import EdgeListen, EdgePhone, EdgeSettings, EdgeTrunk, sides
from media.edge.rpc import Rpc
from media.errors import EdgeError
from tests.edge_support import needs_kamailio, worker_ports
from tests.phones import HOST, free_port

ROOT = Path(__file__).parents[1]


def settings(folder: Path, **changes: object) -> EdgeSettings:
    """An edge on free ports."""
    values: dict[str, object] = {
        "folder": folder,
        "listens": (EdgeListen(host=HOST, port=free_port()),),
        "worker_first": worker_ports(2),
        "workers": 2,
    }
    return EdgeSettings(**(values | changes))  # type: ignore[arg-type]  # as named


async def nothing(_: Rpc) -> None:
    """Kamailio is up, and is told nothing."""


async def start(wanted: EdgeSettings) -> None:
    """Start it and end it."""
    async with Edge(wanted, on_started=nothing):
        pass


def test_without_kamailio_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(edge_module, "MORE_PLACES", "")
    with pytest.raises(EdgeError, match="apt-get install kamailio"):
        asyncio.run(start(settings(tmp_path)))


@needs_kamailio
def test_a_foreign_process_on_the_port_is_named_as_such(tmp_path: Path) -> None:
    wanted = settings(tmp_path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as foreign:
        foreign.bind((HOST, wanted.listens[0].port))
        with pytest.raises(EdgeError, match=r"another program listens there.*systemctl disable"):
            asyncio.run(start(wanted))


@needs_kamailio
def test_an_address_that_is_not_ours_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="no address of this machine"):
        asyncio.run(start(settings(tmp_path, listens=(EdgeListen(host="198.51.100.9", port=5060),))))


@needs_kamailio
@pytest.mark.process
def test_a_configuration_that_kamailio_refuses_is_quoted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(edge_module, "render", lambda *_: "request_route { nonsense(); }")
    with pytest.raises(EdgeError, match="Kamailio refuses its configuration"):
        asyncio.run(start(settings(tmp_path)))


@needs_kamailio
@pytest.mark.process
def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    asyncio.run(start(settings(tmp_path)))
    assert list(tmp_path.iterdir()) == []


NODE = """
import asyncio, sys
from pathlib import Path
from media.edge.edge import Edge
from media.edge.model import EdgeListen, EdgeSettings

async def nothing(rpc):
    pass

async def main():
    listens = (EdgeListen(host="127.0.0.1", port=int(sys.argv[1])),)
    settings = EdgeSettings(folder=Path(), listens=listens, worker_first=int(sys.argv[2]), workers=1)
    async with Edge(settings, on_started=nothing) as edge:
        print("edge", edge.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@needs_kamailio
@pytest.mark.process
@pytest.mark.parametrize("victim", ["node", "guard", "kamailio"])
def test_the_edge_never_outlives_its_node_nor_its_parts_each_other(victim: str, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-c", NODE, str(port), str(worker_ports(1))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as node:
        assert node.stdout is not None
        line = next(line for line in node.stdout if line.startswith("edge "))
        guard = int(line.split()[1])
        try:
            kamailio = int(Path(f"/proc/{guard}/task/{guard}/children").read_text().split()[0])
            # However it happens, all of the first group is gone; a node that lives starts another one.
            os.kill({"node": node.pid, "guard": guard, "kamailio": kamailio}[victim], signal.SIGKILL)
            wait_until_empty(guard)
        finally:
            node.kill()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        wait_until_bound(probe, port)


def wait_until_empty(group: int) -> None:
    """Until no process is left in a group; bounded by the test's own limit."""
    with suppress(ProcessLookupError):
        while True:
            os.killpg(group, 0)
            if not running(group):
                return
            os.sched_yield()


def running(group: int) -> bool:
    """Whether the group has a process that is more than a name to be reaped."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group and fields[0] != "Z":
                return True
    return False


def wait_until_bound(probe: socket.socket, port: int) -> None:
    """Until the port is free, which it is the moment that the last process has gone."""
    while True:
        try:
            probe.bind((HOST, port))
        except OSError:
            os.sched_yield()
        else:
            return


# --- without a process -----------------------------------------------------------------------------------


def test_settings_that_would_break_out_of_their_quotes_are_refused(tmp_path: Path) -> None:
    for changes in (
        {"user_agent": 'x"; exec("rm")'},
        {"trunks": (EdgeTrunk(name='a"b', networks=("192.0.2.1/32",)),)},
        {"local_networks": ('10.0.0.0/8"',)},
    ):
        with pytest.raises(ValueError, match="cannot stand"):
            render(settings(tmp_path, **changes), str(tmp_path / "rpc"))


def test_no_secret_is_in_the_configuration(tmp_path: Path) -> None:
    trunk = EdgeTrunk(name="t", networks=("192.0.2.1/32",), user="u", password="trunk7Key")
    phone = EdgePhone(user="1001", password="phone7Key")
    text = render(settings(tmp_path, trunks=(trunk,), phones=(phone,)), str(tmp_path / "rpc"))
    assert "7Key" not in text
    assert phone.ha1 not in text


@pytest.mark.parametrize(
    ("first", "last"), [(7000, 7000), (7890, 8123), (7000, 7999), (1099, 1101), (22998, 23002)]
)
def test_number_ranges(first: int, last: int) -> None:
    pattern = re.compile(f"({number_range(first, last)})\\Z")
    assert [n for n in range(first - 300, last + 300) if pattern.match(str(n))] == list(
        range(first, last + 1)
    )


def test_a_side_is_chosen_by_our_address_and_by_how_far_the_peer_is() -> None:
    one = EdgeListen(host="192.0.2.1", port=5060)
    two = EdgeListen(host="10.0.0.1", port=5060)
    wanted = EdgeSettings(
        folder=Path(),
        listens=(one, two),
        worker_first=7000,
        workers=1,
        public_host="203.0.113.1",
        local_networks=("10.0.0.0/8",),
    )
    assert wanted.side_towards("10.0.0.1", "10.9.9.9") == "10.0.0.1:5060"
    assert wanted.side_towards("192.0.2.1", "198.51.100.1") == "public-192.0.2.1:5060"
    assert wanted.side_towards("127.0.0.1", "127.0.0.1") == "192.0.2.1:5060"
    assert {side.name for side in sides(wanted)} >= {"10.0.0.1:5060", "public-192.0.2.1:5060"}


def test_lines() -> None:
    assert read_line(" 1(7) ALERT: <script>: edge-ready") == EdgeIsReady()
    line = " 1(7) ALERT: <script>: edge-refused source=192.0.2.1 reason=rate"
    assert read_line(line) == Refused(source="192.0.2.1", reason="rate")
    assert read_line("edge-phone user=1001") == PhoneRegistered(user="1001")
    assert read_line("edge-registrar code=401 to=sip:a@b") == RegistrarSaid(code=401, aor="sip:a@b")
    other = read_line(" 2(9) ERROR: <core> [core/receive.c:447]: receive_msg(): From: +14155550123")
    assert isinstance(other, Other)
    assert other.where == "2(9) ERROR: <core> [core/receive.c:447]"


def test_the_program_is_found_where_administrators_keep_it() -> None:
    try:
        assert find_program().endswith("kamailio")
    except EdgeError:
        pytest.skip("kamailio is not installed")
