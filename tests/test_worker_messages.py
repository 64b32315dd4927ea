"""The contract: every message comes through as it was, however its frames are cut, and nothing else does."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import messages
from media.client import WorkerClient
from media.errors import CommandFailed, WorkerLost, WorkerStartError
from media.leg import Leg
from media.messages import (
    MAX_FRAME,
    VERSION,
    Beat,
    Configure,
    ContractError,
    Digit,
    Done,
    Ended,
    Failed,
    FrameReader,
    Hello,
    Incoming,
    LegId,
    Message,
    Ready,
    RequestId,
    StopRecord,
    decode_command,
    decode_event,
    encode,
)
from media.worker.channel import Channel, ControlGone
from media.worker.sip_text import clean, header, header_line, headers, is_token, request_uri, tag
from tests.phones import Waiting, within

COMMANDS = get_args(messages.ToWorker)
EVENTS = get_args(messages.FromWorker)
CONFIGURE = Configure(listen_host="127.0.0.1", listen_port=5060, rtp_first=1, rtp_last=2, user_agent="test")

_TEXT = st.text(st.characters(codec="utf-8"), max_size=40)


def _value(kind: Any) -> st.SearchStrategy[Any]:
    """Values for the types that messages have."""
    kind = getattr(kind, "__supertype__", kind)
    match kind:
        case _ if kind is str:
            return _TEXT
        case _ if kind is int:
            return st.integers(-(2**63), 2**63 - 1)
        case _ if kind is float:
            return st.floats(allow_nan=False)
        case _ if kind is bool:
            return st.booleans()
        case _ if kind is type(None):
            return st.none()
        case _ if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return _struct(kind)
        case _:
            return _composed(kind)


def _composed(kind: Any) -> st.SearchStrategy[Any]:
    items = get_args(kind)
    if getattr(kind, "__origin__", None) is not tuple:
        return st.one_of(*map(_value, items))
    if len(items) == 2 and items[1] is Ellipsis:
        return st.lists(_value(items[0]), max_size=4).map(tuple)
    return st.tuples(*map(_value, items))


def _struct(kind: type[Any]) -> st.SearchStrategy[Any]:
    fields = {field.name: _value(field.type) for field in msgspec.structs.fields(kind)}
    return st.builds(kind, **fields)


any_command = st.one_of(*(_struct(kind) for kind in COMMANDS))
any_event = st.one_of(*(_struct(kind) for kind in EVENTS))


@given(any_command)
def test_a_command_comes_through(command: Any) -> None:
    (body,) = FrameReader().feed(encode(command))
    assert decode_command(body) == command


@given(any_event)
def test_an_event_comes_through(event: Any) -> None:
    (body,) = FrameReader().feed(encode(event))
    assert decode_event(body) == event


@given(st.lists(any_event, max_size=6), st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_frames_may_be_cut_anywhere(events: list[Message], cuts: list[int]) -> None:
    stream = b"".join(map(encode, events))
    reader, place = FrameReader(), 0
    bodies: list[bytes] = []
    for turn in range(len(stream)):
        size = cuts[turn % len(cuts)]
        bodies += reader.feed(stream[place : place + size])
        place += size
    assert [decode_event(body) for body in bodies] == events


@given(st.binary(max_size=200))
def test_other_bytes_are_no_message(body: bytes) -> None:
    for decode in (decode_command, decode_event):
        try:
            decode(body)
        except ContractError:
            continue


def test_a_command_is_no_event_and_an_event_no_command() -> None:
    (body,) = FrameReader().feed(encode(StopRecord(id=RequestId(1), recording=messages.RecordingId(1))))
    with pytest.raises(ContractError, match="not an event"):
        decode_event(body)
    (body,) = FrameReader().feed(encode(Beat(legs=0)))
    with pytest.raises(ContractError, match="not a command"):
        decode_command(body)


def test_the_largest_frame_is_taken_and_a_larger_one_refused() -> None:
    reader = FrameReader()
    assert list(reader.feed(MAX_FRAME.to_bytes(4, "big"))) == []
    assert list(reader.feed(b"x" * MAX_FRAME)) == [b"x" * MAX_FRAME]
    with pytest.raises(ContractError, match="frame of"):
        list(FrameReader().feed((MAX_FRAME + 1).to_bytes(4, "big")))


# --- the worker's end ------------------------------------------------------------------------------------


def test_what_is_no_command_ends_the_channel() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        channel = Channel(theirs)
        ours.sendall((MAX_FRAME + 1).to_bytes(4, "big"))
        with pytest.raises(ControlGone, match="frame of"):
            list(channel.commands())


def test_a_control_process_that_does_not_read_counts_as_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.worker.channel.MAX_BACKLOG", 1000)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        channel = Channel(theirs)
        for _ in range(100):
            channel.send(Failed(id=RequestId(1), code="long", text="x" * 10_000))
        with pytest.raises(ControlGone, match="does not read"):
            list(channel.commands())


# --- text from the network -------------------------------------------------------------------------------


@given(st.binary(max_size=300))
def test_clean_text_can_be_encoded_and_has_no_controls(data: bytes) -> None:
    text = clean(data.decode("utf-8", "surrogateescape"))
    text.encode()
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in text)


@given(_TEXT)
def test_a_header_value_is_one_line(value: str) -> None:
    assert len(header_line(value).splitlines()) <= 1


def test_bytes_that_are_not_utf_8_are_read_as_latin_1() -> None:
    assert clean(b"Jos\xe9 Mu\xf1oz".decode("utf-8", "surrogateescape")) == "José Muñoz"
    assert clean("김철수") == "김철수"


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_headers_are_read_in_order_unfolded_and_written_out(end: str) -> None:
    lines = [
        "INVITE sip:1@x SIP/2.0",
        "f: <sip:a@b>;tag=t;x=y",
        "Subject: one",
        "  two",
        "i:7",
        "broken",
        "",
        "v=0",
    ]
    message = end.join(lines)
    found = headers(message)
    assert found == (("From", "<sip:a@b>;tag=t;x=y"), ("Subject", "one two"), ("Call-ID", "7"))
    assert (request_uri(message), tag(header(found, "from"))) == ("sip:1@x", "t")


def test_what_may_name_a_header() -> None:
    assert is_token("X-IVR-Trunk")
    assert not any(map(is_token, ("", " ", "a b", "a:b", "a\r\nb", "ä")))


# --- control's end, with a worker played by hand ---------------------------------------------------------


class HandWorker(Waiting):
    """The other end of a client: sends what it is told to."""

    def __init__(self) -> None:
        super().__init__()
        ours, self._sock = socket.socketpair()
        ours.setblocking(False)
        self.legs: list[Leg] = []
        loop = asyncio.get_running_loop()
        self.room: list[int] = []
        self.client = WorkerClient(
            ours,
            on_incoming=self._incoming,
            on_registration=lambda _: None,
            now=loop.time,
            on_room=lambda: self.room.append(self.client.library_legs),
        )

    def _incoming(self, leg: Leg, event: Incoming) -> None:
        self.legs.append(leg)
        self.tell()

    def say(self, *sent: Message) -> None:
        """Send messages."""
        self._sock.sendall(b"".join(map(encode, sent)))

    def say_bytes(self, data: bytes) -> None:
        """Send bytes."""
        self._sock.sendall(data)

    def die(self) -> None:
        """Close the channel."""
        self._sock.close()


def hello(version: int = VERSION) -> Hello:
    return Hello(version=version, pid=1, pss_bytes=1, library="none")


def incoming(leg: int) -> Incoming:
    return Incoming(leg=LegId(leg), sip_call_id="c", from_tag="f", source="s", request_uri="u", headers=())


def run_client(scene: Callable[[HandWorker], Awaitable[None]]) -> None:
    """Run a scene with a client that reads."""

    async def main() -> None:
        worker = HandWorker()
        serving = asyncio.create_task(worker.client.serve())
        try:
            await scene(worker)
        finally:
            worker.die()
            await within(serving)

    asyncio.run(main())


def test_another_version_is_refused_at_start() -> None:
    async def scene(worker: HandWorker) -> None:
        worker.say(hello(VERSION + 1))
        with pytest.raises(WorkerStartError, match=f"contract {VERSION + 1}, we speak {VERSION}"):
            await worker.client.start(CONFIGURE)

    run_client(scene)


def test_a_failed_start_names_its_reason() -> None:
    async def scene(worker: HandWorker) -> None:
        worker.say(hello(), Failed(id=RequestId(0), code="bind", text="port in use"))
        with pytest.raises(WorkerStartError, match="port in use"):
            await worker.client.start(CONFIGURE)

    run_client(scene)


def test_a_worker_that_dies_at_start_is_a_failed_start() -> None:
    async def scene(worker: HandWorker) -> None:
        worker.say(hello())
        worker.die()
        with pytest.raises(WorkerStartError, match="died at start"):
            await worker.client.start(CONFIGURE)

    run_client(scene)


@pytest.mark.parametrize("data", [(MAX_FRAME + 1).to_bytes(4, "big"), b"\0\0\0\1\xc1"])
def test_nonsense_from_a_worker_ends_its_legs_and_requests(data: bytes) -> None:
    async def scene(worker: HandWorker) -> None:
        worker.say(hello(), Ready(listen="x", max_legs=4))
        await worker.client.start(CONFIGURE)
        worker.say(incoming(1))
        leg = await worker.until(lambda: worker.legs[0] if worker.legs else None)
        request = asyncio.create_task(leg.answer())
        await asyncio.sleep(0)
        worker.say_bytes(data)
        ended = await within(leg.ended)
        assert (ended.by, ended.reason) == ("worker", "worker_lost")
        with pytest.raises(WorkerLost):
            await request
        assert worker.client.gone

    run_client(scene)


def test_a_listener_that_fails_takes_the_event_from_nobody_else() -> None:
    async def scene(worker: HandWorker) -> None:
        worker.say(hello(), Ready(listen="x", max_legs=4))
        await worker.client.start(CONFIGURE)
        worker.say(incoming(1))
        leg = await worker.until(lambda: worker.legs[0] if worker.legs else None)
        heard: list[object] = []
        leg.listeners.append(lambda event: heard.append(1 / 0))
        leg.listeners.append(heard.append)
        digit, end = (
            Digit(leg=leg.id, digit="1", method="info"),
            Ended(leg=leg.id, by="us", code=200, reason=""),
        )
        worker.say(digit, end)
        await within(leg.ended)
        assert heard == [digit, end]
        assert (worker.client.legs, worker.client.gone) == ((), False)

    run_client(scene)


def test_a_dial_that_the_worker_refuses_ends_the_leg() -> None:
    async def scene(worker: HandWorker) -> None:
        legs: list[Leg] = []
        worker.say(incoming(1))
        await worker.until(lambda: worker.legs or None)
        dialling = asyncio.create_task(worker.client.dial("sip:a@b", "192.0.2.1:5060", prepare=legs.append))
        worker.say(Failed(id=RequestId(1), code="sip", text="too many calls"))
        with pytest.raises(CommandFailed):
            await within(dialling)
        ended = await within(legs[0].ended)
        assert (ended.by, ended.code, ended.reason) == ("us", 0, "too many calls")
        assert worker.client.legs == tuple(worker.legs)

    run_client(scene)


def test_legs_that_the_library_has_not_let_go_are_counted_whoever_calls_meanwhile() -> None:
    async def scene(worker: HandWorker) -> None:
        async def told(*sent: Message) -> int:
            before = len(worker.legs)
            worker.say(*sent)
            await worker.until(lambda: True if len(worker.legs) > before else None)
            return worker.client.lingering

        assert await told(Beat(legs=1), incoming(1)) == 0
        over = Ended(leg=LegId(1), by="peer", code=200, reason="")
        assert await told(over, Beat(legs=2), incoming(2)) == 1
        dialling = asyncio.create_task(worker.client.dial("sip:a@b", "192.0.2.1:5060"))
        assert await told(Beat(legs=3), incoming(3)) == 1  # the one that is dialled is not there yet
        worker.say(Done(id=RequestId(1)), Beat(legs=3))
        await within(dialling)
        assert len(worker.client.legs) == 3

    run_client(scene)


def test_room_that_the_library_makes_is_told() -> None:
    async def scene(worker: HandWorker) -> None:
        worker.say(Beat(legs=2), Beat(legs=2), Beat(legs=1), Beat(legs=1), Beat(legs=3), Beat(legs=0))
        worker.say(incoming(1))
        await worker.until(lambda: worker.legs or None)
        assert worker.room == [1, 0]

    run_client(scene)
