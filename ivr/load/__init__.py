"""Load runs: many calls through a node, measured at the callers' ears. `scripts/bench` uses its parts."""

from __future__ import annotations

from ivr.load.options import LoadOptions

__all__ = ["LoadOptions", "run_load"]


def run_load(options: LoadOptions) -> int:
    """Make one load run; the exit status."""
    import asyncio

    from ivr.load.run import load

    return asyncio.run(load(options))
