"""dynoxide, a DynamoDB in one small program (Rust over SQLite), fetched from npm when it is not
there yet. It is for Linux on x86-64 only.
"""

import base64
import hashlib
import os
import platform
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.ministack import create_declared_tables, free_port

VERSION = "1.2.1"
_PACKAGE = f"@dynoxide/linux-x64@{VERSION}"
# What `npm view` shows as `dist.integrity`, without its `sha512-`.
_SHA512 = "sBHqlxJ9ANkLluFkYRfd5r8Y0ApFew4FhOrlhgRAgD4XzEoFOukEo1nuBTQ1+jTtofqwn4NWQ2k0Tn5mNTjgUg=="
_CACHE = Path(".cache/dynoxide")
_MEMBER = "package/dynoxide"
_START_SECONDS = 60.0


class EngineMissing(Exception):
    """dynoxide is not here and cannot be had."""


@contextmanager
def dynoxide() -> Iterator[str]:
    """Run dynoxide with nothing in it, in memory; yields its URL. Raises `EngineMissing`."""
    program, port = _program(), free_port()
    process = subprocess.Popen(
        [program, "serve", "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def dynoxide_tables() -> Iterator[str]:
    """Run dynoxide with the declared tables; yields its URL. Raises `EngineMissing`."""
    with dynoxide() as url:
        create_declared_tables(url)
        yield url


def _program() -> Path:
    program = _CACHE / VERSION / "dynoxide"
    if not program.exists():
        _fetch(program)
    return program


def _fetch(program: Path) -> None:
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise EngineMissing("dynoxide runs on Linux on x86-64 only; use ENGINE=ministack")
    npm = shutil.which("npm")
    if npm is None:
        raise EngineMissing("dynoxide is fetched with npm, which is not here; use ENGINE=ministack")
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            [npm, "pack", _PACKAGE, "--pack-destination", folder],
            capture_output=True,
            text=True,
            check=False,
        )
        if packed.returncode != 0:
            raise EngineMissing(f"npm could not fetch {_PACKAGE}:\n{packed.stderr}")
        (archive,) = Path(folder).glob("*.tgz")
        _unpack(archive, program)


def _unpack(archive: Path, program: Path) -> None:
    digest = hashlib.sha512(archive.read_bytes()).digest()
    if base64.b64encode(digest).decode() != _SHA512:
        raise EngineMissing(f"what npm fetched as {_PACKAGE} is not what it was")
    program.parent.mkdir(parents=True, exist_ok=True)
    fetched = program.with_suffix(f".{os.getpid()}")
    with tarfile.open(archive) as files:
        content = files.extractfile(_MEMBER)
        assert content is not None
        fetched.write_bytes(content.read())
    fetched.chmod(0o755)
    fetched.replace(program)


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=10):
                return
        except OSError:
            time.sleep(0.02)
    raise EngineMissing("dynoxide did not start")
