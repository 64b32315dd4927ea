"""A SIP peer that sends what it is told to, right or wrong: messages by hand over one UDP socket."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from tests.phones import HOST, LIMIT_S, Waiting

_names = itertools.count(1)

OFFER = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
)


@dataclass(frozen=True, slots=True)
class Message:
    """A received message."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: str
    source: tuple[str, int]

    @property
    def code(self) -> int:
        """The status code, 0 for a request."""
        return int(self.start.split(" ")[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """The method: of a response, the one that it answers."""
        return self.header("CSeq").split(" ")[-1] if self.code else self.start.split(" ")[0]

    def header(self, name: str) -> str:
        """The first value of a header, or nothing."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


def _parse(data: bytes, source: tuple[str, int]) -> Message:
    head, _, body = data.decode("utf-8", "surrogateescape").partition("\r\n\r\n")
    start, *lines = head.split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return Message(start, tuple((name.strip(), value.strip()) for name, _, value in pairs), body, source)


class RawPeer(Waiting, asyncio.DatagramProtocol):
    """One UDP port; everything received is kept in `inbox`."""

    def __init__(self) -> None:
        super().__init__()
        self.inbox: list[Message] = []
        self.port = 0
        self._transport: asyncio.DatagramTransport | None = None
        self._answer: Callable[[Message], str | None] | None = None
        self._taken: set[int] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own UDP transport is no subclass of the interface before Python 3.12.
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not data.strip():
            return  # a keep-alive
        message = _parse(data, addr)
        self.inbox.append(message)
        if self._answer is not None and (answer := self._answer(message)) is not None:
            self.send(answer, addr)
        self.tell()

    def error_received(self, exc: Exception) -> None:
        return  # nobody listens there: the test waits for what it needs

    def answers_with(self, answer: Callable[[Message], str | None]) -> None:
        """Answer each message at once with what this makes of it, if anything."""
        self._answer = answer

    def send(self, text: str | bytes, address: tuple[str, int]) -> None:
        """Send one datagram."""
        assert self._transport is not None
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
        self._transport.sendto(data, address)

    @property
    def address(self) -> str:
        """Where it listens, host:port."""
        return f"{HOST}:{self.port}"

    async def until_message(self, wanted: Callable[[Message], bool], limit_s: float = LIMIT_S) -> Message:
        """The first message that is wanted and was not given before."""

        def found() -> Message | None:
            for place, message in enumerate(self.inbox):
                if place not in self._taken and wanted(message):
                    self._taken.add(place)
                    return message
            return None

        return await self.until(found, limit_s)

    async def response(self, code: int, method: str = "INVITE") -> Message:
        """A response by its code."""
        return await self.until_message(lambda m: m.code == code and m.method == method)

    async def final(self, method: str = "INVITE") -> Message:
        """The next final response, whatever it is."""
        return await self.until_message(lambda m: m.code >= 200 and m.method == method)

    async def request(self, method: str) -> Message:
        """A request by its method."""
        return await self.until_message(lambda m: not m.code and m.method == method)

    def count(self, method: str, code: int = 0) -> int:
        """How many such messages have come, retransmissions included."""
        return sum(message.method == method and message.code == code for message in self.inbox)

    def close(self) -> None:
        """Close the port."""
        if self._transport is not None:
            self._transport.close()


@asynccontextmanager
async def raw_peer() -> AsyncIterator[RawPeer]:
    """A peer on a port of its own."""
    loop = asyncio.get_running_loop()
    _, peer = await loop.create_datagram_endpoint(RawPeer, local_addr=(HOST, 0), family=socket.AF_INET)
    try:
        yield peer
    finally:
        peer.close()


class RtpPort(Waiting, asyncio.DatagramProtocol):
    """Counts what comes in."""

    def __init__(self) -> None:
        super().__init__()
        self.port = 0
        self.packets = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.packets += 1
        self.tell()

    async def more(self, count: int = 10) -> None:
        """Until that many more have come."""
        reached = self.packets + count
        await self.until(lambda: True if self.packets >= reached else None)


@asynccontextmanager
async def rtp_port() -> AsyncIterator[RtpPort]:
    """A port for audio."""
    loop = asyncio.get_running_loop()
    transport, port = await loop.create_datagram_endpoint(RtpPort, local_addr=(HOST, 0))
    try:
        yield port
    finally:
        transport.close()


def reply(request: Message, code: int, reason: str, *extra: str, tag: str = "peer", body: str = "") -> str:
    """A response to a request that was received; `extra` are whole header lines."""
    copied = [
        f"{key}: {value}" for key, value in request.headers if key in ("Via", "From", "Call-ID", "CSeq")
    ]
    to = request.header("To")
    to_line = f"To: {to}" if "tag=" in to or code == 100 else f"To: {to};tag={tag}"
    return _whole(f"SIP/2.0 {code} {reason}", [*copied, to_line, *extra], body)


@dataclass(slots=True)
class RawCall:
    """A dialog begun by a raw peer towards a UAS."""

    peer: RawPeer
    port: int
    call_id: str = field(default_factory=lambda: f"raw-{next(_names)}")
    cseq: int = 1
    remote_to: str = ""
    rtp_port: int = 9

    @property
    def target(self) -> tuple[str, int]:
        """Where requests go."""
        return HOST, self.port

    def request(
        self,
        method: str,
        *extra: str,
        body: str = "",
        cseq: int | None = None,
        branch: str = "",
        from_header: str = "",
    ) -> str:
        """A request of this dialog; `extra` are whole header lines."""
        number = self.cseq if cseq is None else cseq
        transaction = branch or f"{self.call_id}-{number}-{method}"
        lines = [
            f"Via: SIP/2.0/UDP {self.peer.address};rport;branch=z9hG4bK{transaction}",
            "Max-Forwards: 70",
            from_header or f"From: <sip:raw@{self.peer.address}>;tag=raw",
            f"To: {self.remote_to or f'<sip:service@{HOST}:{self.port}>'}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:raw@{self.peer.address}>",
            *extra,
        ]
        return _whole(f"{method} sip:service@{HOST}:{self.port} SIP/2.0", lines, body)

    def send(self, text: str | bytes) -> None:
        """Send it to the other side."""
        self.peer.send(text, self.target)

    def invite(self, *extra: str, offer: str | None = None, from_header: str = "") -> str:
        """Send an INVITE with an SDP offer (an empty one sends none); returned so that it can be repeated."""
        body = OFFER.format(port=self.rtp_port) if offer is None else offer
        text = self.request("INVITE", *extra, body=body, from_header=from_header)
        self.send(text)
        return text

    async def established(self) -> Message:
        """Wait for the 200 and acknowledge it."""
        answer = await self.peer.until_message(
            lambda m: m.code == 200 and m.method == "INVITE" and m.header("Call-ID") == self.call_id
        )
        self.take(answer)
        self.ack()
        return answer

    def take(self, answer: Message) -> None:
        """Remember the dialog's other half."""
        self.remote_to = answer.header("To")

    def ack(self, body: str = "") -> None:
        """Acknowledge a 200."""
        self.send(self.request("ACK", body=body, branch=f"{self.call_id}-ack-{self.cseq}"))

    def ack_refusal(self, answer: Message) -> None:
        """Acknowledge a final response that is not a 200: same branch as the INVITE (RFC 3261 17.1.1.3)."""
        self.take(answer)
        self.send(self.request("ACK", branch=f"{self.call_id}-{self.cseq}-INVITE"))

    def cancel(self) -> None:
        """Cancel the INVITE: same branch."""
        self.remote_to = ""
        self.send(self.request("CANCEL", branch=f"{self.call_id}-{self.cseq}-INVITE"))

    def next(self, method: str, *extra: str, body: str = "") -> None:
        """A further request in the dialog."""
        self.cseq += 1
        self.send(self.request(method, *extra, body=body))


def _whole(start: str, lines: list[str], body: str) -> str:
    typed = body and not any(line.lower().startswith("content-type") for line in lines)
    content = ["Content-Type: application/sdp"] if typed else []
    size = len(body.encode("utf-8", "surrogateescape"))
    return "\r\n".join([start, *lines, *content, f"Content-Length: {size}", "", body])
