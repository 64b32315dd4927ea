"""The one loop of a worker: SIP events, then commands, then what is due. `media.messages` is the contract."""

from __future__ import annotations

import faulthandler
import os
import re
import select
import signal
import socket
import time
import traceback
from collections import deque
from contextlib import suppress

import pjsua2 as pj

from media.messages import (
    VERSION,
    Answer,
    Beat,
    Bye,
    Command,
    Configure,
    Dial,
    Done,
    Failed,
    FromWorker,
    GetStats,
    Hangup,
    Hello,
    Hold,
    Incoming,
    LegId,
    Mix,
    Play,
    PlayId,
    Ready,
    Record,
    Refer,
    RequestId,
    SendDigits,
    StopPlay,
    StopRecord,
    ToWorker,
)
from media.worker import sip_text
from media.worker.audio import Studio
from media.worker.channel import Channel, ControlGone
from media.worker.endpoint import Endpoint, Library, PhoneAccount, StartError
from media.worker.leg import AudioReady, Leg, LegOver, Notice, Unwanted, add_headers
from media.worker.repeats import Repeats

_CONFIGURE_TIMEOUT_S = 10.0
_PAUSE_MS = 5
_POLL_MS = 1000
_SIP_URI = re.compile(r"sip:([A-Za-z0-9+*#_.~%!'()&=-]{1,64}@)?[A-Za-z0-9.-]{1,200}(:\d{1,5})?")
_FAREWELL_LIMIT_S = 10.0
_GOODBYE_S = 1.5
_FAREWELL = PlayId(-1)


