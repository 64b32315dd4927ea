"""The systems behind the phone, made from the configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import httpx
import structlog
from pydantic import SecretStr

from ivr.acd.score import ScoreTable
from ivr.clock import Clock
from ivr.config import Config, SalesforceSettings
from ivr.lookup import request_limit_s
from ivr.salesforce.connector import SalesforceConnector
from ivr.salesforce.errors import SalesforceError
from ivr.salesforce.fields import OrgFields
from ivr.salesforce.grants import ClientCredentials, Grant, JwtBearer, Password, RefreshToken
from ivr.salesforce.news import News
from ivr.salesforce.quota import QuotaSettings
from ivr.salesforce.settings import SalesforceSettings as OrgSettings
from ivr.salesforce.settings import Timeouts
from ivr.store.values import CommentRules, WriteRules

HTTP_CONNECTIONS = 100
HTTP_KEPT = 8
"""Connections that stay open: the pool asks each of them, at each request, whether it still stands."""
"""Several times as many as look-ups of one org may hang in at once."""

log = structlog.get_logger()


def http_client() -> httpx.AsyncClient:
    """The client that all connectors share; its pool bounds requests at once."""
    limits = httpx.Limits(max_connections=HTTP_CONNECTIONS, max_keepalive_connections=HTTP_KEPT)
    return httpx.AsyncClient(limits=limits, trust_env=False, follow_redirects=False)


def make_connectors(
    config: Config, http: httpx.AsyncClient, clock: Clock, observe: Callable[[str, News], None]
) -> dict[str, SalesforceConnector]:
    """Every configured connector; `observe` is told of each request, and of what else there is to count,
    with the connector's name."""

    def observer(name: str) -> Callable[[News], None]:
        return lambda news: observe(name, news)

    made = {}
    for name, settings in config.connectors.items():
        if settings.grant == "password":
            log.warning(
                "connector.password_grant",
                connector=name,
                advice="orgs created since Summer '23 block it; change to client_credentials or jwt_bearer",
            )
        made[name] = SalesforceConnector(
            org_settings(name, settings, config), http, clock, observer(name), observer(name)
        )
    return made


def org_settings(name: str, settings: SalesforceSettings, config: Config) -> OrgSettings:
    """A connector's settings as its client takes them."""
    search, quota = settings.search, settings.quota
    return OrgSettings(
        name=name,
        login_url=settings.login_url,
        client_id=settings.client_id,
        client_secret=_secret(settings.client_secret),
        grant=grant_of(settings),
        api_version=settings.api_version,
        region=config.connector_region(name),
        record_url=settings.record_url,
        timeouts=timeouts(settings.deadline_s),
        quota=QuotaSettings(tasks=quota.tasks, comments=quota.comments, cases=quota.cases),
        fields=OrgFields(
            phones=dict(search.phones),
            normalised=dict(search.normalised),
            greeting=dict(search.greeting),
            case_priority=settings.priorities.case_field,
        ),
        priority_field=settings.priorities.customer_field,
        sla_field=settings.priorities.sla_field,
        task_external_id=settings.write_back.task_external_id,
    )


def timeouts(deadline_s: float) -> Timeouts:
    """The time limits of a connector whose look-ups have this deadline: a login may be part of one."""
    usual, limit_s = Timeouts(), request_limit_s(deadline_s)
    return Timeouts(
        login_s=limit_s, read_s=limit_s, operation_s=max(usual.operation_s, limit_s + usual.write_s)
    )


def grant_of(settings: SalesforceSettings) -> Grant:
    """How a connector logs in. The configuration's check has seen that what a grant needs is there."""
    match settings.grant:
        case "client_credentials":
            return ClientCredentials(
                client_id=settings.client_id, client_secret=_secret(settings.client_secret)
            )
        case "jwt_bearer":
            return JwtBearer(
                client_id=settings.client_id,
                username=settings.username or "",
                audience=settings.audience,
                private_key=_secret(settings.private_key),
            )
        case "refresh_token":
            return RefreshToken(
                client_id=settings.client_id,
                client_secret=_secret(settings.client_secret) or None,
                refresh_token=_secret(settings.refresh_token),
            )
        case "password":
            return Password(
                client_id=settings.client_id,
                client_secret=_secret(settings.client_secret),
                username=settings.username or "",
                password=_secret(settings.password),
                security_token=_secret(settings.security_token),
            )


def score_table(settings: SalesforceSettings | None) -> ScoreTable:
    """How a connector's priorities are counted; the usual way without a connector."""
    if settings is None:
        return ScoreTable()
    by = settings.priorities
    return ScoreTable(
        default=by.default,
        case={value.casefold(): step for value, step in by.case.items()},
        customer={value.casefold(): step for value, step in by.customer.items()},
        sla={value.casefold(): step for value, step in by.sla.items()},
    )


def write_rules(settings: SalesforceSettings) -> WriteRules:
    """What a connector writes after a call."""
    rules = settings.write_back
    return WriteRules(
        case_comment=rules.case_comment,
        call_task=rules.call_task,
        no_case=rules.no_case,
        abandoned=rules.abandoned,
        task_subject=rules.task_subject,
        task_status=rules.task_status,
    )


def comment_rules(config: Config) -> CommentRules:
    """What the next start writes for calls that a crash has cut off, as the connector would have that knew
    the caller."""
    if not config.connectors:
        return CommentRules(answered=False, abandoned=False)
    return CommentRules(writes={name: write_rules(settings) for name, settings in config.connectors.items()})


async def log_in(connectors: Mapping[str, SalesforceConnector]) -> None:
    """Have the sessions before the first caller needs them."""
    for name, connector in connectors.items():
        try:
            await connector.login()
        except SalesforceError as exc:
            log.warning("connector.login_failed", connector=name, error=exc.detail)


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value is not None else ""
