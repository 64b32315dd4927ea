"""Expressions as our templates spell them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import assert_never

from ivr.flow.webex.errors import PebbleError
from ivr.flow.webex.pebble.calls import called, filtered, length, tested
from ivr.flow.webex.pebble.names import NUMBERS, Known, Names, Output, Type
from ivr.flow.webex.pebble.remarks import Remark, Remarked
from ivr.flow.webex.pebble.spelling import NOTHING, Emitted, chain, literal, loose, quoted
from ivr.flow.webex.pebble.tree import (
    Attribute,
    Binary,
    Call,
    Expression,
    Filter,
    Index,
    ListOf,
    Literal,
    MapOf,
    Name,
    Ternary,
    Test,
    Unary,
)

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ORDER = frozenset({"<", "<=", ">", ">="})


class Emitter:
    """Emits the expressions of one template and collects what there is to say about them."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self.remarks: list[Remarked] = []

    def remark(self, remark: Remark, text: str) -> None:
        """Something worth telling."""
        self.remarks.append(Remarked(remark, text))

    def refused(self, source: str) -> Emitted:
        """An expression that fails, and says which one it was."""
        return chain(literal(source), "untranslated")

    def value(self, node: Expression) -> Emitted:
        """An expression, the moment that now() gives as a text."""
        return self.emit(node).as_value()

    def emit(self, node: Expression) -> Emitted:
        """An expression. Raises `PebbleError` for what we cannot say."""
        match node:
            case Literal(value=value):
                return _constant(value)
            case Name(name=name):
                return self._name(name)
            case Attribute():
                return self._attribute(node)
            case Index(of=of, key=key):
                return chain(self.value(of), "part", self.value(key), type_=Type.ANY)
            case Filter():
                return filtered(self, node)
            case Test():
                return tested(self, node)
            case Call():
                return called(self, node)
            case Unary(operator=operator, of=of):
                return self._unary(operator, self.value(of))
            case Binary():
                return self._binary(node.operator, self.value(node.left), self.value(node.right))
            case Ternary():
                return self._ternary(node)
            case ListOf(items=items):
                inside = ", ".join(_item(self.value(item)) for item in items)
                return Emitted(source=f"[{inside}]", type=Type.ANY)
            case MapOf():
                raise PebbleError("a map stands only in replace")
            case _:
                assert_never(node)

    def _name(self, name: str) -> Emitted:
        variable = self._names.variables.get(name)
        if variable is not None:
            return Emitted(source=variable.name, type=variable.type)
        known = self._names.activities.get(name)
        if known is None:
            near = [other for other in self._names.variables if other.casefold() == name.casefold()]
            hint = f"; there is {near[0]}" if near else ""
            self.remark(Remark.UNKNOWN_NAME, f"{name} is neither a variable nor an activity{hint}")
        else:
            self.remark(Remark.DIFFERENT, f"{name} alone prints nothing")
        return NOTHING

    def _attribute(self, node: Attribute) -> Emitted:
        known = self._namespace(node.of)
        if known is not None:
            return self._output(known, node.name)
        path, root = [node.name], node.of
        while isinstance(root, Attribute) and self._namespace(root.of) is None:
            path.insert(0, root.name)
            root = root.of
        value = self.value(root)
        if path[-1] in ("length", "size") and value.type in (Type.TEXT, Type.JSON, Type.ANY):
            within = value if len(path) == 1 else _within(value, path[:-1])
            return length(within, "none")
        if value.type in (Type.JSON, Type.ANY):
            return _within(value, path)
        if value.type is not Type.NOTHING:
            self.remark(Remark.UNKNOWN_NAME, f"{value.source} is a {value.type} and has no {'.'.join(path)}")
        return NOTHING

    def _namespace(self, node: Expression) -> Known | None:
        if not isinstance(node, Name) or node.name in self._names.variables:
            return None
        return self._names.activities.get(node.name)

    def _output(self, known: Known, attribute: str) -> Emitted:
        found = known.values.get(attribute.casefold())
        match found:
            case str():
                return literal(found)
            case None:
                self.remark(
                    Remark.NO_SUCH_OUTPUT, f"{known.name}.{attribute} is not there; it reads as empty"
                )
                return NOTHING
            case Output():
                source = f"{known.name}.{found.attribute}"
                unset = Emitted(source=source, type=found.type)
                if found.instead:
                    return chain(unset, "or_else", quoted(found.instead))
                if found.always and known.name in self._names.certain:
                    return unset
                return Emitted(source=source, type=Type.ANY, if_set=found.type)
            case _:
                assert_never(found)

    def _unary(self, operator: str, value: Emitted) -> Emitted:
        if operator == "not":
            return loose(f"not {_truth(value)}", Type.TRUTH)
        return loose(f"{operator}{value.base()}", value.type if value.type in NUMBERS else Type.ANY)

    def _ternary(self, node: Ternary) -> Emitted:
        condition, then, other = map(self.value, (node.condition, node.then, node.otherwise))
        source = f"{then.base()} if {_truth(condition)} else {other.base()}"
        return loose(source, then.type if then.type is other.type else Type.ANY)

    def _binary(self, operator: str, left: Emitted, right: Emitted) -> Emitted:
        match operator:
            case "and" | "or":
                return loose(f"{_truth(left)} {operator} {_truth(right)}", Type.TRUTH)
            case "==" | "equals":
                return self._equal(left, right)
            case "!=":
                equal = self._equal(left, right)
                if equal.source == f"{left.base()} == {right.base()}":
                    return loose(f"{left.base()} != {right.base()}", Type.TRUTH)
                return loose(f"not ({equal.source})", Type.TRUTH)
            case "<" | "<=" | ">" | ">=":
                if {left.type, right.type} <= NUMBERS:
                    return loose(f"{left.base()} {operator} {right.base()}", Type.TRUTH)
                self._suspect(left, right, operator)
                return chain(left, "compare", quoted(operator), right, type_=Type.TRUTH)
            case "contains":
                return chain(left, "contains", right, type_=Type.TRUTH)
            case "~":
                return loose(f"{_joined(left)} ~ {_joined(right)}", Type.TEXT)
            case "+" | "-" | "*" | "/" | "%":
                return _arithmetic(operator, left, right)
            case _:
                raise PebbleError(f"the operator {operator!r} is not known here")

    def _equal(self, left: Emitted, right: Emitted) -> Emitted:
        types = {left.type, right.type}
        if types <= NUMBERS or (len(types) == 1 and types <= {Type.TEXT, Type.TRUTH}):
            return loose(f"{left.base()} == {right.base()}", Type.TRUTH)
        self._suspect(left, right, "==")
        return chain(left, "same", right, type_=Type.TRUTH)

    def _suspect(self, left: Emitted, right: Emitted, operator: str) -> None:
        sides = [side.if_set or side.type for side in (left, right)]
        types = set(sides)
        if Type.TEXT in types and types & (NUMBERS | {Type.TRUTH}):
            verdict = "is never true" if operator == "==" else "fails"
            self.remark(
                Remark.TEXT_AND_NUMBER,
                f"{left.source} {operator} {right.source} compares a {sides[0]} with a {sides[1]}: "
                f"it {verdict}",
            )


