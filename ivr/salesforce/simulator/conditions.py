"""WHERE and ORDER BY as functions of a record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import assert_never

from ivr.salesforce.simulator.errors import ApiError, malformed_query
from ivr.salesforce.simulator.fields import Field, Kind, SObject, Value
from ivr.salesforce.simulator.paths import Paths
from ivr.salesforce.simulator.soql_tokens import like_pattern, unescape
from ivr.salesforce.simulator.soql_tree import (
    Compare,
    Condition,
    Constant,
    Is,
    Logic,
    Membership,
    Negation,
    Op,
    Order,
    Query,
)
from ivr.salesforce.simulator.values import Record, stamp

Test = Callable[[Record], bool]
Select = Callable[[Query], set[Value]]
_TEXTS = frozenset({Kind.ID, Kind.STRING, Kind.EMAIL, Kind.PHONE, Kind.PICKLIST})
_FITS = {
    Kind.BOOLEAN: {Is.BOOLEAN},
    Kind.INT: {Is.NUMBER},
    Kind.DATE: {Is.DATE, Is.DAYS},
    Kind.DATETIME: {Is.DATETIME, Is.DAYS},
}
_Range = tuple[Value, Value]


class Conditions:
    """Compiles the conditions of one query. `select` gives the values of a query in parentheses."""

    def __init__(self, paths: Paths, query: Query, now: datetime, select: Select) -> None:
        self._paths = paths
        self._query = query
        self._now = now
        self._select = select

    def test(self, sobject: SObject, condition: Condition) -> Test:
        """Whether a record fulfils a condition. Raises ApiError."""
        match condition:
            case Compare():
                return self._compare(sobject, condition)
            case Membership():
                return self._membership(sobject, condition)
            case Negation(part=part):
                inner = self.test(sobject, part)
                return lambda record: not inner(record)
            case Logic(parts=parts, every=every):
                tests = [self.test(sobject, part) for part in parts]
                join = all if every else any
                return lambda record: join(test(record) for test in tests)
            case _:
                assert_never(condition)

    def order(self, sobject: SObject, order: Order) -> Callable[[Record, Record], int]:
        """The comparison of two records by one key. Raises ApiError."""
        steps = self._paths.resolve(sobject, order.path, self._query)
        field = steps.field
        if not field.filterable:
            what = f"field '{field.name}' can not be sorted in a query call"
            raise malformed_query(self._query.text, order.path.position, what)
        read = self._paths.reader(steps)
        sign, null = (-1 if order.descending else 1), (1 if order.nulls_last else -1)

        def compare(one: Record, other: Record) -> int:
            a, b = _rank(field, read(one)), _rank(field, read(other))
            if a is None or b is None:
                return 0 if a is b else (null if a is None else -null)
            return sign * ((a > b) - (a < b))

        return compare

    def _membership(self, sobject: SObject, part: Membership) -> Test:
        steps = self._paths.resolve(sobject, part.path, self._query)
        if steps.field.kind is not Kind.ID:
            what = f"The inner and outer selects should be of the Id type: {steps.field.name}"
            raise malformed_query(self._query.text, part.path.position, what)
        read, among = self._paths.reader(steps), self._select(part.query)
        return lambda record: (read(record) in among) is not part.negated

    def _compare(self, sobject: SObject, compare: Compare) -> Test:
        steps = self._paths.resolve(sobject, compare.path, self._query)
        field, read = steps.field, self._paths.reader(steps)
        self._check(field, compare)
        op = compare.op
        if op is Op.LIKE:
            pattern = like_pattern(compare.values[0].text)
            return lambda record: isinstance(value := read(record), str) and bool(pattern.fullmatch(value))
        wanted = [self._range(field, constant, compare) for constant in compare.values]
        if op in (Op.IN, Op.NOT_IN):
            negated = op is Op.NOT_IN
            return lambda record: any(_equal(_plain(field, read(record)), w) for w in wanted) is not negated
        return lambda record: _holds(op, _plain(field, read(record)), wanted[0])

    def _check(self, field: Field, compare: Compare) -> None:
        if not field.filterable:
            what = f"field '{field.name}' can not be filtered in a query call"
            raise malformed_query(self._query.text, compare.path.position, what, "INVALID_FIELD")
        fits = _FITS.get(field.kind, {Is.STRING})
        for constant in compare.values:
            if constant.kind is not Is.NULL and constant.kind not in fits:
                quoted = "should" if field.kind in _TEXTS else "should not"
                what = (
                    f"value of filter criterion for field '{field.name}' must be of type {field.kind}"
                    f" and {quoted} be enclosed in quotes"
                )
                raise malformed_query(self._query.text, compare.path.position, what, "INVALID_FIELD")
        if field.kind is Kind.ID:
            self._check_ids(compare)

    def _check_ids(self, compare: Compare) -> None:
        if compare.op is Op.LIKE:
            what = "invalid operator on id field"
            raise malformed_query(
                self._query.text, compare.path.position, what, "INVALID_QUERY_FILTER_OPERATOR"
            )
        for constant in compare.values:
            text = unescape(constant.text)
            if text and not (len(text) in (15, 18) and text.isascii() and text.isalnum()):
                what = f"invalid ID field: {text}"
                raise malformed_query(
                    self._query.text, compare.path.position, what, "INVALID_QUERY_FILTER_OPERATOR"
                )

    def _range(self, field: Field, constant: Constant, compare: Compare) -> _Range:
        """The first value that a constant stands for, and the first after it when it stands for several."""
        match constant.kind:
            case Is.NULL:
                return None, None
            case Is.BOOLEAN:
                return constant.text == "true", None
            case Is.NUMBER:
                return self._number(constant, compare), None
            case Is.DATE | Is.DATETIME:
                return self._moment(constant, compare), None
            case Is.DAYS:
                first, after = _days(constant.text, self._now.date())
                return (_start(field, first), _start(field, after))
            case Is.STRING:
                return _plain(field, unescape(constant.text)), None
            case _:
                assert_never(constant.kind)

    def _number(self, constant: Constant, compare: Compare) -> int:
        try:
            return int(constant.text)
        except ValueError:
            what = f"the simulator has no fields with fractions: {constant.text}"
            raise malformed_query(self._query.text, compare.path.position, what, "NOT_SIMULATED") from None

    def _moment(self, constant: Constant, compare: Compare) -> str:
        try:
            if constant.kind is Is.DATE:
                return date.fromisoformat(constant.text).isoformat()
            return stamp(datetime.fromisoformat(constant.text.upper()))
        except (ValueError, OverflowError) as exc:
            what = f"unexpected token: '{constant.text}'"
            raise malformed_query(self._query.text, compare.path.position, what) from exc


def _days(text: str, today: date) -> tuple[date, date]:
    """The first day, and the first after the last."""
    word, _, count = text.partition(":")
    one, number = timedelta(days=1), min(int(count or 0), 50_000)
    match word:
        case "TODAY":
            return today, today + one
        case "YESTERDAY":
            return today - one, today
        case "TOMORROW":
            return today + one, today + 2 * one
        case "LAST_N_DAYS":
            return today - number * one, today + one
        case _:
            return today + one, today + (number + 1) * one


def _start(field: Field, day: date) -> str:
    if field.kind is Kind.DATE:
        return day.isoformat()
    return stamp(datetime(day.year, day.month, day.day, tzinfo=UTC))


def _plain(field: Field, value: Value) -> Value:
    """As it is compared: text without regard to case, ids by 15 characters, an empty text is null."""
    if not isinstance(value, str):
        return value
    match field.kind:
        case Kind.ID:
            return value[:15] or None
        case Kind.DATE | Kind.DATETIME:
            return value or None
        case _:
            return value.casefold() or None


def _equal(value: Value, wanted: _Range) -> bool:
    first, after = wanted
    return value == first if after is None else _less(first, value, True) and _less(value, after)


def _holds(op: Op, value: Value, wanted: _Range) -> bool:
    first, after = wanted
    match op:
        case Op.EQ:
            return _equal(value, wanted)
        case Op.NE:
            return not _equal(value, wanted)
        case Op.LT:
            return _less(value, first)
        case Op.LE:
            return _less(value, first, True) if after is None else _less(value, after)
        case Op.GT:
            return _less(first, value) if after is None else _less(after, value, True)
        case Op.GE:
            return _less(first, value, True)
        case Op.LIKE | Op.IN | Op.NOT_IN:
            raise AssertionError("compiled apart")
        case _:
            assert_never(op)


def _less(one: Value, other: Value, or_equal: bool = False) -> bool:
    """Whether one comes before the other; nothing comes before or after null."""
    match one, other:
        case str(), str():
            return one < other or (or_equal and one == other)
        case int(), int():
            return one < other or (or_equal and one == other)
        case _:
            return False


def _rank(field: Field, value: Value) -> tuple[int, str] | None:
    """For sorting: picklists by the order of their values, others by their text or number."""
    match value:
        case None | "":
            return None
        case str() if field.values:
            known = value in field.values
            return (field.values.index(value) if known else len(field.values)), value.casefold()
        case str():
            return 0, value.casefold()
        case _:
            return int(value), ""


def check_offset(query: Query) -> None:
    """Raises ApiError when OFFSET is beyond what Salesforce allows."""
    if query.offset > 2_000:
        message = "Maximum SOQL offset allowed is 2000"
        raise ApiError(400, "NUMBER_OUTSIDE_VALID_RANGE", message)
