"""A registrar and proxy of one subscriber, with digest: as much of RFC 3261 and 2617 as a trunk shows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from media.messages import Registrar
from tests.raw_sip import Message, RawPeer, raw_peer, reply

REALM = "provider.test"
USER = "trunk7"
PASSWORD = "s3cret"
_PART = re.compile(r'(\w+)=(?:"([^"]*)"|([^,\s]+))')


class DigestServer:
    """Answers REGISTER, and challenges INVITE. `refusal` is answered to all instead; `silent` to none."""

    def __init__(self, peer: RawPeer, silent: bool) -> None:
        self.peer = peer
        self.password = PASSWORD
        self.refusal: tuple[int, str] | None = None
        self.silent = silent
        peer.answers_with(self._answer)

    def trunk(self, *, password: str = PASSWORD, retry_s: int = 1) -> Registrar:
        """What a node is configured with."""
        return Registrar(
            trunk="provider",
            uri=f"sip:{REALM}",
            address=self.peer.address,
            user=USER,
            password=password,
            expires_s=120,
            retry_s=retry_s,
        )

    def _answer(self, message: Message) -> str | None:
        if self.silent or message.code or message.method not in ("REGISTER", "INVITE"):
            return None
        if self.refusal is not None:
            return reply(message, *self.refusal)
        if not self.knows(message):
            header, code = ("WWW", 401) if message.method == "REGISTER" else ("Proxy", 407)
            challenge = (
                f'{header}-Authenticate: Digest realm="{REALM}", nonce="n{len(self.peer.inbox)}", qop="auth"'
            )
            return reply(message, code, "Who are you", challenge)
        return self._registered(message) if message.method == "REGISTER" else None

    def _registered(self, message: Message) -> str:
        seconds = message.header("Expires")
        if seconds == "0":
            return reply(message, 200, "OK")
        return reply(message, 200, "OK", f"Contact: {message.header('Contact')};expires={seconds}")

    def knows(self, message: Message) -> bool:
        """Whether the message's digest is right (RFC 2617 3.2.2)."""
        line = message.header("Authorization") or message.header("Proxy-Authorization")
        given = {key: quoted or plain for key, quoted, plain in _PART.findall(line)}
        if not given:
            return False
        who = _md5(f"{USER}:{REALM}:{self.password}")
        what = _md5(f"{message.method}:{given['uri']}")
        middle = ":".join(given[key] for key in ("nonce", "nc", "cnonce", "qop"))
        return (given["username"], given["response"]) == (USER, _md5(f"{who}:{middle}:{what}"))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@asynccontextmanager
async def digest_server(*, silent: bool = False) -> AsyncIterator[DigestServer]:
    """A server on a port of its own."""
    async with raw_peer() as peer:
        yield DigestServer(peer, silent)
