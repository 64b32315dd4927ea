"""What a refusal of the node means for the desktop: try again, sign in again, or give up. Pure."""

from __future__ import annotations

from ivr.api.errors import ApiError, ApiRefused, NodeUnreachable


def token_is_over(exc: ApiError) -> bool:
    """Whether only signing in again helps."""
    return isinstance(exc, ApiRefused) and exc.status == 401


def may_pass(exc: ApiError) -> bool:
    """Whether the same request may succeed later. The one place that decides on trying again."""
    if isinstance(exc, ApiRefused):
        return exc.status in (401, 429) or exc.status >= 500
    return isinstance(exc, NodeUnreachable)
