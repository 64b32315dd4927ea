"""An HTTP answer as a value, and the API usage that each one carries."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_USAGE = re.compile(r"(?:^|[;\s])api-usage=(\d{1,12})/(\d{1,12})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiUsage:
    """Requests used of the rolling 24 hours' allocation, from `Sforce-Limit-Info`."""

    used: int
    limit: int

    @property
    def share(self) -> float:
        """0.0 to 1.0, above when overdrawn."""
        return self.used / self.limit if self.limit else 1.0


def parse_usage(header: str | None) -> ApiUsage | None:
    """Read "api-usage=25/5000; per-app-api-usage=17/250(appName=x)"; None when it says nothing."""
    found = _USAGE.search(header or "")
    return ApiUsage(used=int(found[1]), limit=int(found[2])) if found else None


def parse_date(header: str | None) -> datetime | None:
    """Read an HTTP date (RFC 9110, 5.6.7); None when it is none."""
    try:
        parsed = parsedate_to_datetime(header or "")
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole answer, whatever its status. `date` is the sender's clock, to the second."""

    status: int
    body: bytes = field(repr=False)
    content_type: str = ""
    usage: ApiUsage | None = None
    date: datetime | None = None

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 become replacement characters."""
        return self.body.decode("utf-8", errors="replace")

    def json(self) -> object:
        """The body parsed. Raises ValueError when it is not JSON."""
        try:
            parsed: object = json.loads(self.body)
        except RecursionError as exc:
            raise ValueError("nested too deeply") from exc
        return parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSeen:
    """One HTTP request as the timeline and the metrics see it.

    `path` has no query, so no customer data. `outcome` is "ok", "cancelled" or an error's word.
    """

    operation: str
    method: str
    path: str
    status: int | None
    outcome: str
    seconds: float
