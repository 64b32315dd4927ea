"""Webex's names of activity types and events, and which of ours they are. Tables only."""

from __future__ import annotations

from collections.abc import Mapping

START = "start"
EVENT = "event"

BY_ACTIVITY_ID: Mapping[str, str] = {
    "5f114550ef5cfc454fbbf133": "queue-contact",
    "5f114466ef5cfc454fbbf131": "play-message",
    "5faa2ad13505f538acc86afc": "play-music",
    "5f1145ceef5cfc454fbbf134": "ivr-menu",
    "5f1144eaef5cfc454fbbf132": "ivr-collectdigits",
    "5f36ab33791fbc3e0eae20c8": "screen-pop",
    "5f367a285d76a50d1e8fb4d2": "callback",
    "5fabaf1f8bf5b65b82f0706f": "queue-lookup",
    "628d7efd4ba3176df6ce0088": "queue-to-agent",
    "5faa898c8bf5b65b82f0706b": "disconnect-contact",
    "5faa897107cf954e1147199a": "blind-transfer",
    "6698cc9ec61ded2fa580fba1": "start-media-stream",
    "62da6fe3a350ce0ccab93a04": "ivr-virtualassistantvoice",
}
"""The designer's constant id of a type, for exports whose name of the type is missing."""

ALIASES: Mapping[str, str] = {
    "http-request": "http-request-v2",
    "NewPhoneContact": START,
    "NewContact": START,
    "Event": EVENT,
    "end-flow": "end",
    "condition": "condition-activity",
    "case": "case-statement",
    "parse": "parse-activity",
    "menu": "ivr-menu",
    "collect-digits": "ivr-collectdigits",
    "disconnect": "disconnect-contact",
    "transfer": "blind-transfer",
}
"""Older and shorter names of types."""

EVENTS: Mapping[str, str] = {
    "AgentContactAssigned": "AgentAnswered",
    "AgentAccepted": "AgentAnswered",
    "AgentAnswered": "AgentAnswered",
    "FCAsk(ContactLastAgentRemoved)": "AgentDisconnected",
    "AgentDisconnected": "AgentDisconnected",
    "ContactEnded": "PhoneContactEnded",
    "PhoneContactEnded": "PhoneContactEnded",
    "GlobalErrorHandling": "OnGlobalError",
    "OnGlobalError": "OnGlobalError",
    "AgentOfferContact": "AgentOffered",
    "AgentOffered": "AgentOffered",
    "ContactPredial": "PreDial",
    "PreDial": "PreDial",
    "ContactCallbackFailed": "CallbackFailed",
    "CallbackFailed": "CallbackFailed",
}
"""Event names, those of the engine and those of the screen, and ours."""


def kind_of(activity_name: str, activity_id: str, group: str) -> str:
    """The type of an activity, from the three places that may say it."""
    if group in (START, EVENT):
        return group
    named = activity_name.strip() or BY_ACTIVITY_ID.get(activity_id, activity_id).strip()
    return ALIASES.get(named, named)
