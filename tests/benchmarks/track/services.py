"""What the functions call while they are measured: DynamoDB, Stripe and an issuer's keys, all on
this machine, the same for every contender.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.benchmarks.catalogue.engines import bare_engine
from tests.support.http_server import LocalServer, Reply, serving
from tests.support.ministack import free_port
from tests.support.tokens import jwks, rsa_key

SECRET_KEY = "sk_test_track"
WEBHOOK_SECRET = "whsec_track"
_START_SECONDS = 30.0


@dataclass(frozen=True)
class Services:
    """Where they are. `deliveries` has received the webhooks that Stripe sent."""

    engine: str
    dynamodb: str
    stripe: str
    keys: str
    deliveries: LocalServer


@contextmanager
def services() -> Iterator[Services]:
    """Run all of them; DynamoDB is empty. Raises `EngineMissing`."""
    with ExitStack() as stack:
        running = stack.enter_context(bare_engine())
        deliveries = stack.enter_context(serving(lambda _: Reply()))
        keys = stack.enter_context(serving(lambda _: Reply(200, jwks(rsa_key()))))
        stripe = stack.enter_context(_stripe(f"{deliveries.url}/webhook"))
        yield Services(running.name, running.url, stripe, f"{keys.url}/keys", deliveries)


@contextmanager
def _stripe(webhook_url: str) -> Iterator[str]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "infra.local.stripe_server", "--port", str(port)]
        process = subprocess.Popen(
            [*command, "--state-dir", folder, "--webhook-url", webhook_url],
            env={
                **os.environ,
                "STRIPE_SECRET_KEY": SECRET_KEY,
                "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _await(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def _await(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the local Stripe did not start")
