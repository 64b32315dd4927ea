"""One SIP dialog with its audio. Callbacks make one event each and return; nothing raises into C++."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import msgspec
import pjsua2 as pj

from media.messages import (
    Answered,
    DialogState,
    Digit,
    Ended,
    FromWorker,
    LegId,
    MediaChanged,
    Progress,
    Referred,
    Stats,
)
from media.worker.sip_text import clean, header, header_line, headers


@dataclasses.dataclass(frozen=True, slots=True)
class AudioReady:
    """Not for control: the leg's audio port may have changed, mixes and plays are to be connected anew."""

    leg: Leg


@dataclasses.dataclass(frozen=True, slots=True)
class LegOver:
    """Not for control: the library has let go of the leg."""

    leg: Leg


@dataclasses.dataclass(frozen=True, slots=True)
class Unwanted:
    """Not for control: a call to be refused without asking."""

    leg: Leg
    code: int
    reason: str


Notice = FromWorker | AudioReady | LegOver | Unwanted


class Leg(pj.Call):
    """A call of the library, known to control by `id`."""

    def __init__(
        self, leg_id: LegId, account: pj.Account, emit: Callable[[Notice], None], call_id: int = -1
    ) -> None:
        super().__init__(account, call_id)
        self.id = leg_id
        self._emit = emit
        self._redirection: tuple[int, str] | None = None
        self._ended_by_us = False
        self._accepted = False
        self.answered = False
        self._dialog: DialogState | None = None
        self._last_media: MediaChanged | None = None
        self._codec = ""
        self._remote_rtp = ""
        self.stats = Stats(leg=leg_id)
        self.over = False

    # --- verbs -------------------------------------------------------------------------------------------

    def respond(self, code: int) -> None:
        """Send a provisional or a 2xx response to the INVITE."""
        prm = pj.CallOpParam()
        prm.statusCode = code
        self.answer(prm)
        self._accepted = self._accepted or code >= 200

    def finish(self, code: int, reason: str, headers: tuple[tuple[str, str], ...]) -> None:
        """Refuse, cancel or end."""
        prm = pj.CallOpParam()
        if code:
            prm.statusCode = code
            prm.reason = header_line(reason)
        add_headers(prm.txOption, headers)
        self._ended_by_us = True
        self.hangup(prm)

    def hold(self, on: bool) -> None:
        """Put the peer on hold by re-INVITE, or take it back."""
        prm = pj.CallOpParam(True)
        if on:
            self.setHold(prm)
        else:
            prm.opt.flag = pj.PJSUA_CALL_UNHOLD
            self.reinvite(prm)

    def digits(self, digits: str, method: str) -> None:
        """Send DTMF."""
        prm = pj.CallSendDtmfParam()
        prm.digits = digits
        prm.method = pj.PJSUA_DTMF_METHOD_SIP_INFO if method == "info" else pj.PJSUA_DTMF_METHOD_RFC2833
        self.sendDtmf(prm)

    def refer(self, uri: str) -> None:
        """Ask the peer to call somebody instead of us."""
        self.xfer(uri, pj.CallOpParam())

    def audio(self) -> pj.AudioMedia | None:
        """The leg's port on the bridge, while it has one."""
        if self.over:
            return None
        try:
            return self.getAudioMedia(-1)
        except pj.Error:
            return None

    def read_stats(self) -> Stats:
        """RTP counters now; the last known ones when the stream is gone."""
        if not self.over:
            try:
                stat = self.getStreamStat(0)  # kept: what is read below are views into it
                rtcp = stat.rtcp
            except pj.Error:
                return self.stats
            self.stats = Stats(
                leg=self.id,
                codec=self._codec,
                rx_packets=rtcp.rxStat.pkt,
                rx_lost=rtcp.rxStat.loss,
                rx_discarded=rtcp.rxStat.discard,
                rx_jitter_ms=rtcp.rxStat.jitterUsec.mean / 1000,
                tx_packets=rtcp.txStat.pkt,
                tx_lost=rtcp.txStat.loss,
                tx_jitter_ms=rtcp.txStat.jitterUsec.mean / 1000,
                rtt_ms=rtcp.rttUsec.mean / 1000,
            )
        return self.stats

    # --- callbacks ---------------------------------------------------------------------------------------

    def onCallState(self, prm: pj.OnCallStateParam) -> None:
        info = self.getInfo()
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self._disconnected(info)
        elif info.state == pj.PJSIP_INV_STATE_CONNECTING:
            self._established(info, prm.e)
        elif info.state == pj.PJSIP_INV_STATE_CONFIRMED and not self.answered:
            self.answered = True
            self._emit(Answered(leg=self.id, code=info.lastStatusCode or 200))
        elif info.state == pj.PJSIP_INV_STATE_EARLY and info.role == pj.PJSIP_ROLE_UAC:
            self._emit(Progress(leg=self.id, code=info.lastStatusCode, reason=clean(info.lastReason)))

    def onCallTsxState(self, prm: pj.OnCallTsxStateParam) -> None:
        # RFC 3261 12.2: an INVITE or UPDATE in the dialog, or what answers it, may name another Contact.
        if self._dialog is not None and not self.over:
            target = clean(self.getInfo().remoteContact)
            if target != self._dialog.target:
                self._dialog = msgspec.structs.replace(self._dialog, target=target)
                self._emit(self._dialog)

    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:
        info = self.getInfo()  # kept: the list below is a view into it
        media = next((m for m in info.media if m.type == pj.PJMEDIA_TYPE_AUDIO), None)
        if media is None:
            return
        active = media.status in (pj.PJSUA_CALL_MEDIA_ACTIVE, pj.PJSUA_CALL_MEDIA_REMOTE_HOLD)
        if active:
            self._read_stream()
        changed = MediaChanged(
            leg=self.id,
            active=active,
            held=media.status == pj.PJSUA_CALL_MEDIA_REMOTE_HOLD,
            codec=self._codec,
            remote_rtp=self._remote_rtp,
        )
        if active or media.status == pj.PJSUA_CALL_MEDIA_LOCAL_HOLD:
            self._emit(AudioReady(self))  # whom we hold, hears our music: that stream is a new one, too
        if changed != self._last_media:
            self._last_media = changed
            self._emit(changed)

    def onStreamDestroyed(self, prm: pj.OnStreamDestroyedParam) -> None:
        self.read_stats()

    def onDtmfDigit(self, prm: pj.OnDtmfDigitParam) -> None:
        method = "info" if prm.method == pj.PJSUA_DTMF_METHOD_SIP_INFO else "rfc4733"
        self._emit(Digit(leg=self.id, digit=clean(prm.digit)[:1], method=method))

    def onCallTransferRequest(self, prm: pj.OnCallTransferRequestParam) -> None:
        prm.statusCode = 603  # the library would answer 202 and dial the target at once

    def onCallTransferStatus(self, prm: pj.OnCallTransferStatusParam) -> None:
        self._emit(
            Referred(leg=self.id, code=prm.statusCode, reason=clean(prm.reason), final=bool(prm.finalNotify))
        )

    def onCallReplaceRequest(self, prm: pj.OnCallReplaceRequestParam) -> None:
        prm.statusCode = 603
        prm.reason = "Decline"

    def onCallRedirected(self, prm: pj.OnCallRedirectedParam) -> int:
        # Not followed, it ends the leg as 487: the peer's own answer is seen only here.
        tsx = prm.e.body.tsxState.tsx  # views into `prm`, which outlives this call
        self._redirection = (tsx.statusCode, clean(tsx.statusText))
        return pj.PJSIP_REDIRECT_STOP

    def _read_stream(self) -> None:
        try:
            stream = self.getStreamInfo(0)
        except pj.Error:
            return
        self._codec = f"{stream.codecName}/{stream.codecClockRate}"
        self._remote_rtp = stream.remoteRtpAddress

    def _established(self, info: pj.CallInfo, event: pj.SipEvent) -> None:
        """The 200 has come or has been sent: what stands in it is the dialog."""
        if event.type != pj.PJSIP_EVENT_TSX_STATE:
            return
        calls = info.role == pj.PJSIP_ROLE_UAC
        source = event.body.tsxState.src  # a view into `event`
        lines = headers(source.rdata.wholeMsg if calls else source.tdata.wholeMsg)
        caller, callee = header(lines, "From"), header(lines, "To")
        self._dialog = DialogState(
            leg=self.id,
            call_id=header(lines, "Call-ID"),
            local=caller if calls else callee,
            remote=callee if calls else caller,
            target=clean(info.remoteContact),
            record_routes=tuple(value for name, value in lines if name.lower() == "record-route"),
        )
        self._emit(self._dialog)

    def _disconnected(self, info: pj.CallInfo) -> None:
        self.over = True
        code, reason = (info.lastStatusCode, clean(info.lastReason))
        if self._redirection and not self._ended_by_us:
            code, reason = self._redirection
        elif self._ended_by_us and self._accepted and not self.answered:
            code, reason = 200, "OK"  # hung up before the ACK: what the library reports was never sent
        by = "us" if self._ended_by_us else "peer"
        self._emit(LegOver(self))
        self._emit(Ended(leg=self.id, by=by, code=code, reason=reason, stats=self.stats))


def add_headers(option: pj.SipTxOption, headers: tuple[tuple[str, str], ...]) -> None:
    """Headers of our own in a message: one line each, whatever their values hold."""
    for name, value in headers:
        header = pj.SipHeader()
        header.hName, header.hValue = name, header_line(value)
        option.headers.append(header)
