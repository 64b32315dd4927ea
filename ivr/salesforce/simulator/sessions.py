"""The sessions that the org has given out, and their end."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta

from ivr.salesforce.simulator.oauth import JWT_GRANT, Grants
from ivr.salesforce.simulator.org import Org
from ivr.salesforce.simulator.policy import ORGANIZATION_ID, USER_ID

_SESSIONS = 1_000


class Sessions:
    """Tokens given out and not expired: a session ends when it was not used for `Policy.session_s`."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._used: OrderedDict[str, datetime] = OrderedDict()

    def log_in(self, form: Mapping[str, str], authorization: str, base: str) -> dict[str, str]:
        """The answer to a token request. Raises LoginError."""
        now = self._org.now()
        Grants(self._org.identity, self._org.policy, base, now).check(form, authorization)
        token = f"{ORGANIZATION_ID[:15]}!{secrets.token_urlsafe(48)}"
        if len(self._used) >= _SESSIONS:
            self._used.popitem(last=False)
        self._used[token] = now
        answer = {
            "access_token": token,
            "scope": "api",
            "instance_url": base,
            "id": f"{base}/id/{ORGANIZATION_ID}/{USER_ID}",
            "token_type": "Bearer",
        }
        if form.get("grant_type") == JWT_GRANT:
            return answer
        issued = str(int(now.timestamp() * 1000))
        return {**answer, "signature": secrets.token_urlsafe(32), "issued_at": issued}

    def good(self, authorization: str) -> bool:
        """Whether an Authorization header carries a living token; its life starts anew."""
        kind, _, token = authorization.partition(" ")
        used = self._used.get(token)
        if kind.lower() not in ("bearer", "oauth") or used is None:
            return False
        now = self._org.now()
        if now - used > timedelta(seconds=self._org.policy.session_s):
            del self._used[token]
            return False
        self._used[token] = now
        return True

    def revoke(self, token: str) -> bool:
        """End one session; whether there was one."""
        return self._used.pop(token, None) is not None

    def expire(self) -> None:
        """Every token given out so far is answered with 401."""
        self._used.clear()
