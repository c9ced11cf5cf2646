"""`python -m tests.fuzz`: starts the local run with data of its own, has schemathesis try every
operation of its OpenAPI document with all checks on, and fails where it finds anything.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.hooks import API, API_KEY, TOKEN, WEBHOOK_SECRET
from tests.fuzz.program import PASSES, Options, Server, findings
from tests.support.local_run import LocalRun, local_run

# Made up, and known to this run only.
_SECRET = "whsec_fuzz"
_API_KEY = "fuzz-api-key"
_TTL_SECONDS = 24 * 3600


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all passes; return the exit code."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        with local_run(directory, STRIPE_WEBHOOK_SECRET=_SECRET, LOCAL_API_KEYS=_API_KEY) as run:
            found = findings(_server(run), PASSES, options, directory)
    for problem in found:
        sys.stderr.write(f"FAILED {problem}\n")
    return 1 if found else 0


def _server(run: LocalRun) -> Server:
    url = run.endpoints["api"]
    token = run.token("--ttl", str(_TTL_SECONDS))
    secrets = {TOKEN: token, API_KEY: _API_KEY, WEBHOOK_SECRET: _SECRET}
    return Server(url, {API: url, **secrets})


def _options(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "--max-examples", type=int, default=40, help="per operation and phase (%(default)s)"
    )
    parser.add_argument("--seed", type=int, help="try what another run tried (it prints its seed)")
    asked = parser.parse_args(arguments)
    return Options(asked.max_examples, asked.seed)


if __name__ == "__main__":
    sys.exit(main())
