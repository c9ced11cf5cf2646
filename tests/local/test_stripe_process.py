"""The local Stripe as a process: how it starts, stops, is killed, and what it logs."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
import stripe

from infra.local.stripe_server import switches
from infra.local.stripe_server.store import Store, UnusableStateError
from tests.local.test_stripe_shop import HEADERS, KEY, WEBHOOK_SECRET, eventually, order

pytestmark = pytest.mark.enable_socket

ROOT = Path(__file__).parents[2]


def command(state_dir: Path, port: int, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "infra.local.stripe_server", "--port", str(port),
        "--state-dir", str(state_dir), *more,
    ]  # fmt: skip


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "STRIPE_SECRET_KEY": KEY,
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "PYTHONPATH": str(ROOT),
    }


class Process:
    """The server as a child, with what it writes to stderr in a file."""

    def __init__(self, state_dir: Path, *more: str) -> None:
        self.log_file = state_dir / "log"
        self.base = ""
        with self.log_file.open("w") as log:
            self.child = subprocess.Popen(
                command(state_dir, 0, *more), stderr=log, env=environment(), cwd=ROOT
            )

    def log(self) -> str:
        return self.log_file.read_text()

    def healthy(self) -> bool:
        assert self.child.poll() is None, self.log()
        announced = re.search(r"local Stripe on (http\S+),", self.log())
        if announced is None:
            return False
        # The socket listens before the line is written, so a request waits rather than fails.
        self.base = announced[1]
        return httpx.get(f"{self.base}/healthz", trust_env=False).status_code == 200

    def end(self, number: signal.Signals) -> int:
        self.child.send_signal(number)
        return self.child.wait(60)


@contextmanager
def process(state_dir: Path, *more: str) -> Iterator[Process]:
    started = Process(state_dir, *more)
    try:
        eventually(started.healthy)
        yield started
    finally:
        started.child.kill()
        started.child.wait(60)


@contextmanager
def sdk(base: str) -> Iterator[stripe.StripeClient]:
    with closing(stripe.RequestsClient()) as http_client:
        yield stripe.StripeClient(KEY, base_addresses={"api": base}, http_client=http_client)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with process(tmp_path) as running:
        assert running.end(number) == 0
        assert "Traceback" not in running.log()


def test_what_was_answered_survives_being_killed(tmp_path: Path) -> None:
    with process(tmp_path) as first, sdk(first.base) as client:
        sessions = [client.v1.checkout.sessions.create(order()) for _ in range(10)]
        paid = sessions[-1]
        httpx.post(f"{first.base}/c/pay/{paid.id}/pay")
        assert first.end(signal.SIGKILL) == -signal.SIGKILL
    with process(tmp_path) as second, sdk(second.base) as client:
        listed = client.v1.checkout.sessions.list({"limit": 100}).data
        assert {session.id for session in listed} == {session.id for session in sessions}
        assert client.v1.checkout.sessions.retrieve(paid.id).payment_status == "paid"
        (completed,) = client.v1.events.list({"type": "checkout.session.completed"}).data
        assert completed.data.object["id"] == paid.id


def test_each_request_is_one_line_and_no_secret_is_logged(tmp_path: Path) -> None:
    with process(tmp_path, "--webhook-url", "http://127.0.0.1:9/hook") as running:
        with sdk(running.base) as client:
            session = client.v1.checkout.sessions.create(
                order(customer_email="ada.lovelace@example.com")
            )
        httpx.post(f"{running.base}/c/pay/{session.id}/pay")
        httpx.get(f"{running.base}/v1/balance?x=ada.lovelace", headers=HEADERS)
        httpx.get(f"{running.base}/a%0D%0Ab", headers={"Authorization": "Bearer sk_test_other"})
        eventually(lambda: "a\\r\\nb 404" in running.log())
        running.end(signal.SIGTERM)
        log = running.log()
    assert f"local Stripe on {running.base}" in log
    lines = log.splitlines()
    assert sum("POST /v1/checkout/sessions 200 " in line for line in lines) == 1
    assert any(" req_" in line for line in lines if "POST /v1/checkout/sessions" in line)
    assert sum(f"POST /c/pay/{session.id}/pay 303 " in line for line in lines) == 1
    assert "GET /v1/balance 400 " in log
    for secret in (KEY, WEBHOOK_SECRET, "sk_test_other", "ada.lovelace"):
        assert secret not in log


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            command(tmp_path, port),
            env=environment(), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert f"127.0.0.1:{port}" in line
    assert "in use" in line


def test_a_live_key_is_one_clear_line_without_the_key(tmp_path: Path) -> None:
    ended = subprocess.run(
        command(tmp_path, 0, "--secret-key", "sk_live_madeup"),
        env=environment(), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert "sk_live" not in line
    assert "sk_test_" in line


def test_a_state_of_an_earlier_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "stripe.sqlite3"
    with closing(Store(path)) as store, store.transaction() as tx:
        tx.execute("INSERT INTO idempotency VALUES ('kept', '', 200, '', '', 0)")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE switches")
        connection.execute("PRAGMA user_version = 1")
    for _ in range(2):
        with closing(Store(path)) as store, store.transaction() as tx:
            assert switches.get(tx, switches.DELIVERIES) == switches.SENT
            assert tx.execute("SELECT key FROM idempotency").fetchall() == [("kept",)]


def test_a_state_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "stripe.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(UnusableStateError, match="another version"):
        Store(path)
