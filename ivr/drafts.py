"""The outbox rows of a call: its flow's posts, planned from who the caller is known to be now. No I/O.

Planned at the end of the call, and again when the agent says in wrap-up which of several it was: the same
post then has another target, and its row has the same marker or makes room for one that has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ivr.call import Call
from ivr.config import Config
from ivr.connectors import write_rules
from ivr.ids import CallId
from ivr.posts import Post
from ivr.store.values import CALL_TASK, CASE_COMMENT, TASK_PART, OutboxDraft, WriteRules, call_marker
from ivr.writes import Known, known_of, planned, task_target


def drafts_of(call: Call, config: Config) -> list[OutboxDraft]:
    """What is to be written about a call. A post to a connector that is no longer configured has none."""
    drafts: list[OutboxDraft] = []
    for post in call.posts:
        if post.connector not in config.connectors:
            continue
        rules = write_rules(config.connectors[post.connector])
        known = known_of(call.matches.get(post.connector))
        for operation in planned(rules, known, answered=call.times.connected is not None):
            # A call is one Task of an org, however often the flow comments on it.
            if operation != CALL_TASK or not _has_task(drafts, post.connector):
                drafts.append(_draft(call.id, post, operation, _target(operation, rules, known), drafts))
    return drafts


def _target(operation: str, rules: WriteRules, known: Known) -> Mapping[str, str]:
    if operation == CASE_COMMENT:
        return {"case_id": known.case_id or ""}
    return task_target(rules, known)


def _has_task(drafts: Sequence[OutboxDraft], connector: str) -> bool:
    return any(d.operation == CALL_TASK and d.target["connector"] == connector for d in drafts)


def _draft(
    call_id: CallId, post: Post, operation: str, target: Mapping[str, str], before: Sequence[OutboxDraft]
) -> OutboxDraft:
    # Recovery after a crash writes the first of each; a flow that writes more has them all.
    n = sum(1 for draft in before if draft.operation == operation) + 1
    part = str(n) if n > 1 else ""
    return OutboxDraft(
        operation=operation,
        target={"connector": post.connector, "text": post.text, **target},
        marker=call_marker(call_id, f"{TASK_PART}{part}" if operation == CALL_TASK else part),
        release_by=post.release_by,
    )
