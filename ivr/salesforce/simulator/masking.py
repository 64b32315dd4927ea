"""Secrets made unreadable in the log of requests."""

from __future__ import annotations

import re

_SECRETS = re.compile(
    r"(?P<name>\b(?:client_secret|password|assertion|refresh_token|token|code)=)[^&\s]*", re.ASCII
)


def masked(form: str) -> str:
    """A form-encoded body without its secrets; other text as it is."""
    return _SECRETS.sub(r"\g<name>***", form)
