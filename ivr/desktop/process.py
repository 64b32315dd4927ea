"""The desktop as a supervised child: `python -m ivr.desktop.process API_URL HOST PORT`."""

from __future__ import annotations

import sys


def main() -> None:
    """Serve until the node closes our standard input, or we are told to leave."""
    from ivr.desktop.app import run_desktop
    from media.process import lifeline

    lifeline()
    api_url, host, port = sys.argv[1:4]
    run_desktop(api_url, host, int(port))


if __name__ == "__main__":
    main()
