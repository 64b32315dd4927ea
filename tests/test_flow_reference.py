"""What the reference pages are made of: every activity and property says what it is."""

from __future__ import annotations

from typing import Any

import pytest

from ivr.flow.activities import registry
from ivr.flow.activities.base import ERROR, Activity

# A sample of each whose edges depend on its properties.
SAMPLES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "menu": ({"prompts": [{"text": "x"}], "choices": {"1": "a", "#": "b"}}, {"1", "#"}),
    "fail": ({"reason": "x", "leaves": ["a"]}, {"a"}),
    "case": ({"expression": "x", "values": ["a", "b"]}, {"a", "b"}),
}


@pytest.mark.parametrize("kind", sorted(registry()))
def test_every_property_is_described(kind: str) -> None:
    schema = registry()[kind].model_json_schema()
    assert schema["description"]
    for part in (schema, *schema.get("$defs", {}).values()):
        for name, described in part.get("properties", {}).items():
            assert described.get("description"), f"{kind}: {part.get('title')}.{name}"


@pytest.mark.parametrize("kind", sorted(registry()))
def test_every_edge_is_described(kind: str) -> None:
    activity: type[Activity] = registry()[kind]
    assert ERROR not in activity.exits
    assert all(meaning.endswith(".") for meaning in activity.exits.values())
    if kind in SAMPLES:
        properties, own = SAMPLES[kind]
        outcomes = set(activity.model_validate(properties).outcomes())
        assert outcomes - own == {name for name in activity.exits if not name.isupper()}
        assert any(name.isupper() for name in activity.exits)
    else:
        assert activity.outcomes is Activity.outcomes


def test_webexs_vocabulary_is_there() -> None:
    assert registry().keys() >= {
        "blind-transfer", "business-hours", "callback", "case", "collect-digits", "condition", "disconnect",
        "end", "http-request", "menu", "parse", "play-message", "play-music", "post-comments",
        "queue-contact", "queue-lookup", "queue-to-agent", "salesforce-find", "salesforce-open-cases",
        "screen-pop", "set-variable", "start", "sub-flow",
    }  # fmt: skip
