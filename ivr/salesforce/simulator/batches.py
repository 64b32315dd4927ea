"""Answers of a query in batches: what does not fit the first is fetched by `nextRecordsUrl`."""

from __future__ import annotations

import itertools
import re
from collections import OrderedDict
from collections.abc import Mapping

from ivr.salesforce.simulator.errors import ApiError
from ivr.salesforce.simulator.ids import make_id
from ivr.salesforce.simulator.query import Json

_DEFAULT, _LEAST, _MOST = 2_000, 200, 2_000
_OPEN = 10
_BATCH_SIZE = re.compile(r"batchSize\s*=\s*(\d{1,6})", re.IGNORECASE)
_LOCATOR = re.compile(r"(01g[A-Za-z0-9]{15})-(\d{1,6})")


class Batches:
    """The answers not yet fetched in full, of which an org keeps the latest ten of a user."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, list[Json]] = OrderedDict()
        self._serial = itertools.count(1)

    def first(self, root: str, rows: list[Json], headers: Mapping[str, str]) -> Json:
        """The answer to a query."""
        size = batch_size(headers)
        if len(rows) <= size:
            return {"totalSize": len(rows), "done": True, "records": rows}
        cursor = make_id("01g", next(self._serial))
        self._open[cursor] = rows
        if len(self._open) > _OPEN:
            self._open.popitem(last=False)
        return self._page(root, cursor, 0, size)

    def next(self, root: str, locator: str, headers: Mapping[str, str]) -> Json:
        """The batch behind a `nextRecordsUrl`. Raises ApiError."""
        found = _LOCATOR.fullmatch(locator)
        rows = self._open.get(found[1]) if found else None
        if found is None or rows is None or int(found[2]) >= len(rows):
            raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(root, found[1], int(found[2]), batch_size(headers))

    def _page(self, root: str, cursor: str, start: int, size: int) -> Json:
        rows = self._open[cursor]
        end = start + size
        page: Json = {"totalSize": len(rows), "done": end >= len(rows)}
        if end < len(rows):
            page["nextRecordsUrl"] = f"{root}/query/{cursor}-{end}"
        return {**page, "records": rows[start:end]}


def batch_size(headers: Mapping[str, str]) -> int:
    """Records a batch, from `Sforce-Query-Options`; header names in lower case."""
    found = _BATCH_SIZE.search(headers.get("sforce-query-options", ""))
    return min(max(int(found[1]), _LEAST), _MOST) if found else _DEFAULT
