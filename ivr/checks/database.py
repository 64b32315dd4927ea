"""The database: it opens and takes a write."""

from __future__ import annotations

import asyncio
import shutil

from ivr.checks.model import CheckResult, failed, ok
from ivr.checks.subject import Subject
from ivr.config import Config
from ivr.store.errors import StoreUnavailable
from ivr.store.probe import probe


async def database(subject: Subject) -> CheckResult:
    """A row can be written (and is taken back); the running node is asked for its own."""
    config = subject.config
    if subject.node is not None:
        return _told_by_node(subject.node.outbox_depth)
    own = config.store.url.get_secret_value() if config.store.url else config.node.data_dir / "ivr.db"
    try:
        address = await probe(own)
        free = await asyncio.to_thread(shutil.disk_usage, config.node.data_dir)
    except (StoreUnavailable, OSError) as exc:
        return failed(str(exc), _remedy(config))
    return ok(f"{address} takes writes; {free.free / 1e9:.1f} GB free in data_dir")


def _told_by_node(outbox_depth: int) -> CheckResult:
    # Only the node's own process opens its database; it says -1 when that refuses.
    if outbox_depth < 0:
        return failed("the running node cannot read its database", "see its log, and the disk's free space")
    return ok(f"open in the running node; {outbox_depth} writes to Salesforce wait in the outbox")


def _remedy(config: Config) -> str:
    if config.store.url is not None:
        return "correct store.url, or see whether its server runs"
    return f"make node.data_dir ({config.node.data_dir}) writable to this user, with room on its disk"
