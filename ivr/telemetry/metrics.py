"""Prometheus metrics: the field's habits, base units, no numbers and no names of people in labels."""

from __future__ import annotations

from typing import assert_never

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ivr.ending import Ending, result_of
from ivr.salesforce.news import ConnectorState, News, NotSent, Purpose, WriteSeen
from ivr.salesforce.reply import RequestSeen

_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0)


class Metrics:
    """The metrics of one node, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.calls_active = Gauge("ivr_calls_active", "Calls in progress", registry=self.registry)
        self._terminations = Counter(
            "ivr_call_termination_total",
            "Calls by how they ended",
            ["result", "reason"],
            registry=self.registry,
        )
        self.queue_waiting = Gauge("ivr_queue_waiting", "Callers waiting", ["queue"], registry=self.registry)
        self.queue_oldest = Gauge(
            "ivr_queue_oldest_wait_seconds", "Longest present wait", ["queue"], registry=self.registry
        )
        self._abandoned = Counter(
            "ivr_queue_abandoned_total", "Callers who left the queue", ["queue"], registry=self.registry
        )
        self.agent_state = Gauge("ivr_agent_state", "Agents by state", ["state"], registry=self.registry)
        self._requests = Histogram(
            "ivr_connector_request_seconds",
            "Requests to systems behind the phone",
            ["connector", "operation", "outcome"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._matches = Counter(
            "ivr_match_total", "Caller look-ups by result", ["result"], registry=self.registry
        )
        self._pops = Counter(
            "ivr_screen_pop_total", "Screen pops by outcome", ["outcome"], registry=self.registry
        )
        self.outbox_depth = Gauge(
            "ivr_outbox_depth", "Writes to Salesforce not delivered yet", registry=self.registry
        )
        self.outbox_dead = Gauge(
            "ivr_outbox_dead",
            "Writes to Salesforce given up until somebody retries them",
            registry=self.registry,
        )
        self._writes = Counter(
            "ivr_outbox_attempt_total",
            "Attempts to write to Salesforce by outcome: delivered, retry, dead",
            ["connector", "operation", "outcome"],
            registry=self.registry,
        )
        self._breaker_open = Gauge(
            "ivr_connector_breaker_open",
            "1 while a connector is left alone after failures, for look_up, write_back or a flow's requests",
            ["connector", "purpose"],
            registry=self.registry,
        )
        self._usage = Gauge(
            "ivr_connector_api_usage_ratio",
            "Share of the day's API requests that is used",
            ["connector"],
            registry=self.registry,
        )
        self._not_sent = Counter(
            "ivr_connector_not_sent_total",
            "Requests not sent: breaker_open, or shed because the day's requests run short",
            ["connector", "operation", "reason"],
            registry=self.registry,
        )
        self._refused = Counter(
            "ivr_call_refused_total",
            "Calls that the node refused: capacity, draining, forbidden, unknown_number",
            ["reason"],
            registry=self.registry,
        )
        self._turned_away = Counter(
            "ivr_edge_source_refused_total",
            "Sources that the edge turned away, counted once a source, reason and minute: not messages",
            ["reason"],
            registry=self.registry,
        )
        self.trunk_registered = Gauge(
            "ivr_trunk_registered", "1 while a trunk is registered", ["trunk"], registry=self.registry
        )
        self._restarts = Counter(
            "ivr_worker_restarts_total", "Media workers replaced", registry=self.registry
        )

    def ended(self, ending: Ending) -> None:
        """A call is over."""
        self._terminations.labels(result_of(ending).value, ending.value).inc()

    def abandoned(self, queue: str) -> None:
        """A caller left a queue unserved."""
        self._abandoned.labels(queue).inc()

    def requested(self, connector: str, news: News) -> None:
        """A connector has something to tell: a request that is over, or another thing to count."""
        match news:
            case RequestSeen():
                self._requests.labels(connector, news.operation, news.outcome).observe(news.seconds)
            case ConnectorState():
                for purpose in Purpose:
                    self._breaker_open.labels(connector, purpose).set(purpose in news.left_alone)
                if news.usage is not None:
                    self._usage.labels(connector).set(news.usage.share)
            case NotSent():
                self._not_sent.labels(connector, news.operation, news.reason).inc()
            case WriteSeen():
                self._writes.labels(connector, news.operation, news.outcome).inc()
            case _:
                assert_never(news)

    def matched(self, result: str) -> None:
        """A look-up has its result."""
        self._matches.labels(result).inc()

    def popped(self, outcome: str) -> None:
        """A screen pop was acknowledged."""
        self._pops.labels(outcome).inc()

    def worker_restarted(self) -> None:
        """A media worker was replaced."""
        self._restarts.inc()

    def refused(self, reason: str, calls: int = 1) -> None:
        """Calls were refused: `capacity`, `draining`, `forbidden` or `unknown_number`."""
        self._refused.labels(reason).inc(calls)

    def turned_away(self, reason: str) -> None:
        """The edge has told of a source that it turned away."""
        self._turned_away.labels(reason).inc()

    def text(self) -> bytes:
        """All metrics in the text format."""
        return generate_latest(self.registry)