def _constant(value: str | int | Decimal | bool | None) -> Emitted:
    match value:
        case None:
            return NOTHING
        case bool():
            return Emitted(source="true" if value else "false", type=Type.TRUTH)
        case int():
            return Emitted(source=str(value), type=Type.WHOLE)
        case Decimal():
            return Emitted(source=f"{value:f}", type=Type.DECIMAL)
        case str():
            return literal(value)
        case _:
            assert_never(value)


def _truth(value: Emitted) -> str:
    """As a condition: what is not set is false."""
    return f"({value.base()} | truth)" if value.type in (Type.ANY, Type.JSON) else value.base()


def _item(value: Emitted) -> str:
    """In a list; null when it is not set."""
    return f"{value.base()} | part" if value.type is Type.ANY else value.source


def _within(value: Emitted, path: list[str]) -> Emitted:
    """What lies in a JSON value."""
    if len(path) == 1 and value.type is Type.JSON and _IDENTIFIER.fullmatch(path[0]):
        return Emitted(source=f"{value.stem()}.{path[0]}", type=Type.ANY)
    return chain(value, "part", *map(quoted, path), type_=Type.ANY)


def _joined(value: Emitted) -> str:
    match value.type:
        case Type.NOTHING:
            return '""'
        case Type.TEXT | Type.WHOLE:
            return value.base()
        case _:
            return f"{value.base()} | text"


def _arithmetic(operator: str, left: Emitted, right: Emitted) -> Emitted:
    types = {left.type, right.type}
    numbers = types <= NUMBERS
    whole = Type.WHOLE if types == {Type.WHOLE} else Type.DECIMAL if numbers else Type.ANY
    if operator == "+" and types <= {Type.TEXT, Type.WHOLE} and Type.TEXT in types:
        return loose(f"{left.base()} ~ {right.base()}", Type.TEXT)
    if operator == "+" and Type.TEXT in types:
        return chain(left, "plus", right, type_=Type.TEXT)
    if operator in ("-", "*") or (operator == "+" and types == {Type.WHOLE}):
        return loose(f"{left.base()} {operator} {right.base()}", whole)
    if operator in ("/", "%"):
        return chain(left, "divide" if operator == "/" else "modulo", right, type_=whole)
    return chain(left, "plus", right, type_=whole)
