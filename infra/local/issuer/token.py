"""`python -m infra.local.issuer.token`: prints one token, alone, for `$(make -s token)`.

Only the command line; what is in a token is in `claims`.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.local.issuer.claims import TokenRequest, make_token
from infra.local.issuer.keys import ALGORITHMS, KeyRing

ENDPOINTS = Path(".local/endpoints.json")


class NotStartedError(Exception):
    """Nobody knows the issuer's URL, since the local run has never been started."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a token on standard output; 1, and why on standard error, when there can be none."""
    options = _parser().parse_args(arguments)
    try:
        request = TokenRequest(
            issuer=options.issuer or local_issuer(ENDPOINTS),
            role=options.role,
            subject=options.sub,
            ttl=options.ttl,
            algorithm=options.alg,
            audience=options.audience,
            authorized_party=options.azp,
        )
    except NotStartedError as error:
        print(error, file=sys.stderr)
        return 1
    print(make_token(request, KeyRing(options.state_dir)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.issuer.token", description="Print one token for the local run."
    )
    parser.add_argument("--role", default="admin", help="(default: %(default)s; empty for none)")
    parser.add_argument("--sub", help="(default: user_local_ and the role)")
    parser.add_argument(
        "--ttl", type=int, default=3600, help="seconds; negative for an expired token (%(default)s)"
    )
    parser.add_argument("--alg", choices=ALGORITHMS, default="RS256", help="(default: %(default)s)")
    parser.add_argument(
        "--issuer", metavar="URL", help=f"(default: the running issuer's, from {ENDPOINTS})"
    )
    parser.add_argument("--audience", help="the aud claim (default: none)")
    parser.add_argument("--azp", help="the azp claim (default: none)")
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=Path(".local/issuer"),
        help="the issuer's keys (default: %(default)s)",
    )
    return parser


def local_issuer(endpoints: Path) -> str:
    """Read the issuer's URL from what the local run wrote. Raises `NotStartedError`."""
    try:
        known = json.loads(endpoints.read_text())
    except FileNotFoundError:
        raise NotStartedError(
            f"{endpoints} is missing: start the local run first (make serve), or give --issuer"
        ) from None
    except ValueError as error:
        raise NotStartedError(
            f"{endpoints} is not JSON ({error}): start the local run again, or give --issuer"
        ) from None
    issuer = known.get("issuer") if isinstance(known, dict) else None
    if not isinstance(issuer, str) or not issuer:
        raise NotStartedError(
            f"{endpoints} names no issuer: start the local run again, or give --issuer"
        )
    return issuer


if __name__ == "__main__":
    sys.exit(main())
