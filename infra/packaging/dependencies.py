"""What the functions depend on, exactly as the lock has it, for Lambda's processor and libc.

Chalice could do this, but it checks no hashes for another processor than this machine's, and goes
on without what it cannot find.
"""

import subprocess
import sys
from pathlib import Path

from infra.packaging.errors import PackagingError
from infra.packaging.stages import ROOT

ARCHITECTURES = ("arm64", "x86_64")

_LOCK = ROOT / "requirements.lock"
_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
# Python 3.11 runs on Amazon Linux 2, later ones on Amazon Linux 2023 ("Lambda runtimes").
_GLIBC_MINOR = {(3, 11): 26}
_GLIBC_MINOR_SINCE = 34
_OLDEST_GLIBC_MINOR = 17


def install_dependencies(directory: Path, architecture: str) -> None:
    """Install the lock's wheels into a directory; raises `PackagingError` with what pip said."""
    platforms = (f"--platform={name}" for name in platform_tags(architecture))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--require-hashes", "--requirement", str(_LOCK)),
            *("--target", str(directory)),
            *("--only-binary=:all:", "--no-compile", "--implementation=cp"),
            *(f"--python-version={sys.version_info[0]}.{sys.version_info[1]}", *platforms),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PackagingError(f"pip could not install {_LOCK.name}:\n{done.stdout.strip()}")


def platform_tags(architecture: str) -> tuple[str, ...]:
    """Return the wheel platforms that run in Lambda, newest libc first (PEP 600).

    pip takes them literally: one for each libc, and the alias that most wheels still carry.
    """
    machine = _MACHINES[architecture]
    newest = _GLIBC_MINOR.get(sys.version_info[:2], _GLIBC_MINOR_SINCE)
    minors = range(newest, _OLDEST_GLIBC_MINOR - 1, -1)
    return (*(f"manylinux_2_{minor}_{machine}" for minor in minors), f"manylinux2014_{machine}")
