"""The one way a simulated request fails: status, Salesforce's code, message and fields.

What the simulator lacks, though Salesforce has it, is answered with the code `NOT_SIMULATED`, which
Salesforce never sends: nobody can take it for an answer of the real one.
"""

from __future__ import annotations

from collections.abc import Sequence

_EXCERPT = 30
_HINT = (
    "If you are attempting to use a custom {kind}, be sure to append the '__{suffix}' after the {name}. "
    "Please reference your WSDL or the describe call for the appropriate names."
)


class ApiError(Exception):
    """Becomes the error array of an answer."""

    def __init__(self, status: int, code: str, message: str, fields: Sequence[str] = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = tuple(fields)

    def body(self) -> list[dict[str, object]]:
        """The error array."""
        item: dict[str, object] = {"message": self.message, "errorCode": self.code}
        if self.fields:
            item["fields"] = list(self.fields)
        return [item]


def malformed_query(text: str, position: int, what: str, code: str = "MALFORMED_QUERY") -> ApiError:
    """An error that points into the query, as Salesforce does."""
    row = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    excerpt = text[max(0, position - _EXCERPT) : position + _EXCERPT].replace("\n", " ")
    pointer = " " * min(position, _EXCERPT) + "^"
    return ApiError(400, code, f"\n{excerpt}\n{pointer}\nERROR at Row:{row}:Column:{column}\n{what}")


def not_simulated(what: str, status: int = 400) -> ApiError:
    """Salesforce knows this, the simulator does not."""
    return ApiError(status, "NOT_SIMULATED", f"the simulator does not know {what}")


def not_found() -> ApiError:
    """No such resource or record."""
    return ApiError(404, "NOT_FOUND", "The requested resource does not exist")


def no_external_id(name: str) -> ApiError:
    """What stands in a path where an id or an external id field was expected is neither."""
    message = f"Provided external ID field does not exist or is not accessible: {name}"
    return ApiError(404, "NOT_FOUND", message)


def no_column(name: str, entity: str) -> str:
    """The text of INVALID_FIELD in a query."""
    hint = _HINT.format(kind="field", suffix="c", name="custom field name")
    return f"No such column '{name}' on entity '{entity}'. {hint}"


def no_relationship(name: str, place: str) -> str:
    """The text for a relationship that is not there; `place` is "field path" or "FROM part of query call"."""
    hint = _HINT.format(kind="relationship", suffix="r", name="custom relationship name")
    return f"Didn't understand relationship '{name}' in {place}. {hint}"


def no_type(name: str) -> str:
    """The text of INVALID_TYPE."""
    hint = _HINT.format(kind="object", suffix="c", name="entity name")
    return f"sObject type '{name}' is not supported. {hint}"
