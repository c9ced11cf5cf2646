"""`python -m infra.local.issuer`: the issuer as a program of its own. Only the command line."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.local.gateway.server import PortInUse, serve
from infra.local.issuer.app import IssuerConfig, create_app


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted; 1 when the port is taken."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.issuer",
        description="Publish the keys that check the local run's tokens.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="(default: %(default)s)")
    parser.add_argument("--port", type=int, default=8090, help="(default: %(default)s)")
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=Path(".local/issuer"),
        help="where the keys are kept (default: %(default)s)",
    )
    parser.add_argument(
        "--issuer", metavar="URL", help="its own URL, as tokens name it (default: host and port)"
    )
    options = parser.parse_args(arguments)
    issuer = options.issuer or f"http://{options.host}:{options.port}"
    try:
        app = create_app(IssuerConfig(issuer, options.state_dir))
        print(f"Issuer: {issuer}", flush=True)
        serve(app, options.host, options.port, remedy=f"--port {options.port + 1}")
    except PortInUse as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
