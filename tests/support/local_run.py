"""The local run as a program, in a directory and on ports of a test's own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import ENVIRONMENT
from tests.support.leaks import leaks_in
from tests.support.ministack import PROGRAM, free_port

ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_SECONDS = 60.0
PORTS = ("PORT", "STRIPE_PORT", "ISSUER_PORT", "DYNAMODB_PORT", "MAIL_PORT")
_UP = "Ctrl-C stops everything."


def local_environment(**changes: str) -> dict[str, str]:
    """This process's environment without the tests' settings, and with ports that are free."""
    kept = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    ports = {name: str(free_port()) for name in PORTS}
    return {
        **kept,
        **ports,
        "PYTHONPATH": str(ROOT),
        "MINISTACK": str((ROOT / PROGRAM).absolute()),
        **changes,
    }


@dataclass
class LocalRun:
    """A local run that is up."""

    directory: Path
    environment: Mapping[str, str]
    process: "subprocess.Popen[bytes]"

    @property
    def endpoints(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.directory / ".local/endpoints.json").read_text())
        return found

    @property
    def output(self) -> str:
        return (self.directory / "serve.log").read_text()

    def url(self, path: str) -> str:
        return self.endpoints["api"] + path

    def token(self, *options: str) -> str:
        """A token as `make -s token` prints it."""
        command = [sys.executable, "-m", "infra.local.issuer.token", *options]
        done = subprocess.run(
            command, cwd=self.directory, env=self.environment, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def buy(self, quantity: int = 1, slug: str = "tech-conference") -> dict[str, Any]:
        """Start a checkout; returns its answer."""
        event = httpx.get(self.url(f"/api/events/{slug}")).json()
        answer = httpx.post(
            self.url("/api/payments/checkout"),
            json={
                "eventSlug": slug,
                "quantity": quantity,
                "unitPrice": event["price"],
                "totalAmount": round(event["price"] * quantity, 2),
                "successUrl": "http://localhost:3000/done",
                "cancelUrl": "http://localhost:3000/",
            },
            timeout=120,
        )
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def press(self, checkout: Mapping[str, Any], button: str) -> httpx.Response:
        """Press a button of the checkout page."""
        return httpx.post(f"{checkout['checkoutUrl']}/{button}")

    def available(self, slug: str = "tech-conference") -> int:
        seats: int = httpx.get(self.url(f"/api/events/{slug}")).json()["available"]
        return seats

    def stop(self, number: int = signal.SIGINT) -> int:
        """End it as Ctrl-C does; returns its exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


def start(directory: Path, environment: Mapping[str, str]) -> LocalRun:
    """Start a local run and wait until it is up."""
    with (directory / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.local.serve"],
            cwd=directory,
            env=environment,
            stdout=log,
            stderr=log,
        )
    run = LocalRun(directory, environment, process)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if _UP in run.output:
            return run
        time.sleep(0.05)
    process.kill()
    process.wait()
    raise AssertionError(f"the local run did not start:\n{run.output}")


@contextmanager
def local_run(directory: Path, **changes: str) -> Iterator[LocalRun]:
    """A local run that is stopped again."""
    run = start(directory, local_environment(**changes))
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.stop()
    assert_nothing_given_away(run)


def assert_nothing_given_away(run: LocalRun) -> None:
    """Check that nothing secret is in what a local run and its parts logged, but for the Stripe of
    this machine: its log tells which requests it got, and their paths name sessions.
    """
    paths = [path for path in run.directory.rglob("*.log") if path.stem != "stripe"]
    logs = {path: path.read_text(errors="replace") for path in paths}
    assert run.directory / "serve.log" in logs
    leaks = {path.name: found for path, text in logs.items() if (found := leaks_in(text))}
    assert not leaks, f"the logs give away {leaks}"


def eventually(check: Any, message: str) -> None:
    """Wait until a check holds: what happens by itself, such as a webhook, takes its time."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if check():
            return
        time.sleep(0.05)
    raise AssertionError(message)
