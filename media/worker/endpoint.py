"""The SIP library's set-up: one thread, one loop, no sound device, two codecs, one UDP port."""

from __future__ import annotations

import ctypes
import ipaddress
import time
from collections.abc import Callable
from contextlib import suppress

import pjsua2 as pj

from media.messages import Configure, Registrar, Registration, Side
from media.worker.sip_text import clean, header, headers

_CODECS = ("PCMU/8000", "PCMA/8000")
_WIDEBAND = "G722/16000"
_RETRY_AFTER_FAULT_S = 5.0
_PASSING_FAULTS = (408, 480, 500, 502, 503, 504)
_MORE_CALLS_THAN_ANY_BUILD = 1024  # the library cuts it down to its own limit
IncomingCall = Callable[["PhoneAccount", pj.OnIncomingCallParam], None]


class StartError(Exception):
    """The worker cannot take calls: port in use, address not ours. `code` is a word for programs."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Library:
    """Numbers that pjsua2 does not wrap, read from its shared object."""

    def __init__(self) -> None:
        from pjsua2 import _pjsua2  # type: ignore[attr-defined]  # the compiled half has no stub

        self._so = ctypes.CDLL(_pjsua2.__file__)

    def max_calls(self) -> int:
        """How many calls this build can hold in one process; known once it is initialised."""
        return int(self._so.pjsua_call_get_max_count())

    def version(self) -> str:
        """PJSIP's own, e.g. "2.15.1". What reads the wheel's would cost each worker 3 MB."""
        read = self._so.pj_get_version
        read.restype = ctypes.c_char_p
        return str(read().decode("ascii"))

    def calls(self) -> int:
        """How many calls it holds now, those being torn down included."""
        return int(self._so.pjsua_call_get_count())


class PhoneAccount(pj.Account):
    """An account: where incoming calls arrive, and whose identity and credentials outgoing ones use."""

    def __init__(
        self,
        incoming: IncomingCall,
        registration: Callable[[Registration], None],
        registrar: Registrar | None = None,
    ) -> None:
        super().__init__()
        self._incoming = incoming
        self._registration = registration
        self._registrar = registrar
        self.registered = False
        self.retry_at: float | None = None

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
        self._incoming(self, prm)

    def onRegState(self, prm: pj.OnRegStateParam) -> None:
        if self._registrar is not None:
            self.registered = prm.code == 200 and prm.expiration > 0
            self.retry_at = None
            if prm.code >= 300 and not _library_retries(prm.code):
                self.retry_at = time.monotonic() + self._registrar.retry_s
            self._registration(
                Registration(
                    trunk=self._registrar.trunk,
                    code=prm.code or prm.status,
                    reason=clean(prm.reason),
                    expires_s=max(prm.expiration, 0) if prm.code == 200 else 0,
                )
            )


class Endpoint(pj.Endpoint):
    """The library's one endpoint, with an account for each kind of peer."""

    def __init__(self, config: Configure) -> None:
        super().__init__()
        self._config = config
        self._networks = [ipaddress.ip_network(n) for n in config.local_networks]
        self.accounts: dict[str | None, PhoneAccount] = {}
        self._public: PhoneAccount | None = None
        self._sides: dict[str, PhoneAccount] = {}
        self.libCreate()
        self.libInit(self._settings())
        self.audDevManager().setNoDev()
        self._clock = False
        self._choose_codecs()
        self._listen()
        self.libStart()

    def add_accounts(self, incoming: IncomingCall, registration: Callable[[Registration], None]) -> None:
        """Create the accounts; registrations begin."""
        for side in self._config.sides:
            account = PhoneAccount(incoming, registration)
            account.create(self._behind(side), not self._sides)
            self._sides[side.name] = account
            self.accounts.setdefault(None, account)
        if self._sides:
            return
        local = PhoneAccount(incoming, registration)
        local.create(self._account(), True)
        self.accounts[None] = local
        if self._config.public_host:
            self._public = PhoneAccount(incoming, registration)
            cfg = self._account()
            cfg.sipConfig.contactForced = self._contact(self._config.public_host)
            cfg.mediaConfig.transportConfig.publicAddress = self._config.public_host
            self._public.create(cfg, False)
        for registrar in self._config.registrars:
            account = PhoneAccount(incoming, registration, registrar)
            account.create(self._registering(registrar), False)
            self.accounts[registrar.trunk] = account

    @property
    def registered(self) -> bool:
        """Whether a registrar still knows us."""
        return any(account.registered for account in self.accounts.values())

    def run_clock(self, on: bool) -> None:
        """Start or stop the clock of all audio: without it a leg sends no RTP and no keys, with it a worker
        without a call costs thirty times as much. The library's own switch stops it in a call that is silent.
        """
        if on == self._clock:
            return
        self._clock = on
        if on:
            self.audDevManager().setNullDev()
        else:
            self.audDevManager().setNoDev()

    def retry_registrations(self) -> None:
        """Ask again where a registrar said no some time ago."""
        now = time.monotonic()
        for account in self.accounts.values():
            if account.retry_at is not None and account.retry_at <= now:
                account.retry_at = now + _RETRY_AFTER_FAULT_S
                with suppress(pj.Error):  # still busy with the last one
                    account.setRegistration(True)

    def unregister(self) -> None:
        """Ask registrars to forget us."""
        for account in self.accounts.values():
            account.retry_at = None
            if account.registered:
                account.setRegistration(False)

    def account_for(self, trunk: str | None, host: str, side: str | None = None) -> PhoneAccount:
        """The account to call `host` with: the side's, the trunk's own, else by whether the host is near."""
        if self._sides:
            return self._sides.get(side or "", self.accounts[None])
        if trunk in self.accounts and trunk is not None:
            return self.accounts[trunk]
        if self._public is not None and not self._is_local(host):
            return self._public
        return self.accounts[None]

    def onSelectAccount(self, prm: pj.OnSelectAccountParam) -> None:
        if self._sides:
            side = header(headers(prm.rdata.wholeMsg), "X-IVR-Side")
            prm.accountIndex = self._sides.get(side, self.accounts[None]).getId()
            return
        host = prm.rdata.srcAddress.rsplit(":", 1)[0]
        if self._public is not None and not self._is_local(host):
            prm.accountIndex = self._public.getId()

    def _is_local(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return True
        return address.is_loopback or any(address in network for network in self._networks)

    def _settings(self) -> pj.EpConfig:
        cfg = pj.EpConfig()
        cfg.uaConfig.threadCnt = 0
        cfg.uaConfig.mainThreadOnly = True
        cfg.uaConfig.maxCalls = _MORE_CALLS_THAN_ANY_BUILD
        cfg.uaConfig.userAgent = self._config.user_agent
        # Everything in the one loop: an idle worker then costs next to nothing.
        cfg.medConfig.hasIoqueue = False
        cfg.medConfig.threadCnt = 0
        cfg.medConfig.sndAutoCloseTime = -1
        cfg.medConfig.noVad = True
        cfg.medConfig.ecTailLen = 0
        cfg.medConfig.clockRate = 16000 if self._config.wideband else 8000
        cfg.medConfig.sndClockRate = cfg.medConfig.clockRate
        cfg.medConfig.audioFramePtime = 20
        cfg.medConfig.ptime = 20
        cfg.logConfig.level = 2
        cfg.logConfig.consoleLevel = 2
        cfg.logConfig.msgLogging = 0
        return cfg

    def _choose_codecs(self) -> None:
        wanted = (_WIDEBAND, *_CODECS) if self._config.wideband else _CODECS
        for codec in self.codecEnum2():
            name = codec.codecId
            rank = next((i for i, prefix in enumerate(wanted) if name.startswith(prefix)), None)
            self.codecSetPriority(name, 0 if rank is None else 200 - rank)

    def _listen(self) -> None:
        cfg = pj.TransportConfig()
        cfg.port = self._config.listen_port
        if self._config.listen_host not in ("0.0.0.0", ""):
            cfg.boundAddress = self._config.listen_host
        try:
            self.transportCreate(pj.PJSIP_TRANSPORT_UDP, cfg)
        except pj.Error as exc:
            where = f"{self._config.listen_host}:{self._config.listen_port}/udp"
            raise StartError("bind", f"cannot listen on {where}: {exc.reason}") from exc

    def _contact(self, host: str, user: str = "ivr") -> str:
        return f"<sip:{user}@{host}:{self._config.listen_port}>"

    def _account(self) -> pj.AccountConfig:
        cfg = pj.AccountConfig()
        host = self._config.listen_host
        cfg.idUri = f"sip:ivr@{'127.0.0.1' if host == '0.0.0.0' else host}:{self._config.listen_port}"
        cfg.natConfig.contactRewriteUse = 0
        cfg.natConfig.viaRewriteUse = 0
        cfg.natConfig.sdpNatRewriteUse = 0
        cfg.natConfig.sipOutboundUse = 0
        media = cfg.mediaConfig
        media.srtpUse = pj.PJMEDIA_SRTP_DISABLED
        media.lockCodecEnabled = False
        media.streamKaEnabled = False
        media.transportConfig.port = self._config.rtp_first
        media.transportConfig.portRange = self._config.rtp_last - self._config.rtp_first
        if host != "0.0.0.0":
            media.transportConfig.boundAddress = host
        return cfg

    def _behind(self, side: Side) -> pj.AccountConfig:
        """Everything through the edge, and nothing said that is not the edge's address."""
        cfg = self._account()
        cfg.idUri = f"sip:{self._config.contact_user}@{side.contact}"
        cfg.sipConfig.contactForced = f"<sip:{self._config.contact_user}@{side.contact}>"
        cfg.sipConfig.proxies.append(f"sip:{side.proxy};lr")
        cfg.mediaConfig.transportConfig.boundAddress = side.media_bind
        cfg.mediaConfig.transportConfig.publicAddress = side.media_host
        return cfg

    def _registering(self, registrar: Registrar) -> pj.AccountConfig:
        cfg = self._account()
        cfg.idUri = registrar.uri.replace("sip:", f"sip:{registrar.user}@", 1)
        cfg.regConfig.registrarUri = registrar.uri
        cfg.regConfig.timeoutSec = registrar.expires_s
        # For ever, with jitter: a registrar that restarts is not met by all its clients at once.
        cfg.regConfig.firstRetryIntervalSec = 2
        cfg.regConfig.retryIntervalSec = registrar.retry_s
        cfg.regConfig.randomRetryIntervalSec = max(1, registrar.retry_s // 3)
        cfg.regConfig.dropCallsOnFail = False
        cfg.sipConfig.proxies.append(f"sip:{registrar.address};lr")
        cfg.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", registrar.user, 0, registrar.password))
        if self._config.public_host:
            cfg.sipConfig.contactForced = (
                f"<sip:{registrar.user}@{self._config.public_host}:{self._config.listen_port}>"
            )
            cfg.mediaConfig.transportConfig.publicAddress = self._config.public_host
        return cfg


def _library_retries(code: int) -> bool:
    """Whether the library registers again by itself after this; a registrar's "no" it takes as final."""
    return code in _PASSING_FAULTS or code >= 600
