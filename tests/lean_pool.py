"""A program as lean as `ivr` itself that runs a pool: its main module imports nothing at its top."""


def main():  # type: ignore[no-untyped-def]  # annotations would need imports
    """Run what the first argument names with the settings, as JSON, of the second."""
    import asyncio
    import json
    import signal
    import sys

    from tests.lean_pool_parts import answer_calls, list_modules

    # As at a terminal: what a shell starts in its background ignores Ctrl-C, and so do its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    asyncio.run({"answer": answer_calls, "modules": list_modules}[sys.argv[1]](**json.loads(sys.argv[2])))


if __name__ == "__main__":
    main()  # type: ignore[no-untyped-call]  # as above
