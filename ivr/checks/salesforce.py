"""Salesforce: the login, what its user may read, and the day's requests; and each refusal with its remedy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx

from ivr.checks.model import CheckResult, failed, ok, skipped
from ivr.checks.org import Needed, faults_of, needs_of, version_fault
from ivr.clock import SystemClock
from ivr.config import Config
from ivr.connectors import org_settings
from ivr.numbers import E164
from ivr.salesforce.auth import Token
from ivr.salesforce.connector import SalesforceConnector
from ivr.salesforce.errors import (
    BadRequest,
    Denied,
    Garbage,
    NotFound,
    QuotaExhausted,
    Refused,
    SalesforceError,
    TimedOut,
    Unreachable,
)
from ivr.salesforce.judge import first_error, judge_api
from ivr.salesforce.model import MatchResult
from ivr.salesforce.reply import Reply

NOBODY = E164("+12025550100")
"""A number set aside for fiction: the search runs, and nobody is found."""
NEARLY_USED = 0.9
READ_TIMEOUT_S = 5.0


@asynccontextmanager
async def open_connector(name: str, config: Config) -> AsyncIterator[SalesforceConnector]:
    """A connector of the configuration, with connections of its own."""
    async with httpx.AsyncClient(trust_env=False, follow_redirects=False) as http:
        settings = org_settings(name, config.connectors[name], config)
        yield SalesforceConnector(settings, http, SystemClock(), lambda seen: None)


class SalesforceChecks:
    """The checks of one connector; those after the login need its session."""

    def __init__(self, name: str, config: Config, connector: SalesforceConnector) -> None:
        self._name = name
        self._settings = config.connectors[name]
        self._connector = connector
        self._session: Token | None = None

    async def login(self) -> CheckResult:
        """The org gives us a session."""
        try:
            self._session = await self._connector.login()
        except SalesforceError as exc:
            return failed(exc.detail, remedy_of(exc, self._settings.grant))
        return ok(f"logged in at {self._session.instance_url}")

    async def objects(self) -> CheckResult:
        """The org knows our API version, and its user may do all that look-ups and writes need."""
        if self._session is None:
            return skipped("needs the login")
        needs = needs_of(self._settings)
        faults = await self._version_faults()
        for needed in () if faults else needs:
            faults += await self._faults_of(needed)
        if not faults:
            faults += await self._search_faults()
        if faults:
            return failed("; ".join(faults), self._permission_remedy())
        made = [needed.object for needed in needs if needed.created]
        writes = f"; {', '.join(made)} can be made" if made else ""
        return ok(f"{', '.join(n.object for n in needs)} can be read, and phones searched{writes}")

    def _permission_remedy(self) -> str:
        who = "run-as user of the app" if self._settings.grant == "client_credentials" else "connector's user"
        return (
            f"give the {who} a permission set with the permission named (API Enabled, object permissions, "
            "field-level security), or take the field out of the connector's configuration"
        )

    async def usage(self) -> CheckResult:
        """Enough of the day's API requests are left."""
        if self._session is None:
            return skipped("needs the login")
        usage = self._connector.usage
        if usage is None:
            return skipped("the org did not tell its usage")
        text = f"{usage.used} of {usage.limit} API requests used in 24 hours ({usage.share:.0%})"
        if usage.share < NEARLY_USED:
            return ok(text)
        return failed(
            text, "find who uses them (Setup, System Overview), or buy more: look-ups are about to fail"
        )

    async def _version_faults(self) -> list[str]:
        try:
            reply = await self._connector.request("GET", "/services/data/", {}, {}, None, READ_TIMEOUT_S)
            listed = reply.json() if reply.status == 200 else None
        except (SalesforceError, ValueError):
            listed = None  # the requests that follow will tell
        fault = version_fault(self._settings.api_version, listed)
        return [fault] if fault else []

    async def _faults_of(self, needed: Needed) -> list[str]:
        """Why an object cannot be used as we need it: what its description lacks, else what reading says."""
        try:
            reply = await self._get(f"sobjects/{needed.object}/describe", {})
            if reply.status == 200 and (faults := faults_of(needed, reply.json())):
                return faults
            judge_api(await self._get("query", {"q": needed.query}))
        except SalesforceError as exc:
            return [f"{needed.object}: {exc.detail}{_permission_of(exc)}"]
        except ValueError:
            return [f"{needed.object}: a description that is not JSON"]
        return []

    async def _search_faults(self) -> list[str]:
        match = await self._connector.find(NOBODY)
        return [f"search by phone: {match.detail}"] if match.result is MatchResult.ERROR else []

    async def _get(self, resource: str, query: Mapping[str, str]) -> Reply:
        path = f"/services/data/{self._settings.api_version}/{resource}"
        return await self._connector.request("GET", path, query, {}, None, READ_TIMEOUT_S)


