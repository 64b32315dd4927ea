"""Runs a program that does not watch its standard input, and kills it the moment that the input ends.

`python -m media.edge.guard PROGRAM ARGUMENTS...`: the node holds our standard input, so however the node
dies, we read its end. However we die, the kernel kills the program's first process; and when that one is
gone, the others of its process group must not hold the port. It is killed, not asked: Kamailio has nothing
to save.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _kill_group(*_: object) -> None:
    # Our own group, which we lead: the node starts each child in a session of its own.
    with suppress(ProcessLookupError):
        os.killpg(0, signal.SIGKILL)


def _hold_lifeline() -> None:
    while os.read(0, 4096):
        pass
    _kill_group()


def main(argv: list[str]) -> int:
    """Run the program until it ends or our input does; never returns but with 127, when it cannot be run."""
    signal.signal(signal.SIGTERM, _kill_group)
    try:
        program = subprocess.Popen(  # noqa: S603 - what to run is our caller's
            argv,
            stdin=subprocess.DEVNULL,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
    except OSError as exc:
        print(f"cannot run {argv[0]}: {exc.strerror}", file=sys.stderr)  # noqa: T201
        return 127
    threading.Thread(target=_hold_lifeline, name="lifeline", daemon=True).start()
    code = program.wait()
    print(f"ended with {code}", file=sys.stderr, flush=True)  # noqa: T201
    _kill_group()
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
