"""The resource `sobjects`: records created, read, changed and removed, and what the org says of objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never
from urllib.parse import quote

from ivr.salesforce.simulator import describe
from ivr.salesforce.simulator.errors import ApiError, no_external_id, not_found
from ivr.salesforce.simulator.exchange import ApiAnswer, ApiRequest, object_of
from ivr.salesforce.simulator.fields import Field, SObject
from ivr.salesforce.simulator.ids import is_id
from ivr.salesforce.simulator.org import Org, Upserted
from ivr.salesforce.simulator.query import Json, Runner
from ivr.salesforce.simulator.soql import parse_query
from ivr.salesforce.simulator.values import Record


class Rows:
    """Answers requests on records. `root` is written into addresses."""

    def __init__(self, org: Org, runner: Runner, root: str) -> None:
        self._org = org
        self._runner = runner
        self._root = root

    def answer(self, request: ApiRequest, steps: list[str]) -> ApiAnswer:
        """Answer a request below `sobjects`. Raises ApiError."""
        if not steps and request.method == "GET":
            return ApiAnswer(status=200, body=describe.all_objects(self._org.schema, self._root))
        sobject = self._org.schema.find(steps[0]) if steps else None
        if sobject is None:
            raise not_found()
        match request.method, *steps[1:]:
            case ("GET",):
                return ApiAnswer(status=200, body=describe.basic(sobject, self._root))
            case ("POST",):
                return self._created(sobject, self._org.create(sobject, object_of(request.body)))
            case "GET", "describe":
                body = describe.describe(sobject, self._org.schema, self._root)
                return ApiAnswer(status=200, body=body)
            case method, id_:
                return self._by_id(request, method, sobject, id_)
            case method, name, value:
                return self._by_external_id(request, method, sobject, self._key(sobject, name), value)
            case _:
                raise not_found()

    def _by_id(self, request: ApiRequest, method: str, sobject: SObject, id_: str) -> ApiAnswer:
        match method:
            case "GET":
                record = self._org.get(sobject, id_)
                if record is None:
                    raise not_found() if is_id(id_) else no_external_id(id_)
                return ApiAnswer(status=200, body=self._read(request, sobject, record))
            case "PATCH":
                self._org.update(sobject, id_, object_of(request.body))
                return ApiAnswer(status=204)
            case "DELETE":
                self._org.delete(sobject, id_)
                return ApiAnswer(status=204)
            case _:
                raise _not_allowed(method)

    def _by_external_id(
        self, request: ApiRequest, method: str, sobject: SObject, field: Field, value: str
    ) -> ApiAnswer:
        match method:
            case "PATCH":
                return self._upserted(request, sobject, field, value)
            case "GET" | "DELETE":
                found = self._org.with_value(sobject, field, value)
                if not found:
                    raise not_found()
                if len(found) > 1:
                    return self._choices(sobject, found)
                return self._by_id(request, method, sobject, str(found[0]["Id"]))
            case _:
                raise _not_allowed(method)

    def _upserted(self, request: ApiRequest, sobject: SObject, field: Field, value: str) -> ApiAnswer:
        update_only = dict(request.query).get("updateOnly", "").lower() == "true"
        values = object_of(request.body)
        done = self._org.upsert(sobject, field, value, values, update_only=update_only)
        if isinstance(done, list):
            return self._choices(sobject, done)
        outcome, record = done
        match outcome:
            case Upserted.CREATED:
                answer = self._created(sobject, record, created=True)
            case Upserted.UPDATED:
                answer = ApiAnswer(status=200, body=_saved(record, created=False))
            case _:
                assert_never(outcome)
        return answer

    def _key(self, sobject: SObject, name: str) -> Field:
        field = sobject.field(name)
        if field is None or not field.external_id:
            raise no_external_id(name)
        return field

    def _created(self, sobject: SObject, record: Record, **more: object) -> ApiAnswer:
        return ApiAnswer(
            status=201, body=_saved(record, **more), headers={"Location": self._address(sobject, record)}
        )

    def _choices(self, sobject: SObject, records: list[Record]) -> ApiAnswer:
        return ApiAnswer(status=300, body=[self._address(sobject, record) for record in records])

    def _address(self, sobject: SObject, record: Record) -> str:
        return f"{self._root}/sobjects/{sobject.name}/{quote(str(record['Id']))}"

    def _read(self, request: ApiRequest, sobject: SObject, record: Record) -> Json:
        fields = dict(request.query).get("fields")
        if fields is None:
            return self._runner.whole(sobject, record)
        # Parsed, not run: what is no list of fields is an error.
        query = parse_query(f"SELECT {fields} FROM {sobject.name}")  # noqa: S608
        return {**self._runner.run(query, [record])[0], "Id": record["Id"]}


def _saved(record: Mapping[str, object], **more: object) -> Json:
    return {"id": record["Id"], "success": True, "errors": [], **more}


def _not_allowed(method: str) -> ApiError:
    message = f"HTTP Method '{method}' not allowed. Allowed are HEAD,GET,PATCH,DELETE"
    return ApiError(405, "METHOD_NOT_ALLOWED", message)
