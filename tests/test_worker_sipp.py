"""SIPp, the field's own load generator, as the caller."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.phones import HOST, free_port, phone, within

pytestmark = [
    pytest.mark.sip,
    pytest.mark.process,
    pytest.mark.timeout(60),
    pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed"),
]

CALLS = 3


def test_sipps_stock_caller_completes_its_calls(tmp_path: Path) -> None:
    async def scene() -> None:
        program = shutil.which("sipp")
        assert program is not None
        async with phone() as node:
            arguments = ["-sn", "uac", node.address, "-s", "service", "-m", str(CALLS), "-l", "2", "-i", HOST]
            limits = ["-p", str(free_port()), "-nostdin", "-timeout", "30s", "-timeout_error"]
            process = await asyncio.create_subprocess_exec(
                program, *arguments, *limits, stdout=asyncio.subprocess.DEVNULL, cwd=tmp_path
            )
            try:
                for _ in range(CALLS):
                    line = await node.rung()
                    await line.leg.answer(180)
                    await line.leg.answer(200)
                    ended = await line.ended()
                    assert (ended.by, ended.code) == ("peer", 200)
                assert await within(process.wait()) == 0
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    asyncio.run(scene())
