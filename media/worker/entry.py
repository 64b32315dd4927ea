"""Where a forked worker begins. Imports nothing at its top: the fork server loads this module by name."""


def main(channel, output):  # type: ignore[no-untyped-def]  # annotations would need imports
    """Run a worker on `channel` (the contract) with stdout and stderr going to `output` (both sockets)."""
    import gc

    # What the fork server has loaded is shared by all workers until somebody writes: a collection would.
    gc.freeze()
    from media.worker.loop import run

    run(channel, output)
