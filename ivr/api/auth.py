"""Who is calling: tokens, and the sessions of agents. In memory; a restart signs everyone out.

Only digests are kept, so that a dump of the process's memory opens no session by itself.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from ivr.api.errors import NotSignedIn
from ivr.clock import Clock
from ivr.ids import AgentId

SESSION_S = 12 * 3600.0
SESSIONS_EACH = 16
_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorCaller:
    """Holds the operator token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCaller:
    """An agent with a session that ends in `expires_in_s`."""

    id: AgentId
    expires_in_s: float


Caller = OperatorCaller | AgentCaller


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    agent: AgentId
    expires_at: float


def new_token() -> str:
    """256 random bits, safe in a header."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def bearer(header: str | None) -> str:
    """The token of an Authorization header (RFC 6750, section 2.1)."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotSignedIn("This needs a token: Authorization: Bearer TOKEN.")
    return token.strip()


class Sessions:
    """The agents' sessions. Each agent has a bounded number; the oldest goes when one more is opened."""

    def __init__(
        self,
        clock: Clock,
        *,
        lifetime_s: float = SESSION_S,
        each: int = SESSIONS_EACH,
        make_token: Callable[[], str] = new_token,
    ) -> None:
        self.clock = clock
        self._lifetime_s = lifetime_s
        self._each = each
        self._make_token = make_token
        self._sessions: dict[bytes, _Session] = {}

    def open(self, agent: AgentId) -> str:
        """A new session's token, told once and kept nowhere."""
        self._drop_expired()
        held = [digest for digest, session in self._sessions.items() if session.agent == agent]
        for digest in held[: len(held) - self._each + 1]:
            del self._sessions[digest]
        token = self._make_token()
        expires_at = self.clock.monotonic() + self._lifetime_s
        self._sessions[_digest(token)] = _Session(agent=agent, expires_at=expires_at)
        return token

    def find(self, token: str) -> AgentCaller | None:
        """Whose token this is; None when it is nobody's or over."""
        session = self._sessions.get(_digest(token))
        if session is None:
            return None
        left_s = session.expires_at - self.clock.monotonic()
        return AgentCaller(id=session.agent, expires_in_s=left_s) if left_s > 0 else None

    def close_all(self, agent: AgentId) -> None:
        """End every session of an agent."""
        self._sessions = {d: session for d, session in self._sessions.items() if session.agent != agent}

    def __len__(self) -> int:
        return len(self._sessions)

    def _drop_expired(self) -> None:
        now = self.clock.monotonic()
        self._sessions = {d: session for d, session in self._sessions.items() if session.expires_at > now}


class Doorkeeper:
    """Tells callers apart by their token."""

    def __init__(self, sessions: Sessions, operator_token: str) -> None:
        if not operator_token:
            raise ValueError("the operator token is empty")
        self._sessions = sessions
        self._operator = _digest(operator_token)

    def caller(self, authorization: str | None) -> Caller:
        """Who sends this Authorization header, or `NotSignedIn`."""
        token = bearer(authorization)
        if hmac.compare_digest(_digest(token), self._operator):
            return OperatorCaller()
        agent = self._sessions.find(token)
        if agent is None:
            raise NotSignedIn("This token is not known, or its session is over; sign in again.")
        return agent


def _digest(token: str) -> bytes:
    # Tokens have 256 bits of entropy: a fast hash is enough.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
