"""What activities leave behind: Webex's names of outputs by type, and ours. A table only."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.flow.webex.kinds import START
from ivr.flow.webex.pebble.names import Output, Type

_HOURS = {
    name.casefold(): Output(attribute=name)
    for name in ("WorkingHoursShift_Name", "Holiday_Name", "Override_Name")
}

OUTPUTS: Mapping[str, Mapping[str, Output]] = {
    START: {
        # Webex says "anonymous" where the caller withholds the number; here that is an empty text.
        "ani": Output(attribute="ANI", instead="anonymous"),
        "dnis": Output(attribute="DNIS", always=True),
        "interactionid": Output(attribute="InteractionId", always=True),
        "entrypointid": Output(attribute="EntryPointId", always=True),
    },
    "http-request-v2": {
        "httpstatuscode": Output(attribute="httpStatusCode", type=Type.WHOLE, always=True),
        "httpresponsebody": Output(attribute="httpResponseBody", always=True),
        "httpresponseheaders": Output(attribute="httpResponseHeaders", type=Type.JSON, always=True),
    },
    "ivr-menu": {"optionentered": Output(attribute="OptionEntered")},
    "ivr-collectdigits": {"digitsentered": Output(attribute="DigitsEntered")},
    "queue-contact": {"queueid": Output(attribute="queue", always=True)},
    "queue-lookup": {
        name.casefold(): Output(attribute=name, type=Type.WHOLE, always=True)
        for name in (
            "PIQ",
            "EWT",
            "CallsQueuedNow",
            "OldestCallTime",
            "LoggedOnAgentsAll",
            "AvailableAgentsAll",
        )
    },
    "business-hours": _HOURS,
    "blind-transfer": {"failurecode": Output(attribute="FailureReason")},
}
