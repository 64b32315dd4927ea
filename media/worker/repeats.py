"""INVITEs that come again: the library forgets a transaction at its ACK, a copy would be a second call."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from media.worker.sip_text import header

REMEMBERED_S = 32.0
"""64 times T1: as long as a copy may be under way (RFC 3261 17.1.1.2)."""
_MOST = 1000


class Repeats:
    """The transactions of the last half minute. `now` is a monotonic reading."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._seen: OrderedDict[tuple[str, ...], float] = OrderedDict()

    def is_repeat(self, headers: tuple[tuple[str, str], ...]) -> bool:
        """Whether this request has come before; it is remembered. Another branch is another request."""
        key = tuple(header(headers, name) for name in ("Via", "Call-ID", "CSeq", "From"))
        self._forget()
        if key in self._seen:
            return True
        self._seen[key] = self._now() + REMEMBERED_S
        return False

    def _forget(self) -> None:
        now = self._now()
        while self._seen and (len(self._seen) >= _MOST or next(iter(self._seen.values())) <= now):
            self._seen.popitem(last=False)
