"""What a flow wants written about its call. Who that is about is known when it is planned (`drafts.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One post-comments of a flow. Held for the wrap-up until `release_by` at the latest; None: at once."""

    connector: str
    text: str
    release_by: datetime | None = None
