"""Names for the identifiers that travel between modules."""

from __future__ import annotations

from typing import NewType

CallId = NewType("CallId", str)
"""One customer call: ours, unique for ever, on every record, log line and Salesforce comment."""

AgentId = NewType("AgentId", str)
QueueName = NewType("QueueName", str)
