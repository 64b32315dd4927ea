"""Bodies of requests, bounded."""

from __future__ import annotations

import json

from starlette.requests import Request

from ivr.salesforce.simulator.errors import ApiError

_BODY_BYTES = 1_000_000


async def whole_body(request: Request) -> bytes:
    """All of it. Raises ApiError when it is too long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_BYTES:
            raise ApiError(413, "REQUEST_TOO_LARGE", "the simulator takes bodies up to 1 MB")
    return bytes(body)


def parsed_json(body: bytes) -> object:
    """The body as JSON, None when there is none. Raises ApiError."""
    if not body:
        return None
    try:
        parsed: object = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise ApiError(400, "JSON_PARSER_ERROR", "the body is not JSON") from exc
    return parsed
