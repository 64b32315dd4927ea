"""Where the program `ivr` begins.

Nothing is imported at the top: each media worker imports the program's main module again.
"""


def main() -> None:
    """Run the command line."""
    from ivr.cli.app import run

    run()


if __name__ == "__main__":
    main()
