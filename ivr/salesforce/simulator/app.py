"""The simulator over HTTP: Salesforce's surface, record pages, and its own controls under /simulator/.

| address | does |
|---|---|
| POST /services/oauth2/token | log in: client_credentials, JWT bearer, password, refresh_token |
| POST /services/oauth2/revoke, GET /services/oauth2/userinfo, /id/ORG/USER | end a session; who it is |
| /services/data/vNN.0/... | query, search, parameterizedSearch, composite, sobjects, limits, describe |
| GET /lightning/r/OBJECT/ID/view | a record's page |
| GET, POST, DELETE /simulator/faults | faults in force; add one (`Fault`); clear |
| GET, PATCH /simulator/policy | the org's clock, sessions, grants, usage (`Policy`) |
| POST /simulator/permissions | take rights from the run-as user (`Permissions`) |
| POST /simulator/fields | add a custom field (`FieldEntry`) |
| POST /simulator/expire | all sessions end: the next request of each is answered with 401 |
| GET, DELETE /simulator/log | requests so far, secrets masked; forget them |
| GET /simulator/records/OBJECT | all records of an object |
"""

from __future__ import annotations

from collections import deque
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ivr.salesforce.simulator.api import Api
from ivr.salesforce.simulator.bodies import parsed_json, whole_body
from ivr.salesforce.simulator.controls import Controls
from ivr.salesforce.simulator.describe import user_info
from ivr.salesforce.simulator.errors import ApiError
from ivr.salesforce.simulator.exchange import ApiAnswer, ApiRequest
from ivr.salesforce.simulator.faults import Faults
from ivr.salesforce.simulator.injector import FaultInjector, RequestLog
from ivr.salesforce.simulator.oauth import LoginError
from ivr.salesforce.simulator.org import Org
from ivr.salesforce.simulator.pages import Pages
from ivr.salesforce.simulator.sessions import Sessions

_METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE"]
_LOG_ENTRIES = 1_000
_URI_BYTES = 16_384


def create_app(org: Org, faults: Faults | None = None) -> ASGIApp:
    """The ASGI app on `org`; `faults` may be shared with the one who runs it."""
    rules = faults if faults is not None else Faults()
    log: RequestLog = deque(maxlen=_LOG_ENTRIES)
    service = _Service(org)
    controls = Controls(org, rules, service.sessions, log)
    app = Starlette(
        routes=[
            Route("/services/oauth2/token", service.token, methods=["POST"]),
            Route("/services/oauth2/revoke", service.revoke, methods=["POST"]),
            Route("/services/oauth2/userinfo", service.user_info),
            Route("/id/{organization}/{user}", service.user_info),
            Route("/services/{rest:path}", service.rest, methods=_METHODS),
            Route("/lightning/r/{object}/{id}/view", service.record_page),
            Route("/simulator/faults", controls.faults, methods=["GET", "POST", "DELETE"]),
            Route("/simulator/policy", controls.policy, methods=["GET", "PATCH"]),
            Route("/simulator/permissions", controls.permissions, methods=["POST"]),
            Route("/simulator/fields", controls.fields, methods=["POST"]),
            Route("/simulator/expire", controls.expire, methods=["POST"]),
            Route("/simulator/log", controls.log, methods=["GET", "DELETE"]),
            Route("/simulator/records/{object}", controls.records),
            Route("/", service.home),
        ],
        exception_handlers={ApiError: _refused},
    )
    return FaultInjector(app, rules, log, org.now)


class _Service:
    """What a real org serves."""

    def __init__(self, org: Org) -> None:
        self.sessions = Sessions(org)
        self._org = org
        self._api = Api(org)
        self._pages = Pages(org)

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await whole_body(request)).decode("utf-8", "replace"), keep_blank_values=True))
        try:
            body = self.sessions.log_in(form, request.headers.get("authorization", ""), _base(request))
        except LoginError as exc:
            return JSONResponse({"error": exc.error, "error_description": exc.description}, status_code=400)
        return JSONResponse(body)

    async def revoke(self, request: Request) -> Response:
        form = dict(parse_qsl((await whole_body(request)).decode("utf-8", "replace")))
        if self.sessions.revoke(form.get("token", "")):
            return Response(status_code=200)
        body = {"error": "unsupported_token_type", "error_description": "this token is not known"}
        return JSONResponse(body, status_code=400)

    async def user_info(self, request: Request) -> Response:
        self._check_session(request)
        return JSONResponse(user_info(self._org.identity, _base(request)))

    async def rest(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
        if len(path) + len(request.scope["query_string"]) > _URI_BYTES:
            return HTMLResponse("<h1>URI Too Long</h1>", status_code=414)
        # The list of versions is open to anybody.
        if path.rstrip("/") != "/services/data":
            self._check_session(request)
        answer = self._api.answer(
            ApiRequest(
                method=request.method,
                path=path,
                query=tuple(request.query_params.multi_items()),
                body=parsed_json(await whole_body(request)),
                headers=request.headers,
            )
        )
        return self._response(answer)

    async def record_page(self, request: Request) -> Response:
        page = self._pages.record(request.path_params["object"], request.path_params["id"])
        return HTMLResponse(page) if page else HTMLResponse("<h1>No such record</h1>", status_code=404)

    async def home(self, request: Request) -> Response:
        return HTMLResponse(self._pages.home())

    def _check_session(self, request: Request) -> None:
        if not self.sessions.good(request.headers.get("authorization", "")):
            raise ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")

    def _response(self, answer: ApiAnswer) -> Response:
        used, allowed = self._api.usage
        usage = f"api-usage={used}/{allowed}"
        if self._org.policy.per_app is not None:
            app_used, app_allowed = self._org.policy.per_app
            usage += f"; per-app-api-usage={app_used}/{app_allowed}(appName={self._org.identity.name})"
        headers = {**answer.headers, "Sforce-Limit-Info": usage}
        if answer.body is None:
            return Response(status_code=answer.status, headers=headers)
        return JSONResponse(answer.body, status_code=answer.status, headers=headers)


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return JSONResponse(error.body(), status_code=error.status)