def _permission_of(error: SalesforceError) -> str:
    """The permission that a refusal is about, where its code tells."""
    code = first_error(error.reply)[0] if error.reply is not None else ""
    match code:
        case "API_DISABLED_FOR_ORG" | "API_CURRENTLY_DISABLED":
            return " (user permission API Enabled, and an edition that has the API)"
        case "INVALID_TYPE":
            return " (object permission Read)"
        case "INVALID_FIELD":
            return " (field-level security Read)"
        case "INSUFFICIENT_ACCESS" | "INSUFFICIENT_ACCESS_OR_READONLY":
            return " (object permission)"
        case _:
            return ""


_LOGIN_REMEDIES: Mapping[str, str] = {
    "invalid_client_id": "client_id is not the consumer key of an app in this org: copy it again",
    "invalid_client": "client_secret does not belong to client_id: copy the consumer secret again",
    "unsupported_grant_type": "switch on the client credentials flow in the app, and use the My Domain host",
    "invalid_request": "use the My Domain host in login_url, https://NAME.my.salesforce.com",
    "invalid_app_access": "let the user use the app: Setup, the app's policies, permitted users",
    "inactive_user": "the app's run-as user is not active: choose another",
    "inactive_org": "the org is closed or locked: ask Salesforce",
    "rate_limit_exceeded": "too many logins: wait some minutes",
}
_GRANT_REMEDIES: Mapping[str, str] = {
    "client_credentials": (
        "choose a run-as user in the app's client credentials policy, one who may use the app"
    ),
    "jwt_bearer": (
        "upload the certificate of private_key to the app, let username use it beforehand (policies: admin "
        "approved users are pre-authorized, plus a permission set or profile), and set audience to "
        "https://test.salesforce.com for a sandbox"
    ),
    "refresh_token": (
        "the refresh token has expired or was revoked: log in once more in a browser, and let the app's "
        "refresh token policy keep it until revoked"
    ),
    "password": (
        "Salesforce blocks username-password logins in orgs created since Summer '23 and says no more than "
        "that: change to client_credentials or jwt_bearer; in an older org see whether the password, the "
        "security token behind it and Setup, OAuth and OpenID Connect Settings are right"
    ),
}


def remedy_of(error: SalesforceError, grant: str = "client_credentials") -> str:
    """What whoever set up the connector can do about it."""
    match error:
        case Refused(skew_s=float(skew_s)):
            way = "ahead" if skew_s > 0 else "behind"
            return (
                f"set this machine's clock right (NTP): it is {abs(skew_s):.0f} s {way}, and a JWT lives "
                "three minutes"
            )
        case Refused(oauth_error="invalid_grant"):
            return _GRANT_REMEDIES[grant]
        case Refused(oauth_error="unsupported_grant_type") if grant != "client_credentials":
            return f"the app or the org does not have the grant {grant}: switch it on, or change to another"
        case Refused(oauth_error=word):
            return _LOGIN_REMEDIES.get(
                word, "compare client_id, client_secret and login_url with the app in Setup"
            )
        case Denied():
            return "give the run-as user API Enabled and the objects' permissions"
        case QuotaExhausted():
            return "wait, or buy more API requests"
        case Unreachable():
            return (
                "correct login_url, or see whether this machine reaches the internet (proxies are not used)"
            )
        case TimedOut():
            return "see whether this machine's way to Salesforce is slow (status.salesforce.com)"
        case Garbage():
            return "use the My Domain host in login_url, https://NAME.my.salesforce.com"
        case BadRequest() | NotFound():
            return "see whether the org has this object, and its release knows api_version"
        case _:
            return "try again in a minute (status.salesforce.com)"
