"""Queues and people: queue-contact, queue-to-agent, queue-lookup, callback, blind-transfer, screen-pop."""

from __future__ import annotations

import re

from ivr.flow.escape import Context
from ivr.flow.webex.bindings import Outside
from ivr.flow.webex.mapping.context import Work
from ivr.flow.webex.mapping.step import DEFAULT, FAILED, Port, Step, fail, plain
from ivr.flow.webex.source import Json

_LONE = re.compile(r"\s*\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")


def queue_contact(work: Work) -> list[Step]:
    """A place in a queue."""
    activity = work.activity
    queue = _queue(work, ("destination", "queueId", "queue"), ("destinationVariable",))
    if queue is None:
        work.defect("no-queue", "it names no queue", "destination")
    if activity.text("destination:type") == "SKILLS_BASED" or activity.properties.get("skills"):
        work.lost("skills", "routing by skills is not imported", "skills")
    if activity.flag("toggleAgentAvailability", "checkAgentAvailability"):
        work.lost(
            "agent-availability", "callers wait whether agents are there or not", "toggleAgentAvailability"
        )
    if activity.text("fallbackQueue"):
        work.lost("fallback-queue", "the fall-back of a variable queue: an error leads on", "fallbackQueue")
    return [plain("queue-contact", queue=queue, priority=_priority(work))]


def _priority(work: Work) -> str | None:
    activity = work.activity
    if not activity.flag("toggle", "setPriority", "priorityToggle"):
        work.different("priority", "no priority is set: the queue gives the usual one", "priority")
        return None
    value = activity.text(
        "priorityVariable" if "variable" in activity.text("priorityRadioGroup") else "priority"
    )
    value = value or activity.text("priority", "priorityVariable")
    if "{{" in value:
        return work.text(value, Context.PLAIN, "priority")
    known = work.variable(value)
    if known is not None:
        return f"{{{{ {known} }}}}"
    if value in set("123456789"):
        return value
    work.defect("priority", f"the priority {value!r} is not 1 to 9", "priority")
    return None


def _queue(work: Work, fixed: tuple[str, ...], variable: tuple[str, ...]) -> str | None:
    """A queue's name here, or a template of one."""
    activity = work.activity
    chosen = activity.text(*fixed)
    by_variable = activity.text(*variable)
    if by_variable and (not chosen or "variable" in activity.text("queueRadioGroup").lower()):
        chosen = by_variable
    if not chosen:
        return None
    if "{{" in chosen or work.variable(chosen) is not None:
        work.different(
            "variable-queue",
            f"{chosen} must hold the name of a queue here; ids of the export that the flow itself puts there "
            "are bound in the binding file",
            variable[0] if variable else fixed[0],
        )
        template = chosen if "{{" in chosen else f"{{{{ {chosen} }}}}"
        return work.text(template, Context.PLAIN, fixed[0])
    return work.need(Outside.QUEUES, chosen, label=activity.text(f"{fixed[0]}:name"))


def queue_to_agent(work: Work) -> list[Step]:
    """For one agent first."""
    activity = work.activity
    agent = activity.text("destinationVariable", "agentId", "agentEmail", "destination")
    if not agent:
        work.defect("no-agent", "it names no agent", "destinationVariable")
        return [fail("the export names no agent here", ("next",))]
    work.different(
        "agent", "the value must be the agent's id, e-mail address or name in the configuration",
        "destinationVariable",
    )  # fmt: skip
    template = f"{{{{ {agent} }}}}" if work.variable(agent) else agent
    recovery = _queue(work, ("recoveryQueue",), ())
    queue = _queue(work, ("reportingQueue",), ()) or recovery
    if queue is None:
        work.different("no-queue", "it names no queue: the default one counts it", "reportingQueue")
    properties = {
        "agent": work.text(template, Context.PLAIN, "destinationVariable"),
        "queue": queue,
        "recovery_queue": recovery,
        "park": activity.flag("parkContactToggle"),
        "priority": _priority(work),
    }
    return [
        Step(
            type="queue-to-agent",
            properties={name: value for name, value in properties.items() if value is not None},
            edges={"next": DEFAULT, "failure": Port(("failure", "error")), "error": FAILED},
        )
    ]


