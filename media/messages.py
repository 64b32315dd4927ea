"""The contract between the control process and a media worker: every command, event and the framing.

Theory of operation. A worker is a process with up to a few SIP legs (`Ready.max_legs`, read from the SIP
library). Control and worker share one socketpair; each message is a MessagePack map tagged with its type,
behind a four-byte big-endian length. The worker speaks first (`Hello`), control answers `Configure`, the
worker answers `Ready` or `Failed` and leaves. From then on:

* every command carries a request id and gets exactly one `Done` or `Failed` with that id, in order;
* events come when they happen; those of a leg end with its `Ended`, after which its number is not reused;
* a `Beat` comes once a second from the worker's own loop: three missing beats are a hung worker;
* end-of-file from control means that the control process is gone: the worker plays `Configure.farewell` to
  its callers, hangs up and leaves. End-of-file from the worker means that it died.

Names are resolved by control: a worker sees addresses only. Numbers of legs are chosen by the worker for
incoming calls and by control (`Dial.leg`, negative) for outgoing ones, so that no event can precede the
reply that names its leg.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NewType

import msgspec

VERSION = 1
MAX_FRAME = 1 << 20

LegId = NewType("LegId", int)
RequestId = NewType("RequestId", int)
PlayId = NewType("PlayId", int)
RecordingId = NewType("RecordingId", int)


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of everything that crosses the socket."""


class Registrar(msgspec.Struct, frozen=True, kw_only=True):
    """A registration that the worker keeps up (direct mode). `uri` as configured, `address` resolved.

    After a failure it is tried again every `retry_s`, for ever, also where the registrar said no."""

    trunk: str
    uri: str
    address: str
    user: str
    password: str
    expires_s: int = 300
    retry_s: int = 15


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker behind an edge presents itself to one kind of peers.

    `proxy` is the edge's own address, host:port; `contact` is what peers see of it, which may be another;
    media is bound to `media_bind` and announced as `media_host`."""

    name: str
    proxy: str
    contact: str
    media_bind: str
    media_host: str


# --- commands: control to worker -------------------------------------------------------------------------


class Configure(Message, frozen=True, kw_only=True):
    """First message to a worker. `listen` is host:port (UDP).

    With `sides` the worker stands behind an edge: it speaks through the side that the edge (X-IVR-Side) or
    `Dial.side` names, the first without a name, and `contact_user` is the user part of its Contact."""

    listen_host: str
    listen_port: int
    public_host: str | None = None
    local_networks: tuple[str, ...] = ()
    rtp_first: int
    rtp_last: int
    user_agent: str
    wideband: bool = False
    farewell: str | None = None
    registrars: tuple[Registrar, ...] = ()
    sides: tuple[Side, ...] = ()
    contact_user: str = "ivr"


class Command(Message, frozen=True, kw_only=True):
    """A request; answered once."""

    id: RequestId


class Answer(Command, frozen=True, kw_only=True):
    """Send a provisional or final 2xx response to an incoming leg."""

    leg: LegId
    code: int = 200


class Hangup(Command, frozen=True, kw_only=True):
    """Refuse, cancel or end a leg. `code` and `reason` matter for a leg that is not answered yet."""

    leg: LegId
    code: int = 0
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()


class Dial(Command, frozen=True, kw_only=True):
    """Call `uri`, sending to `address` (host:port, an IP literal). `from_uri` may carry a display name."""

    leg: LegId
    uri: str
    address: str
    from_uri: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    trunk: str | None = None
    side: str | None = None


class Play(Command, frozen=True, kw_only=True):
    """Play files one after the other to a leg; `loop` repeats the last for ever. Replaces what plays.

    Ends with `PlayEnded`. A looped file starts where the worker's shared player of that file is."""

    leg: LegId
    play: PlayId
    files: tuple[str, ...]
    loop: bool = False


class StopPlay(Command, frozen=True, kw_only=True):
    """Stop what plays to a leg, whatever it is; nothing to stop is not an error."""

    leg: LegId


class Mix(Command, frozen=True, kw_only=True):
    """Who hears whom, for all legs named: `hears` maps a listener to its sources.

    Replaces the former mix of the listeners named and stops what plays to them, in one step."""

    hears: tuple[tuple[LegId, tuple[LegId, ...]], ...]


class Record(Command, frozen=True, kw_only=True):
    """Write what the peers of these legs say, mixed, to a WAV file, until stopped or the last leg ends."""

    recording: RecordingId
    legs: tuple[LegId, ...]
    path: str


class StopRecord(Command, frozen=True, kw_only=True):
    """Stop a recording and close its file."""

    recording: RecordingId


class SendDigits(Command, frozen=True, kw_only=True):
    """Send DTMF as RFC 4733 events, or as SIP INFO `application/dtmf-relay`."""

    leg: LegId
    digits: str
    method: str = "rfc4733"


class Hold(Command, frozen=True, kw_only=True):
    """Put the peer on hold by re-INVITE, or take it back."""

    leg: LegId
    on: bool


class Refer(Command, frozen=True, kw_only=True):
    """Ask the peer of an answered leg to call `uri` instead (RFC 3515). How that goes comes as `Referred`."""

    leg: LegId
    uri: str


class GetStats(Command, frozen=True, kw_only=True):
    """Ask for the RTP statistics of a leg: answered by a `Stats` event before `Done`."""

    leg: LegId


class Bye(Command, frozen=True, kw_only=True):
    """End everything and leave."""


# --- events: worker to control ---------------------------------------------------------------------------


