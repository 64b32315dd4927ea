"""Decisions and values: set-variable, condition-activity, case-statement, parse-activity, business-hours."""

from __future__ import annotations

from ivr.flow.escape import Context
from ivr.flow.webex.bindings import Outside
from ivr.flow.webex.mapping.context import Work
from ivr.flow.webex.mapping.requests import extracted
from ivr.flow.webex.mapping.step import DEFAULT, FAILED, Following, Port, Step, To, fail, plain
from ivr.flow.webex.pebble.translate import named
from ivr.flow.webex.source import Json

_MAX_SET = 10
_HOURS = ("workingHours", "holidays", "override", "default")


def start(work: Work) -> list[Step]:
    """Where the flow begins."""
    return [Step(type="start", edges={"next": DEFAULT, "error": FAILED})]


def end(work: Work) -> list[Step]:
    """The flow's end."""
    return [Step(type="end")]


def disconnect(work: Work) -> list[Step]:
    """Hang up."""
    return [Step(type="disconnect", edges={"error": FAILED})]


def set_variable(work: Work) -> list[Step]:
    """New values, one after the other: what reads a value set before it becomes an activity of its own."""
    groups: list[dict[str, Json]] = [{}]
    for name, template in _values(work):
        variable = work.variable(name)
        if variable is None:
            work.defect("unknown-variable", f"{name} is not a variable of the flow", "srcVariable")
            continue
        if name in named(template):
            work.different("reads-itself", f"{name} gets a value made of itself", "expr")
        known = groups[-1]
        if variable in known or len(known) == _MAX_SET or named(template) & _exported(work, known):
            groups.append({})
        groups[-1][variable] = _value(work, name, template)
    steps = [Step(type="set-variable", properties={"set": group}) for group in groups if group]
    if not steps:
        return [fail("the export sets no variable here", ("next",))]
    return [
        Step(
            type=step.type,
            properties=step.properties,
            edges={"next": DEFAULT if step is steps[-1] else Following(), "error": FAILED},
        )
        for step in steps
    ]


def _values(work: Work) -> list[tuple[str, str]]:
    """Each target and its template. A list holds everything; the single fields then repeat its first."""
    activity = work.activity
    listed = activity.objects("setVariablesArray")
    if listed:
        return [(str(item.get("srcVariable") or ""), _template(work, item)) for item in listed]
    return [(activity.text("srcVariable", "variable"), _template(work, activity.properties))]


def _template(work: Work, item: object) -> str:
    assert isinstance(item, dict)
    for key in ("expr", "literal", "tgtVariable", "value"):
        value = item.get(key)
        if value is None or value == "":
            continue
        if isinstance(value, bool):
            return str(value).lower()
        text = str(value)
        return f"{{{{ {text} }}}}" if key == "tgtVariable" and "{{" not in text else text
    return ""


def _value(work: Work, name: str, template: str) -> str:
    if name in work.queue_variables and template and "{{" not in template:
        return work.need(Outside.QUEUES, template.strip())
    return work.text(template, Context.PLAIN, "expr")


def _exported(work: Work, ours: dict[str, Json]) -> set[str]:
    return {name for name, variable in work.names.variables.items() if variable.name in ours}


def condition(work: Work) -> list[Step]:
    """True or false."""
    expression = work.activity.text("expression")
    leaves = ("true", "false")
    if not expression:
        work.defect("no-expression", "it has no expression", "expression")
        return [fail("the export has no expression here", leaves)]
    edges: dict[str, To] = {leave: Port((leave,)) for leave in leaves}
    return [
        Step(
            type="condition",
            properties={"expression": work.text(expression, Context.PLAIN, "expression")},
            edges={**edges, "error": FAILED},
        )
    ]


