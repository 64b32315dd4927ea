"""What is checked, and what earlier checks have learned about it."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.api.models import NodeView
from ivr.config import Config


@dataclass(slots=True, kw_only=True)
class Subject:
    """A configuration; `node` is the node that runs with it already, if one does.

    `max_legs` is what one media worker holds, known once the library was tried."""

    config: Config
    node: NodeView | None = None
    max_legs: int | None = None
