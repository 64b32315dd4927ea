"""Lines of the spool."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.ids import CallId
from ivr.store.operations import (
    AppendTimeline,
    CloseRecord,
    OpenRecord,
    Operation,
    PutNote,
    ReleaseRows,
    ReplanRows,
    UpdateRecord,
    decode,
    encode,
)
from ivr.store.spool import Spool
from ivr.store.testing import closed, comment, opened
from ivr.store.values import Note, TimelineRow
from ivr.testing.clock import EPOCH

C1 = CallId("c1")
ROW = TimelineRow(
    call_id=C1, n=7, at=EPOCH, offset_s=1.5, source="sip", event="INVITE", detail={"a": [1, None]}
)
ALL: list[Operation] = [
    OpenRecord(boot_id="b", opened=opened("c1", EPOCH)),
    UpdateRecord(call_id=C1, fields={"answered_at": EPOCH, "priority": 3, "detail": {"x": {"y": 1}}}),
    AppendTimeline(rows=(ROW, ROW)),
    CloseRecord(boot_id="b", at=EPOCH, closed=closed("c1", EPOCH), drafts=(comment("c1", EPOCH),)),
    PutNote(note=Note(call_id=C1, agent="alice", text="line\nline", revision=2, saved_at=EPOCH)),
    ReleaseRows(call_id=C1, at=EPOCH),
    ReplanRows(call_id=C1, at=EPOCH, drafts=(comment("c1", EPOCH),)),
]


@pytest.mark.parametrize("operation", ALL, ids=lambda op: type(op).__name__)
def test_each_operation_survives_the_spool(operation: Operation) -> None:
    assert decode(encode(operation)) == operation


@given(st.text(), st.timedeltas(timedelta(days=-9000), timedelta(days=9000)), st.integers(0, 2**31))
def test_any_text_is_one_ascii_line(text: str, after: timedelta, revision: int) -> None:
    note = Note(call_id=C1, agent="a", text=text, revision=revision, saved_at=EPOCH + after)
    operation = PutNote(note=note)
    line = encode(operation)
    assert line.isascii()
    assert "\n" not in line
    assert decode(line) == operation


@pytest.mark.parametrize("line", ["", "{", "[]", '{"op":"nothing","value":{}}', '{"op":"note","value":{}}'])
def test_what_is_no_operation_is_an_error(line: str) -> None:
    with pytest.raises(ValueError):
        decode(line)


def test_a_torn_line_is_set_aside_and_what_follows_survives(tmp_path: Path) -> None:
    async def scenario() -> None:
        spool = Spool(tmp_path)
        assert not spool.filled
        await spool.append(ALL[:2])
        with spool.path.open("a") as file:
            file.write('{"op": "note", "val')
        again = Spool(tmp_path)
        assert again.filled
        await again.append(ALL[2:])
        assert await again.read() == ALL
        assert again.rejected_path.read_text() == '{"op": "note", "val\n'
        await again.clear()
        assert not Spool(tmp_path).filled

    asyncio.run(scenario())


def test_the_spool_is_private(tmp_path: Path) -> None:
    asyncio.run(Spool(tmp_path).append(ALL))
    assert (tmp_path / "spool.jsonl").stat().st_mode & 0o077 == 0


def test_release_times_keep_their_zone() -> None:
    local = EPOCH.astimezone(tz=None) + timedelta(hours=1)
    again = decode(encode(ReleaseRows(call_id=C1, at=local)))
    assert isinstance(again, ReleaseRows)
    assert again.at == local
