"""An export file, read: which of the two formats it is, and its typed graph."""

from __future__ import annotations

import json
from typing import cast

from ivr.flow.webex.errors import ExportError
from ivr.flow.webex.read_api import read_api
from ivr.flow.webex.read_designer import read_designer
from ivr.flow.webex.source import Json, SourceFlow

MAX_BYTES = 8_000_000
MAX_ACTIVITIES = 1000


def read_export(data: bytes) -> SourceFlow:
    """The flow in an export. Raises `ExportError`."""
    if len(data) > MAX_BYTES:
        raise ExportError(f"an export has at most {MAX_BYTES} bytes, this one has {len(data)}")
    try:
        document = cast("Json", json.loads(data.decode("utf-8-sig")))
    except (ValueError, RecursionError) as exc:
        raise ExportError(f"this is no JSON: {str(exc)[:80]}") from exc
    flow = _read(document)
    count = sum(1 for _ in flow.activities())
    if count > MAX_ACTIVITIES:
        raise ExportError(f"a flow has at most {MAX_ACTIVITIES} activities, this one has {count}")
    return flow


def _read(document: Json) -> SourceFlow:
    if isinstance(document, dict):
        match document:
            case {"process": {"activities": dict()}}:
                return read_designer(document)
            case {"nodes": list() | dict(), "edges": list()}:
                return read_api(document)
            case {"flow": dict() as inner} | {"data": dict() as inner}:
                return _read(inner)
    raise ExportError(
        "this is no export of a Webex flow: there is neither process.activities nor nodes and edges"
    )
