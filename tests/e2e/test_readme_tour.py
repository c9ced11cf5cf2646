"""The README's tour, pasted as it stands, against `make serve` as it stands."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.local_run import ROOT, local_environment

pytestmark = pytest.mark.xdist_group("readme")

_PARTS = ("app.py", "chalicelib", ".chalice", "infra", "Makefile", "README.md")
_PATIENCE_SECONDS = 120.0


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project with its own data; the virtual environments are the ones here."""
    for part in (*_PARTS, *(path.name for path in ROOT.glob("requirements*"))):
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, tmp_path / part)
            # However new a lock is, the environments here are not to be made anew from it.
            os.utime(tmp_path / part, (0, 0))
    for environment in (".venv", ".venv-ministack"):
        (tmp_path / environment).symlink_to(ROOT / environment)
    return tmp_path


def clean_environment() -> dict[str, str]:
    environment = local_environment()
    for name in ("PYTHONPATH", "MINISTACK", "MAKEFLAGS", "MAKELEVEL"):
        environment.pop(name, None)
    return environment


@pytest.fixture
def served(checkout: Path) -> Iterator[dict[str, str]]:
    environment = clean_environment()
    log_file = checkout / "serve.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            ["make", "serve"],
            cwd=checkout,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while "Ctrl-C stops everything." not in log_file.read_text():
        assert process.poll() is None, log_file.read_text()
        assert time.monotonic() < deadline, log_file.read_text()
        time.sleep(0.1)
    yield environment
    # A terminal's Ctrl-C reaches make and what it runs.
    os.killpg(process.pid, signal.SIGINT)
    process.wait(30)


def tour(readme: str) -> str:
    start = readme.index("## A five-minute tour")
    section = readme[start : readme.index("\n## ", start)]
    return "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))


def test_the_tour_works_as_pasted(checkout: Path, served: dict[str, str]) -> None:
    script = tour((checkout / "README.md").read_text())
    assert "127.0.0.1:8000" in script

    done = subprocess.run(
        ["bash", "-e", "-c", script.replace("127.0.0.1:8000", f"127.0.0.1:{served['PORT']}")],
        cwd=checkout,
        env=served,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    told = done.stdout
    for expected in (
        '"count":60',
        '"eventCount":5',
        '"checkoutUrl":',
        "303 http://localhost:3000/thanks?session_id=cs_test_",
        '"payment_status":"paid"',
        '"status":"paid","reason":null}',
        '"door":"North"',
        "this ticket was used at",
        '"status":"partially_refunded"',
        '"available":498',
        '"role":"admin"',
        '"slug":"rooftop-readings"',
        '"status":"healthy"',
        '"status":"ready","checks":{"database":true,"external_services":true}',
        '"source":"process"',
        "events_api_paid_orders_total 1",
        "401 Unauthorized",
        '"code":"FORBIDDEN"',
        '"code":"PRICE_MISMATCH"',
        "limit: must be a whole number",
    ):
        assert expected in told, f"{expected} is missing in:\n{told}"
