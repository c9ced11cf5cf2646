"""Ctrl-C, also while a command still imports what it needs: one line and no traceback."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASLEEP = "import pathlib, time\npathlib.Path('asleep').touch()\ntime.sleep(60)\n"


def interrupted(directory: Path, module: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a directory, and press Ctrl-C as soon as the file `asleep` is there."""
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": f"{directory}:{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (directory / "asleep").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("infra.safety.secrets_scan", "detect_secrets"),
        ("infra.local.issuer.token", "jwt"),
        ("infra.backup", "botocore"),
    ],
)
def test_a_command_that_is_interrupted_at_its_start_says_so_in_one_line(
    module: str, imported: str, tmp_path: Path
) -> None:
    (tmp_path / f"{imported}.py").write_text(ASLEEP)
    done = interrupted(tmp_path, module)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "\ninterrupted\n")


def test_a_mistake_still_has_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "jwt.py").write_text("1 / 0\n")
    done = subprocess.run(
        [sys.executable, "-m", "infra.local.issuer.token"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
