"""Runs in a forked process and says what is imported there; itself it imports nothing at its top."""


def report_modules(pipe):  # type: ignore[no-untyped-def]  # annotations would need imports
    """Import what a worker's entry imports and send the names of all modules."""
    import sys

    import media.worker.entry
    import media.worker.loop  # noqa: F401 - what the entry imports first

    pipe.send(sorted(sys.modules))
