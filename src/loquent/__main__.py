"""`python -m loquent`, and the console script."""

import signal

# Until the command line is loaded, Ctrl-C ends us without a traceback.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from loquent.cli import main as run  # noqa: E402 - the line above must come first


def main() -> None:
    """Run the command line, which handles Ctrl-C itself."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