class Hello(Message, frozen=True, kw_only=True):
    """First message of a worker. `pss_bytes` shows that it was forked from a lean parent."""

    version: int
    pid: int
    pss_bytes: int
    library: str


class Ready(Message, frozen=True, kw_only=True):
    """Configured: the SIP port is open. `max_legs` is what this build of the library holds."""

    listen: str
    max_legs: int


class Beat(Message, frozen=True, kw_only=True):
    """Once a second. `legs` counts what the library still holds, which may outlive `Ended` (see Dial)."""

    legs: int


class Done(Message, frozen=True, kw_only=True):
    """The command with this id was carried out."""

    id: RequestId


class Failed(Message, frozen=True, kw_only=True):
    """The command with this id (0: start-up) was not carried out. `code` is a word for programs."""

    id: RequestId
    code: str
    text: str


class Incoming(Message, frozen=True, kw_only=True):
    """An INVITE. `headers` are the message's own, in order, text made clean UTF-8."""

    leg: LegId
    sip_call_id: str
    from_tag: str
    source: str
    request_uri: str
    headers: tuple[tuple[str, str], ...]


class Progress(Message, frozen=True, kw_only=True):
    """A provisional response to a leg that we dial."""

    leg: LegId
    code: int
    reason: str


class DialogState(Message, frozen=True, kw_only=True):
    """What control needs to end the leg should the worker die (RFC 3261 12).

    Told when a 200 has come or was sent, before `Answered`, and again when the peer's Contact is another.

    `local` and `remote` are From and To values with their tags, `target` a Contact value, `record_routes` the
    values as they stood in the 200."""

    leg: LegId
    call_id: str
    local: str
    remote: str
    target: str
    record_routes: tuple[str, ...]


class Answered(Message, frozen=True, kw_only=True):
    """The leg is established: 200 received, or our 200 acknowledged."""

    leg: LegId
    code: int


class MediaChanged(Message, frozen=True, kw_only=True):
    """Audio of a leg started, changed or was put on hold by the peer."""

    leg: LegId
    active: bool
    held: bool
    codec: str
    remote_rtp: str


class PlayEnded(Message, frozen=True, kw_only=True):
    """A `Play` is over: "finished", "stopped", "replaced", "gone" (leg ended) or "failed"."""

    leg: LegId
    play: PlayId
    outcome: str
    text: str = ""


class Digit(Message, frozen=True, kw_only=True):
    """One DTMF key, `method` "rfc4733" or "info"."""

    leg: LegId
    digit: str
    method: str


class Referred(Message, frozen=True, kw_only=True):
    """The peer's word on a `Refer`: its own refusal, or the status of its call to the target.

    Nothing more comes after `final`; a peer that hangs up first need not send one."""

    leg: LegId
    code: int
    reason: str
    final: bool


class Stats(Message, frozen=True, kw_only=True):
    """RTP of one leg, from the worker's side. Jitter and round trip in milliseconds."""

    leg: LegId
    codec: str = ""
    rx_packets: int = 0
    rx_lost: int = 0
    rx_discarded: int = 0
    rx_jitter_ms: float = 0.0
    tx_packets: int = 0
    tx_lost: int = 0
    tx_jitter_ms: float = 0.0
    rtt_ms: float = 0.0


class Ended(Message, frozen=True, kw_only=True):
    """A leg is over. `by` is "peer" or "us"; `code` the final SIP code where there was one."""

    leg: LegId
    by: str
    code: int
    reason: str
    stats: Stats | None = None


class Registration(Message, frozen=True, kw_only=True):
    """The state of a trunk's registration; `code` 200 with `expires_s` above 0 is registered."""

    trunk: str
    code: int
    reason: str
    expires_s: int


class Log(Message, frozen=True, kw_only=True):
    """A line for the node's log."""

    level: str
    text: str


ToWorker = (
    Configure
    | Answer
    | Hangup
    | Dial
    | Play
    | StopPlay
    | Mix
    | Record
    | StopRecord
    | SendDigits
    | Hold
    | Refer
    | GetStats
    | Bye
)
LegEvent = (
    Incoming | Progress | DialogState | Answered | MediaChanged | PlayEnded | Digit | Referred | Stats | Ended
)
FromWorker = Hello | Ready | Beat | Done | Failed | Registration | Log | LegEvent

_to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
_from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
_encoder = msgspec.msgpack.Encoder()


class ContractError(Exception):
    """The other end sent what the contract does not know: a fault of ours, never of a caller."""


def encode(message: Message) -> bytes:
    """The message as one frame, length and body."""
    body = _encoder.encode(message)
    return len(body).to_bytes(4, "big") + body


def decode_command(body: bytes) -> ToWorker:
    """A frame's body as a command; `ContractError` when it is none."""
    try:
        return _to_worker.decode(body)
    except msgspec.DecodeError as exc:
        raise ContractError(f"not a command: {exc}") from exc


def decode_event(body: bytes) -> FromWorker:
    """A frame's body as an event; `ContractError` when it is none."""
    try:
        return _from_worker.decode(body)
    except msgspec.DecodeError as exc:
        raise ContractError(f"not an event: {exc}") from exc


class FrameReader:
    """Bytes in, frame bodies out; keeps what is incomplete."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Add bytes and yield each body that is complete."""
        self._buffer += data
        while len(self._buffer) >= 4:
            size = int.from_bytes(self._buffer[:4], "big")
            if size > MAX_FRAME:
                raise ContractError(f"frame of {size} bytes, at most {MAX_FRAME}")
            if len(self._buffer) < 4 + size:
                return
            body = bytes(self._buffer[4 : 4 + size])
            del self._buffer[: 4 + size]
            yield body
