"""What the API refuses, on both of its sides.

ApiError
├── NotFound          404  the node knows no such thing
├── Refused           409  the state of things forbids it
├── Conflict          409  somebody saved the note first; carries what stands there now
├── NotSignedIn       401  no token, a wrong one, or one that is over
├── Forbidden         403  the token does not reach this far
├── TooManyAttempts   429  sign-in tried too often
├── Overloaded        503  too many at once; try again
├── AddressInUse           the server cannot listen
├── NodeUnreachable        client: nobody answers
└── ApiRefused             client: the node answered with a problem
"""

from __future__ import annotations

from ivr.api.models import NoteView, Problem


class ApiError(Exception):
    """The root; `detail` is a sentence for people and holds no customer data."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotFound(ApiError):
    """The node knows no such call, agent, queue or row."""


class Refused(ApiError):
    """The state of things forbids it, e.g. "ready" while a call rings."""


class Conflict(ApiError):
    """The revision that was to be replaced is not the current one; `current` is, where it is known."""

    def __init__(self, detail: str, current: NoteView | None = None) -> None:
        super().__init__(detail)
        self.current = current


class NotSignedIn(ApiError):
    """No token, a wrong one, or one whose session is over."""


class Forbidden(ApiError):
    """The token is good and does not reach this far."""


class TooManyAttempts(ApiError):
    """Sign-in was tried too often; good again after `retry_after_s`."""

    def __init__(self, detail: str, *, retry_after_s: float) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Overloaded(ApiError):
    """Too many at once; the same request may succeed in a moment."""


class AddressInUse(ApiError):
    """The server cannot listen where it was told to."""


class NodeUnreachable(ApiError):
    """Nobody answers at the node's address, or not in time."""


class ApiRefused(ApiError):
    """The node answered with a problem document."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail or problem.title)
        self.problem = problem

    @property
    def status(self) -> int:
        """The HTTP status, e.g. 403."""
        return self.problem.status