class CommandError(Exception):
    """A command that cannot be carried out: a word for programs, and a sentence."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Worker:
    """Legs and audio of one process, driven by a channel."""

    def __init__(self, channel: Channel, config: Configure, library: Library) -> None:
        self._channel = channel
        self._config = config
        self._library = library
        self._notices: deque[Notice] = deque()
        self._legs: dict[LegId, Leg] = {}
        self._ended: list[Leg] = []
        self._next_leg = 1
        self._next_beat = 0.0
        self._last_calls = 0
        self._repeats = Repeats(time.monotonic)
        self._leaving = False
        self._endpoint = Endpoint(config)
        self._studio = Studio(channel.send, time.monotonic, lambda: self._endpoint.libHandleEvents(_PAUSE_MS))
        self._endpoint.add_accounts(self._on_incoming, self._notices.append)
        channel.send(Ready(listen=f"{config.listen_host}:{config.listen_port}", max_legs=library.max_calls()))

    def run(self) -> None:
        """Serve until `Bye`, or until control is gone."""
        try:
            while self._serve():
                pass
        except ControlGone:
            self._leaving = True
            self._farewell()
        finally:
            # Also after a fault of ours, whose traceback is the last output: no peer is left without a BYE.
            self._leaving = True
            self._leave()

    def _serve(self) -> bool:
        self._turn(self._wait_ms())
        for command in self._channel.commands():
            if isinstance(command, Bye):
                self._channel.send(Done(id=command.id))
                return False
            self._carry_out(command)
            self._report()
        self._beat()
        return True

    def _turn(self, wait_ms: int) -> None:
        self._endpoint.libHandleEvents(wait_ms)
        self._beat()
        self._studio.poll()
        self._report()
        self._let_go()
        self._endpoint.retry_registrations()

    def _wait_ms(self) -> int:
        due = self._studio.due_in()
        beat = max(0.0, self._next_beat - time.monotonic())
        return min(_POLL_MS, int(1000 * min(beat, due if due is not None else beat)) + 1)

    def _beat(self) -> None:
        """Once a second, and at once when the library's legs are other than control was told."""
        calls, due = self._library.calls(), time.monotonic() >= self._next_beat
        if calls:
            self._endpoint.run_clock(True)
        elif due:
            self._endpoint.run_clock(False)  # not at once: closing what the last leg had open takes a frame
        if due or calls != self._last_calls:
            self._next_beat = time.monotonic() + 1.0
            self._last_calls = calls
            self._channel.send(Beat(legs=calls))

    def _report(self) -> None:
        """Send what callbacks have queued, and act on what concerns only the worker."""
        while self._notices:
            notice = self._notices.popleft()
            if isinstance(notice, AudioReady):
                self._studio.reconnect(notice.leg)
            elif isinstance(notice, LegOver):
                self._studio.remove(notice.leg)
                self._legs.pop(notice.leg.id, None)
                self._ended.append(notice.leg)
            elif isinstance(notice, Unwanted):
                self._hang_up([notice.leg], notice.code, notice.reason)
            else:
                if isinstance(notice, Incoming):
                    self._beat()  # control decides on a call with the legs that there are, this one counted
                self._channel.send(notice)

    def _let_go(self) -> None:
        """Destroy legs that are over, but none whose place in the library has a new call already.

        The library's destructor hangs up whatever call is in the place that its own call had.
        """
        self._ended = [leg for leg in self._ended if leg.isActive()]

    def _on_incoming(self, account: PhoneAccount, prm: pj.OnIncomingCallParam) -> None:
        leg_id = LegId(self._next_leg)
        self._next_leg += 1
        leg = Leg(leg_id, account, self._notices.append, prm.callId)
        self._adopt(leg)
        message = prm.rdata.wholeMsg
        headers = sip_text.headers(message)
        if self._repeats.is_repeat(headers):
            self._notices.append(Unwanted(leg, 482, "Loop Detected"))
            return
        if self._leaving:
            self._notices.append(Unwanted(leg, 503, "Service Unavailable"))
            return
        self._notices.append(
            Incoming(
                leg=leg_id,
                sip_call_id=sip_text.header(headers, "Call-ID"),
                from_tag=sip_text.tag(sip_text.header(headers, "From")),
                source=prm.rdata.srcAddress,
                request_uri=sip_text.request_uri(message),
                headers=headers,
            )
        )

    def _adopt(self, leg: Leg) -> None:
        self._legs[leg.id] = leg
        self._studio.add(leg)

    def _carry_out(self, command: ToWorker) -> None:
        if isinstance(command, Configure):
            self._channel.send(Failed(id=RequestId(0), code="state", text="configured already"))
            return
        try:
            self._do(command)
        except CommandError as exc:
            self._channel.send(Failed(id=command.id, code=exc.code, text=str(exc)))
        except pj.Error as exc:
            self._channel.send(Failed(id=command.id, code="sip", text=sip_text.clean(exc.reason)))
        except Exception as exc:  # noqa: BLE001 - a root: one bad command must not end the other legs
            with suppress(OSError):
                traceback.print_exc()
            self._channel.send(Failed(id=command.id, code="fault", text=f"{type(exc).__name__}: {exc}"))
        else:
            self._channel.send(Done(id=command.id))

    def _do(self, command: Command) -> None:
        match command:
            case Answer():
                _check(101 <= command.code < 300, "code", f"{command.code} does not answer a call")
                self._leg(command.leg).respond(command.code)
            case Hangup():
                _check(not command.code or 300 <= command.code < 700, "code", f"{command.code} ends no call")
                _check_names(command.headers)
                self._leg(command.leg).finish(command.code, command.reason, command.headers)
            case Dial():
                self._dial(command)
            case Play():
                self._leg(command.leg)
                self._studio.play(command.leg, command.play, command.files, command.loop)
            case StopPlay():
                self._studio.stop(command.leg)
            case Mix():
                self._studio.mix(command.hears)
            case Record():
                for leg_id in command.legs:
                    self._leg(leg_id)
                self._studio.record(command.recording, command.legs, command.path)
            case StopRecord():
                self._studio.stop_recording(command.recording)
            case SendDigits():
                self._leg(command.leg).digits(command.digits, command.method)
            case Hold():
                self._leg(command.leg).hold(command.on)
            case Refer():
                _check(bool(_SIP_URI.fullmatch(command.uri)), "uri", f"{command.uri!r} is no SIP URI")
                leg = self._leg(command.leg)
                _check(leg.answered, "state", f"leg {command.leg} is not answered")
                leg.refer(command.uri)
            case GetStats():
                self._channel.send(self._leg(command.leg).read_stats())
            case _:
                raise CommandError("unknown", type(command).__name__)

    def _leg(self, leg_id: LegId) -> Leg:
        leg = self._legs.get(leg_id)
        if leg is None or leg.over:
            raise CommandError("no_leg", f"leg {leg_id} is over")
        return leg

    def _dial(self, command: Dial) -> None:
        host = command.address.rsplit(":", 1)[0]
        # A name would be looked up in the one thread, and every leg would wait for it.
        _check(_is_address(host), "address", f"{host!r} is no IPv4 address")
        _check_names(command.headers)
        account = self._endpoint.account_for(command.trunk, host, command.side)
        leg = Leg(command.leg, account, self._notices.append)
        prm = pj.CallOpParam(True)
        user, at, _ = command.uri.removeprefix("sip:").rpartition("@")
        prm.txOption.targetUri = f"sip:{user}{at}{command.address}"
        if command.from_uri:
            prm.txOption.localUri = command.from_uri
        add_headers(prm.txOption, command.headers)
        self._adopt(leg)
        try:
            leg.makeCall(command.uri, prm)
        except pj.Error:
            self._studio.remove(leg)
            self._legs.pop(leg.id, None)
            raise

    # --- leaving -----------------------------------------------------------------------------------------

    def _farewell(self) -> None:
        """Control is gone: tell those who are on the line once what happened, within a limit."""
        told: set[LegId] = set()
        self._studio.mix(tuple((leg_id, ()) for leg_id in self._legs))
        for leg_id, leg in list(self._legs.items()):
            self._studio.stop(leg_id)
            if self._config.farewell and leg.answered:
                self._studio.play(leg_id, _FAREWELL, (self._config.farewell,), False)
                told.add(leg_id)
        self._hang_up([leg for leg_id, leg in self._legs.items() if leg_id not in told])
        limit = time.monotonic() + _FAREWELL_LIMIT_S
        while self._studio.due_in() is not None and time.monotonic() < limit:
            self._turn(20)

    def _leave(self) -> None:
        """End every call, unregister, and give the peers a moment to confirm it."""
        limit = time.monotonic() + _GOODBYE_S
        self._endpoint.unregister()
        self._hang_up(list(self._legs.values()))
        while (self._library.calls() or self._endpoint.registered) and time.monotonic() < limit:
            self._turn(20)
        self._studio.close()

    def _hang_up(self, legs: list[Leg], code: int = 503, reason: str = "Service Unavailable") -> None:
        for leg in legs:
            if leg.over:
                continue
            try:
                leg.finish(code, reason, ())
            except pj.Error:
                continue


