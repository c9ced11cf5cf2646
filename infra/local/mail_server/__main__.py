"""`python -m infra.local.mail_server`: the mail server as a program. Only the command line."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.local.gateway.server import PortInUse, serve
from infra.local.mail_server.app import create_app


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted; 1 when the port is taken."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.mail_server",
        description="Take e-mails as Amazon SES does, and show them instead of delivering them.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="(default: %(default)s)")
    parser.add_argument("--port", type=int, default=8025, help="(default: %(default)s)")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(".local/mail"),
        help="where the e-mails are kept (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    try:
        app = create_app(options.folder)
        print(f"Mail: http://{options.host}:{options.port}", flush=True)
        serve(app, options.host, options.port, remedy=f"--port {options.port + 1}")
    except PortInUse as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
