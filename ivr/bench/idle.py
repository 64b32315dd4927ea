"""What a node costs that nobody calls."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from ivr.bench.table import Row
from ivr.clock import SystemClock
from ivr.load.callers import callers
from ivr.load.meter import Meter, Use
from ivr.load.node import NodeSpec, node_under_test
from ivr.load.processes import Part

MB = 1 << 20
SETTLE_S = 10.0
"""The first prompts are spoken and kept after the start."""


async def idle(workers: int, seconds: float) -> Use:
    """What so many workers and all beside them use. Raises LoadError."""
    with tempfile.TemporaryDirectory(prefix="ivr-bench-") as folder:
        spec = NodeSpec(folder=Path(folder), capacity=2 * workers, callers=callers(1))
        async with node_under_test(spec) as node:
            meter = Meter(node.pid, {}, SystemClock())
            await asyncio.sleep(SETTLE_S)
            before = await meter.read()
            await asyncio.sleep(seconds)
            return meter.use(before, await meter.read(memory=True))


def idle_rows(use: Use) -> tuple[Row, ...]:
    """Workers each, and the rest."""
    worker = next(part for part in use.parts if part.part is Part.WORKER)
    rest = use.node_cores - worker.cores
    return (
        Row(
            measure=f"an idle worker (mean of {worker.processes})",
            unit="% of a core",
            found=worker.cores * 100 / worker.processes,
            wanted=0.02,
            digits=3,
        ),
        Row(measure="worker memory (PSS), the largest", unit="MB", found=worker.pss_most / MB, wanted=8),
        Row(measure="all else of an idle node", unit="% of a core", found=rest * 100, digits=2),
        Row(measure="memory of the whole node", unit="MB", found=use.node_pss / MB),
    )
