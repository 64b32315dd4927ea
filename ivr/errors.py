"""Why a node does not start.

```
NodeError
└── CannotStart   `.reasons`: one sentence each, with the remedy where there is one
```
"""

from __future__ import annotations

from collections.abc import Sequence


class NodeError(Exception):
    """Base of the node's own faults."""


class CannotStart(NodeError):
    """Something that every call needs is missing or wrong."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons: Sequence[str] = reasons
