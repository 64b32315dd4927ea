"""What owners report, handed on to those who were constructed after them."""

from __future__ import annotations

from ivr.acd.changes import Change
from ivr.call import Call
from ivr.node import Node
from ivr.reception import Reception
from ivr.store.values import CallRecord


class Reports:
    """The listener of queues, calls, trunks and the outbox; it passes on nothing until it is bound."""

    def __init__(self) -> None:
        self._node: Node | None = None
        self._reception: Reception | None = None

    def bind(self, node: Node, reception: Reception) -> None:
        """From now on these two hear of everything."""
        self._node, self._reception = node, reception

    def call(self, call: Call) -> None:
        """A call is somewhere else, or more is known of it."""
        if self._node is not None:
            self._node.on_call_change(call)

    def screen_pop(self, call: Call) -> None:
        """A page is to be opened, or was."""
        if self._node is not None:
            self._node.on_screen_pop(call)

    def acd(self, change: Change) -> None:
        """The ACD decided something; calls hear of it before the pages do."""
        if self._node is not None and self._reception is not None:
            self._reception.on_acd_change(change)
            self._node.on_acd_change(change)

    def trunk(self, name: str) -> None:
        """A trunk's registration has changed."""
        if self._node is not None:
            self._node.on_trunk_change(name)

    def delivered(self, record: CallRecord, outcome: str, detail: str) -> None:
        """A write to Salesforce was delivered, will be tried again, or is dead."""
        if self._node is not None:
            self._node.on_delivery(record, outcome, detail)
