"""The command line. Commands import what they need when they run: `--help` answers at once."""

import sys


def main() -> None:
    """Entry point of `apim-sandbox`."""
    from apim_sandbox.cli.app import app
    from apim_sandbox.cli.problems import INTERRUPTED, report

    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        sys.exit(report(error))
