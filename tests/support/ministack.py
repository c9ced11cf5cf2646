"""A ministack of a test's own: a DynamoDB that many may use at once, which moto's is not."""

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3

from infra.tables import create_tables
from tests.conftest import ENVIRONMENT, TABLES

PROGRAM = Path(os.environ.get("MINISTACK") or ".venv-ministack/bin/ministack")
_START_SECONDS = 60.0


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def ministack(directory: Path, services: str) -> Iterator[str]:
    """Run ministack with nothing in it; yields its base URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        **os.environ,
        **ENVIRONMENT,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "SERVICES": services,
        "PERSIST_STATE": "0",
        "STATE_DIR": str(directory / "state"),
        "TMPDIR": str(directory),
        "LOG_LEVEL": "WARNING",
    }
    with (directory / "ministack.log").open("wb") as log:
        process = subprocess.Popen([PROGRAM], env=settings, stdout=log, stderr=log)
        try:
            _await(url, process)
            yield url
        finally:
            process.terminate()
            process.wait(60)


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_ministack/health", timeout=10):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError("ministack did not start")


@contextmanager
def ministack_tables(directory: Path) -> Iterator[str]:
    """Run ministack with the declared tables; yields its base URL."""
    with ministack(directory, "dynamodb") as url:
        create_declared_tables(url)
        yield url


def create_declared_tables(url: str) -> None:
    """Make the tables in the empty DynamoDB at this URL."""
    client = boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name=ENVIRONMENT["AWS_DEFAULT_REGION"],
        aws_access_key_id=ENVIRONMENT["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
    )
    create_tables(client, TABLES)
    client.close()
