"""What the connector needs to know of one Salesforce org."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ivr.salesforce.fields import OrgFields
from ivr.salesforce.grants import ClientCredentials, Grant
from ivr.salesforce.quota import QuotaSettings
from ivr.salesforce.soql import object_name

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def check_origin(url: str) -> str:
    """`url` without a trailing slash. Raises ValueError unless it is https (or http on loopback) with a host
    alone: client secrets and tokens go there."""
    parts = urlsplit(url)
    if not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
        raise ValueError(
            f"expected a URL of a host alone, such as https://example.my.salesforce.com: {url!r}"
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError(f"expected https (http only on this machine): {url!r}")
    return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds. `connect_s` also bounds the wait for a free connection, `read_s` that for a place among the
    look-ups; `operation_s` bounds one operation of the connector with its login, its replay and its retry.

    None of them is the caller's deadline: they say when an answer is not worth waiting for any more, even
    late."""

    connect_s: float = 1.0
    login_s: float = 10.0
    read_s: float = 10.0
    write_s: float = 10.0
    operation_s: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """After `failures` in a row nothing is sent for `open_s` s; `quota_s` when the day's quota is gone.
    Counted for each purpose by itself."""

    failures: int = 5
    open_s: float = 10.0
    quota_s: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesforceSettings:
    """One connector. `region` is where numbers without + are at home ("US"). `record_url` is the origin of
    the pages that agents open; None derives it from the org's address. `priority_field` and `sla_field` are
    the fields of Account read into `Account.priority` and `Account.sla`; an org without them simply has none.
    `task_external_id` names a field of Task by which Tasks are upserted; None: CallObject is looked for.
    Without `grant` the app logs in by its client credentials. `lookups_at_once` bounds the requests for
    callers that may be under way together.
    """

    name: str
    login_url: str
    client_id: str
    client_secret: str = field(repr=False)
    grant: Grant | None = None
    api_version: str = "v62.0"
    region: str = "US"
    record_url: str | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    quota: QuotaSettings = field(default_factory=QuotaSettings)
    max_response_bytes: int = 2_000_000
    lookups_at_once: int = 20
    fields: OrgFields = field(default_factory=OrgFields)
    priority_field: str = "CustomerPriority__c"
    sla_field: str = "SLA__c"
    task_external_id: str | None = None

    def __post_init__(self) -> None:
        check_origin(self.login_url)
        if self.task_external_id is not None:
            object_name(self.task_external_id)

    @property
    def login(self) -> Grant:
        """How to log in."""
        return self.grant or ClientCredentials(client_id=self.client_id, client_secret=self.client_secret)
