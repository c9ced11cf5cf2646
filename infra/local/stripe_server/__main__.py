"""The command line: arguments to a configuration, then serve.

Secrets may come from the environment, where other users of the machine do not see them.
"""

import argparse
import logging
import os
import sys
from pathlib import Path

from .config import Config
from .serving import address, bind, serve

logger = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; returns the process's exit code, 1 if it could not start."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    # One line per attempt at a delivery would repeat what the event list shows.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        config = Config(
            secret_key=options.secret_key,
            webhook_secret=options.webhook_secret,
            state_dir=options.state_dir,
            webhook_url=options.webhook_url,
            public_url=options.public_url,
            async_delay=options.async_delay,
        )
        listener = bind(options.host, options.port)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"local Stripe: cannot start on {options.host}:{options.port}: {error}\n")
        return 1
    logger.info("local Stripe on %s, state in %s", address(listener), config.state_dir)
    serve(config, listener)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.stripe_server",
        description="A small Stripe for one machine, for the official SDK.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=12111, help="0 for any free one")
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument(
        "--secret-key",
        default=os.environ.get("STRIPE_SECRET_KEY", ""),
        help="sk_test_...; default: STRIPE_SECRET_KEY of the environment",
    )
    parser.add_argument(
        "--webhook-secret",
        default=os.environ.get("STRIPE_WEBHOOK_SECRET", ""),
        help="whsec_...; default: STRIPE_WEBHOOK_SECRET of the environment",
    )
    parser.add_argument("--webhook-url", help="where events are POSTed; without it, nowhere")
    parser.add_argument("--public-url", help="base of checkout pages' addresses")
    parser.add_argument(
        "--async-delay", type=float, default=5.0, help="seconds until a later payment's outcome"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
