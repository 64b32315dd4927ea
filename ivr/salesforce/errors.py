"""Everything that can go wrong with Salesforce, by whose fault it is.

::

    SalesforceError
    |-- NetworkFault             nobody answered
    |   |-- Unreachable          no connection, nothing was sent
    |   |-- ConnectionLost       cut before the answer was whole: a write may have been made
    |   `-- TimedOut             no whole answer in time: a write may have been made
    |-- ServerFault              Salesforce answered, and not as it should
    |   |-- Unavailable          5xx, maintenance pages
    |   `-- Garbage              malformed JSON, another shape, a redirect, an answer without end
    |-- SetupFault               someone must change a setting
    |   |-- Refused              the login; carries the OAuth error
    |   |   `-- SessionRefused   a fresh token was refused too
    |   |-- Denied               403: permissions, API switched off
    |   `-- QuotaExhausted       403: the daily allocation, or too many long requests at once
    |-- RequestFault             what we sent
    |   |-- BadRequest           400 and kin: our bug, or a field this org does not have
    |   `-- NotFound             the record is gone
    `-- NotTried                 given up on our side
        |-- DeadlineExceeded     the operation's time ran out
        |-- Busy                 no free connection, or the row is locked by another writer
        |-- Shed                 left out: the rest of the day's requests is kept for what matters more
        `-- BreakerOpen          Salesforce failed several times in a row and is left alone for a while

Whether to try again is decided in `retry_of` and nowhere else.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from ivr.salesforce.reply import Reply

_TEMPORARY_LOGIN_ERRORS = frozenset({"rate_limit_exceeded", "temporarily_unavailable", "server_error"})


class Retry(StrEnum):
    """When the same request may be sent again: a read at once, anything else later, or never."""

    AT_ONCE = "at_once"
    LATER = "later"
    NEVER = "never"


class SalesforceError(Exception):
    """Base of all. The text is for the integrator and holds no customer data.

    `outcome` is the word for metrics and timelines; `reply` is the answer, when there was one.
    """

    outcome: ClassVar[str] = "error"

    def __init__(self, detail: str, *, reply: Reply | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reply = reply

    @property
    def retryable(self) -> bool:
        """The same request may succeed later without anyone changing anything."""
        return retry_of(self) is not Retry.NEVER


class NetworkFault(SalesforceError):
    """Nobody answered."""


class Unreachable(NetworkFault):
    """No connection; nothing was sent."""

    outcome = "unreachable"


class ConnectionLost(NetworkFault):
    """The connection was cut before the answer was whole."""

    outcome = "connection_lost"


class TimedOut(NetworkFault):
    """No whole answer in time."""

    outcome = "timed_out"


class ServerFault(SalesforceError):
    """Salesforce answered, and not as it should."""


class Unavailable(ServerFault):
    """5xx."""

    outcome = "unavailable"


class Garbage(ServerFault):
    """An answer that cannot be read: malformed, another shape, a redirect, too large."""

    outcome = "garbage"


class SetupFault(SalesforceError):
    """Someone must change a setting, here or in Salesforce."""


class Refused(SetupFault):
    """The login was refused; `oauth_error` is Salesforce's word for it, e.g. "invalid_client". `skew_s` is
    how far our clock is ahead of Salesforce's, where that may be the cause."""

    outcome = "refused"

    def __init__(
        self, detail: str, *, oauth_error: str = "", skew_s: float | None = None, reply: Reply | None = None
    ) -> None:
        super().__init__(detail, reply=reply)
        self.oauth_error = oauth_error
        self.skew_s = skew_s


class SessionRefused(Refused):
    """401: the token has expired. Leaves the client only when a fresh token was refused too."""

    outcome = "session_refused"


class Denied(SetupFault):
    """403: the user may not do this, or the API is switched off."""

    outcome = "denied"


class QuotaExhausted(SetupFault):
    """403 REQUEST_LIMIT_EXCEEDED; `daily` tells the rolling day's allocation from long requests at once."""

    outcome = "quota_exhausted"

    def __init__(self, detail: str, *, daily: bool = True, reply: Reply | None = None) -> None:
        super().__init__(detail, reply=reply)
        self.daily = daily


class RequestFault(SalesforceError):
    """What we sent was wrong."""


class BadRequest(RequestFault):
    """4xx: our bug, or a field or object that this org does not have."""

    outcome = "bad_request"


class NotFound(RequestFault):
    """The record is gone, or there is no such address."""

    outcome = "not_found"


class NotTried(SalesforceError):
    """Given up on our side."""


class DeadlineExceeded(NotTried):
    """The operation's time ran out, retries and login included."""

    outcome = "deadline_exceeded"


class Busy(NotTried):
    """Nothing was done: no free connection, or the row is locked by another writer."""

    outcome = "busy"


class Shed(NotTried):
    """Nothing was sent: of the day's requests little is left, and it is kept for live calls."""

    outcome = "shed"


class BreakerOpen(NotTried):
    """Nothing was sent: Salesforce failed several times in a row and is left alone for a while."""

    outcome = "breaker_open"


def retry_of(error: SalesforceError) -> Retry:
    """The one place that decides. A time-out is not repeated at once: that would only add to the load."""
    match error:
        case Unreachable() | ConnectionLost() | Unavailable():
            return Retry.AT_ONCE
        case TimedOut() | Garbage() | QuotaExhausted() | NotTried() | SessionRefused():
            return Retry.LATER
        case Refused(oauth_error=word) if word in _TEMPORARY_LOGIN_ERRORS:
            return Retry.LATER
        case _:
            return Retry.NEVER
