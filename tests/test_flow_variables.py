"""Typed variables, what agents may see and edit, and the system's own values."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ivr.flow.errors import VariableError
from ivr.flow.testing import START
from ivr.flow.values import Namespace, Value, VariableType, coerce
from ivr.flow.variables import Variables, VariableSpec


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        (VariableType.STRING, 7, "7"),
        (VariableType.INTEGER, " 12 ", 12),
        (VariableType.DECIMAL, "1.50", Decimal("1.50")),
        (VariableType.BOOLEAN, "True", True),
        (VariableType.DATETIME, "2025-01-01T12:00:00Z", datetime(2025, 1, 1, 12, tzinfo=UTC)),
        (VariableType.DATETIME, "2025-01-01T12:00:00", datetime(2025, 1, 1, 12, tzinfo=UTC)),
        (VariableType.JSON, '{"a": [1, null]}', {"a": [1, None]}),
    ],
)
def test_coerced(kind: VariableType, given: Value, expected: Value) -> None:
    assert coerce(kind, given) == expected


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (VariableType.INTEGER, "twelve"),
        (VariableType.INTEGER, ""),
        (VariableType.DECIMAL, "NaN"),
        (VariableType.DECIMAL, "1e999999"),
        (VariableType.BOOLEAN, "yes"),
        (VariableType.DATETIME, "today"),
        (VariableType.JSON, "{"),
        (VariableType.JSON, "NaN"),
        (VariableType.JSON, "[" * 8000),
        (VariableType.STRING, "x" * 5000),
        (VariableType.STRING, None),
    ],
)
def test_refused(kind: VariableType, given: Value) -> None:
    with pytest.raises(VariableError):
        coerce(kind, given)


def make(*specs: VariableSpec, position: int | None = None) -> Variables:
    return Variables(specs, START, activities=("Find",), queue_position=lambda: position)


def test_unset_is_not_a_text() -> None:
    variables = make(VariableSpec(name="caseId"))
    with pytest.raises(KeyError):
        variables.look_up("caseId")


def test_outputs_and_system_values_are_found_whatever_their_case() -> None:
    variables = make(position=3)
    variables.set_outputs("Find", {"Id": "001"})
    for root, name, value in [
        ("Find", "ID", "001"),
        ("NewPhoneContact", "ani", "+14155550123"),
        ("NewContact", "INTERACTIONID", "call-1"),
        ("Queue", "position", 3),
    ]:
        namespace = variables.look_up(root)
        assert isinstance(namespace, Namespace)
        assert namespace[name] == value


def test_no_position_when_not_queued() -> None:
    assert make(position=None).look_up("Queue") == {}


def test_agents_see_and_edit_what_is_theirs() -> None:
    variables = make(
        VariableSpec(name="reason", label="Reason", agent_viewable=True, agent_editable=True),
        VariableSpec(name="count", type=VariableType.INTEGER, default=1, agent_viewable=True),
        VariableSpec(name="secret", default="s"),
    )
    variables.edit("reason", "billing")
    assert [(v.label, v.value, v.editable) for v in variables.viewable()] == [
        ("Reason", "billing", True),
        ("count", "1", False),
    ]
    for name in ("count", "secret", "unknown"):
        with pytest.raises(VariableError):
            variables.edit(name, "2")


def test_only_declared_variables_are_set() -> None:
    with pytest.raises(VariableError):
        make().assign("undeclared", "x")
