"""The programs that the local run starts beside itself, and how they are stopped again."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from infra.local.settings import HOST

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.05
_PR_SET_PDEATHSIG = 1


class StartError(Exception):
    """A part of the local run did not start; the text says which, and where its log is."""


def ensure_port_free(port: int, what: str, variable: str) -> None:
    """Raise `StartError` if something listens on the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise StartError(
                f"Port {port} ({what}) is in use. Stop what listens there, or choose another: "
                f"{variable}={port + 10} make serve"
            ) from None


@dataclass
class Children:
    """Programs that live as long as this process; their output goes to files."""

    log_dir: Path
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _logs: list[BinaryIO] = field(default_factory=list)

    def start(
        self, name: str, command: Sequence[str], env: Mapping[str, str], health_url: str
    ) -> None:
        """Start a program and wait until it answers; raises `StartError`."""
        self.log_dir.mkdir(parents=True, exist_ok=True)
        log = (self.log_dir / f"{name}.log").open("wb")
        self._logs.append(log)
        process = subprocess.Popen(
            command,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Out of the terminal's reach: Ctrl-C is for this process, which stops them in order.
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
        )
        self._running[name] = process
        self._await(name, process, health_url)

    def _await(self, name: str, process: subprocess.Popen[bytes], health_url: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            if _answers(health_url):
                return
            time.sleep(_POLL_SECONDS)
        log = self.log_dir / f"{name}.log"
        raise StartError(f"{name} did not start; the end of {log}:\n{_tail(log)}")

    def dead(self) -> str | None:
        """Return the name of a program that ended by itself, if one did."""
        for name, process in self._running.items():
            if process.poll() is not None:
                return name
        return None

    def stop(self) -> None:
        """Ask every program to end, in reverse order, and end those that do not."""
        for process in reversed(self._running.values()):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        for process in reversed(self._running.values()):
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for log in self._logs:
            log.close()
        self._running.clear()
        self._logs.clear()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own loopback address
            return True
    except (urllib.error.URLError, OSError):
        return False


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _die_with_parent() -> None:
    """Have Linux end this program when the local run is killed, so that no port stays taken."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
