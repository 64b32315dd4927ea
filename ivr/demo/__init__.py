"""The demo: a node, a simulated Salesforce, a scripted caller and agent, and one call that is proved."""

from __future__ import annotations

from ivr.demo.options import DemoOptions


def run_demo(options: DemoOptions) -> int:
    """Run the demo; 0 only if every step was proved."""
    import asyncio

    from ivr.demo.run import demo

    return asyncio.run(demo(options))


__all__ = ["DemoOptions", "run_demo"]
