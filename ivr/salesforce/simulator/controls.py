"""The simulator's own controls: what only a simulated org lets anybody do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ivr.salesforce.simulator.bodies import whole_body
from ivr.salesforce.simulator.data import FieldEntry
from ivr.salesforce.simulator.errors import ApiError
from ivr.salesforce.simulator.faults import Fault, Faults
from ivr.salesforce.simulator.injector import RequestLog
from ivr.salesforce.simulator.org import Org
from ivr.salesforce.simulator.policy import Policy
from ivr.salesforce.simulator.sessions import Sessions

_M = TypeVar("_M", bound=BaseModel)


class Permissions(BaseModel):
    """What the run-as user may do with an object; `visible` false takes the whole object away."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    object: str
    visible: bool = True
    createable: bool = True
    updateable: bool = True
    hidden: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()


class Controls:
    """Handlers of the addresses under /simulator/."""

    def __init__(self, org: Org, faults: Faults, sessions: Sessions, log: RequestLog) -> None:
        self._org = org
        self._faults = faults
        self._sessions = sessions
        self._log = log

    async def faults(self, request: Request) -> Response:
        """Faults in force; add one; clear."""
        if request.method == "DELETE":
            self._faults.clear()
        if request.method == "POST":
            refused = _taken(Fault, await whole_body(request), self._faults.add)
            if refused is not None:
                return refused
        return JSONResponse([fault.model_dump(mode="json") for fault in self._faults.active])

    async def policy(self, request: Request) -> Response:
        """The org's settings; PATCH changes some."""
        if request.method == "PATCH":
            try:
                self._org.policy = _changed(self._org.policy, await whole_body(request))
            except (ValueError, ValidationError) as exc:
                return _unusable(str(exc))
        return JSONResponse(asdict(self._org.policy))

    async def permissions(self, request: Request) -> Response:
        """Take rights from the run-as user."""
        refused = _taken(Permissions, await whole_body(request), self._restrict)
        return refused or Response(status_code=204)

    async def fields(self, request: Request) -> Response:
        """Add a custom field."""
        body = await whole_body(request)
        refused = _taken(FieldEntry, body, lambda entry: entry.add_to(self._org))
        return refused or Response(status_code=204)

    async def expire(self, request: Request) -> Response:
        """End all sessions."""
        self._sessions.expire()
        return Response(status_code=204)

    async def log(self, request: Request) -> Response:
        """Requests so far; DELETE forgets them."""
        if request.method == "DELETE":
            self._log.clear()
        return JSONResponse(list(self._log))

    async def records(self, request: Request) -> Response:
        """All records of an object."""
        sobject = self._org.schema.find(request.path_params["object"])
        if sobject is None:
            return JSONResponse({"detail": "no such object"}, status_code=404)
        return JSONResponse(list(self._org.records(sobject)))

    def _restrict(self, wanted: Permissions) -> None:
        try:
            if not wanted.visible:
                self._org.schema.hide(wanted.object)
                return
            self._org.schema.restrict(
                wanted.object,
                createable=wanted.createable,
                updateable=wanted.updateable,
                hidden=wanted.hidden,
                locked=wanted.locked,
            )
        except KeyError as exc:
            raise ApiError(404, "NOT_FOUND", f"no object or field {exc}") from exc


def _taken(model: type[_M], body: bytes, use: Callable[[_M], None]) -> Response | None:
    """Use a body as `model`; the refusal when it is none."""
    try:
        use(model.model_validate_json(body))
    except ValidationError as exc:
        return _unusable(str(exc))
    return None


def _unusable(detail: str) -> Response:
    return JSONResponse({"detail": detail}, status_code=422)


def _changed(policy: Policy, body: bytes) -> Policy:
    change = json.loads(body)
    known = asdict(policy)
    if not isinstance(change, dict) or (unknown := set(change) - set(known)):
        raise ValueError(f"the policy has {_listed(known)}, not {_listed(unknown if change else ())}")
    return TypeAdapter(Policy).validate_python(known | change)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