def _check(good: bool, code: str, text: str) -> None:
    """What the library would abort on, or do worse, is refused here."""
    if not good:
        raise CommandError(code, text)


def _check_names(headers: tuple[tuple[str, str], ...]) -> None:
    for name, _ in headers:
        _check(sip_text.is_token(name), "header", f"{name!r} is no header's name")


def _is_address(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET, host)
    except OSError:
        return False
    return True


def run(sock: socket.socket, output: socket.socket) -> None:
    """The whole life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    output.setblocking(False)  # a line that nobody reads is lost; calls do not wait for it
    os.dup2(output.fileno(), 1)
    os.dup2(output.fileno(), 2)
    output.close()
    faulthandler.enable(file=2)  # where the library was when it died, for the crash report
    channel = Channel(sock)
    library = Library()
    hello: FromWorker = Hello(
        version=VERSION,
        pid=os.getpid(),
        pss_bytes=_pss_bytes(),
        library=library.version(),
    )
    channel.send(hello)
    status = 0
    try:
        config = _configuration(channel)
        Worker(channel, config, library).run()
    except StartError as exc:
        channel.send(Failed(id=RequestId(0), code=exc.code, text=str(exc)))
        status = 1
    except ControlGone:
        status = 1
    # Nothing is left to save, and the library's own exit takes a second and may assert: leave without it.
    os._exit(status)


def _configuration(channel: Channel) -> Configure:
    limit = time.monotonic() + _CONFIGURE_TIMEOUT_S
    while time.monotonic() < limit:
        select.select([channel.fileno()], [], [], 1.0)
        for command in channel.commands():
            if isinstance(command, Configure):
                return command
            raise StartError("state", f"{type(command).__name__} before Configure")
    raise StartError("timeout", "no configuration from the control process")


def _pss_bytes() -> int:
    try:
        with open("/proc/self/smaps_rollup", encoding="ascii") as file:
            line = next(line for line in file if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0
    return int(line.split()[1]) * 1024