def case(work: Work) -> list[Step]:
    """Many ways. Plain values become one `case`; values that are expressions a row of conditions."""
    activity = work.activity
    ids, values = activity.texts("menuLinks"), activity.texts("menuLinks:input", "menuLinks_input")
    options = activity.objects("cases", "menuOptions")
    if options and not ids:
        ids = tuple(str(option.get("id", index)) for index, option in enumerate(options))
        values = tuple(str(option.get("value", option.get("label", ""))) for option in options)
    pairs = [(id_, values[index] if index < len(values) else id_) for index, id_ in enumerate(ids)]
    expression = activity.text("expression")
    if not pairs or not expression:
        work.defect("no-cases", "it has no expression or no cases", "expression")
        return [fail("the export has no cases here", ("default",))]
    if work.variable(expression) is not None:
        expression = f"{{{{ {expression} }}}}"
    fixed = [value.strip() for _, value in pairs]
    if any("{{" in value for value in fixed) or len({*fixed, "default", "error", ""}) != len(fixed) + 3:
        return _row(work, expression, pairs)
    edges: dict[str, To] = {value: Port((id_,)) for (id_, _), value in zip(pairs, fixed, strict=True)}
    return [
        Step(
            type="case",
            properties={
                "expression": work.text(expression, Context.PLAIN, "expression"), "values": list(fixed)
            },
            edges={**edges, "default": Port(("default",)), "error": FAILED},
        )
    ]  # fmt: skip


def _row(work: Work, expression: str, pairs: list[tuple[str, str]]) -> list[Step]:
    wanted = work.expression(expression, "expression")
    steps: list[Step] = []
    for index, (id_, value) in enumerate(pairs):
        compared = f"({wanted}) | trim == ({work.expression(value, 'menuLinks')}) | trim"
        last = index == len(pairs) - 1
        steps.append(
            Step(
                type="condition",
                properties={"expression": f"{{{{ {compared} }}}}"},
                edges={
                    "true": Port((id_,)),
                    "false": Port(("default",)) if last else Following(),
                    "error": FAILED,
                },
            )
        )
    return steps


def parse(work: Work) -> list[Step]:
    """Values out of a JSON document."""
    activity = work.activity
    said = activity.text("inputVariable").strip().removeprefix("{{").removesuffix("}}").strip()
    kind = activity.text("contentType")
    extract = extracted(work)
    source = _document(work, said)
    if kind and kind.upper() != "JSON":
        work.lost("parse", f"{kind} cannot be parsed here, only JSON", "contentType")
    elif not extract or source is None:
        work.defect("parse", "nothing that is known is parsed, or nothing is taken from it", "inputVariable")
    else:
        return [plain("parse", input=source, extract=extract)]
    return [fail("the export parses something that cannot be parsed here", ("next",))]


def _document(work: Work, said: str) -> str | None:
    variable = work.variable(said)
    if variable is not None:
        return variable
    root, _, attribute = said.partition(".")
    known = work.names.activities.get(root)
    if work.variable(root) is not None and attribute:
        return f"{work.variable(root)}.{attribute}"
    if known is None:
        return None
    output = known.values.get(attribute.casefold())
    return None if output is None or isinstance(output, str) else f"{known.name}.{output.attribute}"


def business_hours(work: Work) -> list[Step]:
    """What the hour is by a schedule."""
    activity = work.activity
    variable = activity.text("businessHoursVariable")
    fixed = activity.text("businessHoursId", "businessHours")
    if variable and (not fixed or "variable" in activity.text("businessHoursRadioGroup").lower()):
        work.different("variable-hours", "the variable must hold a schedule's name here", "businessHoursId")
        template = f"{{{{ {variable} }}}}" if work.variable(variable) else variable
        schedule = work.text(template, Context.PLAIN, "businessHoursVariable")
    elif fixed:
        schedule = work.need(Outside.SCHEDULES, fixed, label=activity.text("businessHoursId:name"))
    else:
        work.defect("no-hours", "it names no business hours", "businessHoursId")
        return [fail("the export names no business hours here", _HOURS)]
    # Webex goes on by default where a special day has no edge of its own.
    edges: dict[str, To] = {hours: Port((hours, "default")) for hours in _HOURS}
    return [Step(type="business-hours", properties={"schedule": schedule}, edges={**edges, "error": FAILED})]
