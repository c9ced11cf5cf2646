"""The package as a deployment would get it, made once; and the logs of what ran, on failure."""

import platform
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from infra.packaging.__main__ import main
from tests.e2e.local_aws import LocalAws

STAGE = "dev"
_SHOWN_CHARACTERS = 8_000
_LAMBDA_NAMES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a package that this machine can run: its template and its zip."""
    if sys.platform != "linux":
        pytest.skip("the package holds programs for Linux, and this machine runs another system")
    out = tmp_path_factory.mktemp("package")
    assert main(["--stage", STAGE, "--architecture", architecture(), "--out", str(out)]) == 0
    return out


def architecture() -> str:
    """What Lambda calls this machine's processor."""
    return _LAMBDA_NAMES[platform.machine()]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the logs of the programs around the deployed stack beside a failure."""
    report = yield
    directory, aws = item.funcargs.get("log_directory"), item.funcargs.get("aws")
    if report.failed and isinstance(directory, Path):
        for log in sorted(directory.glob("*.log")):
            report.sections.append((f"Log of {log.stem}", _end(log.read_text(errors="replace"))))
    if report.failed and isinstance(aws, LocalAws):
        report.sections.append(("Logs of the functions", _end(aws.function_logs())))
    return report


def _end(log: str) -> str:
    return log[-_SHOWN_CHARACTERS:]
