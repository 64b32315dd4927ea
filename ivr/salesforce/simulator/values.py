"""What may be written into a field, and the errors for what may not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

from ivr.salesforce.simulator.errors import ApiError
from ivr.salesforce.simulator.fields import Field, Kind, SObject, Value

Record = dict[str, Value]
# When something happened is given in a data file, and made by the org otherwise.
STAMPS = ("CreatedDate", "LastModifiedDate")
_STAMP = "%Y-%m-%dT%H:%M:%S.000+0000"


def stamp(moment: datetime) -> str:
    """A moment as records hold it."""
    return moment.astimezone(UTC).strftime(_STAMP)


def check_all(
    sobject: SObject,
    values: Mapping[str, object],
    *,
    creating: bool,
    seeding: bool = False,
    referenced: Callable[[Field, Value], Value],
) -> Record:
    """`values` by field name in schema case, each checked. Raises ApiError."""
    given: Record = {}
    for name, value in values.items():
        field = sobject.field(name)
        if field is None:
            if name == "attributes":
                continue
            raise ApiError(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}")
        if not (seeding and field.name in STAMPS):
            _check_right(field, creating=creating)
        given[field.name] = referenced(field, check(field, value))
    return given


def check_required(sobject: SObject, record: Mapping[str, object]) -> None:
    """Raises ApiError when a required field is empty."""
    missing = [f.name for f in sobject.fields.values() if f.required and record.get(f.name) in (None, "")]
    if missing:
        message = f"Required fields are missing: [{', '.join(missing)}]"
        raise ApiError(400, "REQUIRED_FIELD_MISSING", message, missing)


def _check_right(field: Field, *, creating: bool) -> None:
    if field.createable if creating else field.updateable:
        return
    if field.name == "Id" and creating:
        message = "cannot specify Id in an insert call"
        raise ApiError(400, "INVALID_FIELD_FOR_INSERT_UPDATE", message, ["Id"])
    if field.name == "Id":
        raise ApiError(400, "INVALID_FIELD", "The Id field should not be specified in the sobject data.")
    message = (
        f"Unable to create/update fields: {field.name}. Please check the security settings of this field "
        "and verify that it is read/write for your profile or permission set."
    )
    raise ApiError(400, "INVALID_FIELD_FOR_INSERT_UPDATE", message, [field.name])


def check(field: Field, value: object) -> Value:
    """`value` as the field takes it. Raises ApiError."""
    if value is None:
        return False if field.kind is Kind.BOOLEAN else None
    match field.kind:
        case Kind.BOOLEAN if isinstance(value, bool):
            return value
        case Kind.INT if isinstance(value, int) and not isinstance(value, bool):
            return value
        case Kind.BOOLEAN | Kind.INT:
            raise _undeserialised(field, value)
        case _ if not isinstance(value, str):
            raise _undeserialised(field, value)
        case Kind.DATE:
            return _date(field, value)
        case Kind.DATETIME:
            return _datetime(field, value)
        case _:
            return _text(field, value)


def _text(field: Field, value: str) -> str | None:
    size = len(value.encode("utf-8", "replace")) if field.length_in_bytes else len(value)
    if size > field.length:
        message = f"{field.label}: data value too large: {value} (max length={field.length})"
        raise ApiError(400, "STRING_TOO_LONG", message, [field.name])
    if field.restricted and value and value not in field.values:
        message = f"{field.label}: bad value for restricted picklist field: {value}"
        raise ApiError(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, [field.name])
    if field.kind is Kind.EMAIL and value and "@" not in value:
        message = f"{field.label}: invalid email address: {value}"
        raise ApiError(400, "INVALID_EMAIL_ADDRESS", message, [field.name])
    return value or None


def _date(field: Field, value: str) -> str:
    try:
        return date.fromisoformat(value[:10]).isoformat()
    except ValueError as exc:
        raise _undeserialised(field, value) from exc


def _datetime(field: Field, value: str) -> str:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as exc:
        raise _undeserialised(field, value) from exc
    return stamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _undeserialised(field: Field, value: object) -> ApiError:
    shapes = {str: "STRING", bool: "BOOLEAN", int: "NUMBER_INT", float: "NUMBER_FLOAT"}
    shape = shapes.get(type(value), "EMBEDDED_OBJECT")
    message = (
        f"Cannot deserialize instance of {field.kind} from VALUE_{shape} value {value} "
        f"or request may be missing a required field ({field.name})"
    )
    return ApiError(400, "JSON_PARSER_ERROR", message)