def queue_lookup(work: Work) -> list[Step]:
    """How a queue stands."""
    queue = _queue(work, ("destination", "queueId", "queue"), ("destinationVariable",))
    if queue is None:
        work.defect("no-queue", "it names no queue", "destination")
        return [fail("the export names no queue here", ("next",))]
    minutes = work.activity.number("ewtLookbackMinutes")
    lookback_s = None if minutes is None else min(max(minutes * 60, 300.0), 14_400.0)
    return [plain("queue-lookup", queue=queue, lookback_s=lookback_s)]


def callback(work: Work) -> list[Step]:
    """A call back."""
    activity = work.activity
    number = activity.text("callbackDn", "callbackNumber")
    if not number:
        work.defect("no-number", "it names no number to call back", "callbackDn")
        return [fail("the export names no number here", ("next",))]
    caller_id = activity.text("callbackAni")
    return [
        plain(
            "callback",
            number=work.text(number, Context.PLAIN, "callbackDn"),
            queue=_queue(work, ("callbackQueue",), ("callbackQueueVariable",)),
            caller_id=work.text(caller_id, Context.PLAIN, "callbackAni") if caller_id else None,
        )
    ]


def blind_transfer(work: Work) -> list[Step]:
    """Through to somebody outside."""
    target = work.activity.text("transfertodn", "transferToDn", "dialNumber", "destination")
    if not target:
        work.defect("no-number", "it names no number to transfer to", "transfertodn")
        return [fail("the export names no target here")]
    if work.variable(target) is not None:
        target = f"{{{{ {target} }}}}"
    return [
        Step(
            type="blind-transfer",
            properties={"target": work.text(target, Context.PLAIN, "transfertodn")},
            edges={"failure": Port(("failure", "error")), "error": FAILED},
        )
    ]


def screen_pop(work: Work) -> list[Step]:
    """A page on the agent's desktop."""
    activity = work.activity
    url = _page(work, activity.text("screenPopUrl", "url"))
    if url is None:
        return [fail("this page's address cannot be known", ("next",))]
    label = activity.text("screenPopDesktopLabel", "label") or activity.name
    query: dict[str, Json] = {}
    for name, value in activity.mapping("queryParameters", "httpQueryParameters").items():
        if re.fullmatch(r"[A-Za-z0-9_.-]+", name):
            query[name] = work.text(value, Context.QUERY, "queryParameters")
        else:
            work.lost("query-name", f"the parameter {name!r} cannot be written", "queryParameters")
    if activity.text("target") not in ("", "newBrowserTab"):
        work.different("pop-target", f"{activity.text('target')}: pages open in a new tab", "target")
    return [
        Step(
            type="screen-pop",
            properties={
                "url": url,
                "label": work.text(label, Context.PLAIN, "screenPopDesktopLabel"),
                **({"query": query} if query else {}),
            },
            edges={"next": DEFAULT, "error": FAILED},
        )
    ]


def _page(work: Work, template: str) -> str | None:
    """The page's address, which in our templates has to begin with its scheme."""
    if not template:
        work.defect("no-address", "it has no address", "screenPopUrl")
        return None
    # A question mark without anything after it would stand twice once parameters are added.
    address = template.strip().removesuffix("?")
    lone = _LONE.match(address)
    if lone is not None:
        return _from_variable(work, lone[1], address[lone.end() :])
    if not re.match(r"https?://", address, re.IGNORECASE):
        work.lost("address", f"{address[:60]!r} does not say where the page is", "screenPopUrl")
        return None
    return work.text(address, Context.URL, "screenPopUrl")


def _from_variable(work: Work, name: str, rest: str) -> str | None:
    """An address whose beginning is in a variable: its value where that never changes, else as a host."""
    variable = work.variables.get(name)
    begins = (variable.value or "") if variable else ""
    if re.match(r"https?://", begins) and name not in work.assigned:
        work.different("constant", f"{name} never changes: its value stands in the address", "screenPopUrl")
        return work.text(begins + rest, Context.URL, "screenPopUrl")
    if variable is None or (rest and not rest.startswith("/")):
        work.lost("address", "the page's host is not known before the call", "screenPopUrl")
        return None
    work.different("address", f"{name} must hold https:// and a host, and no more", "screenPopUrl")
    host = f'https://{{{{ {name} | replace({{"https://": ""}}) }}}}'
    return work.text(host + rest, Context.URL, "screenPopUrl")
