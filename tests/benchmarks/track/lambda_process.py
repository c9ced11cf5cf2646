"""A function's process, started as Lambda starts it and measured from outside: the real runtime
client, Lambda's environment, and a code folder that nothing can be written to.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.benchmarks.track.runtime_api import (
    FUNCTION_SECONDS,
    Answer,
    FunctionFailed,
    RuntimeApi,
)

_REGION = "us-east-1"
_ACCOUNT = "123456789012"
# The clock of another process's CPU time, all its threads' (`man 2 clock_getres`).
_CPU_CLOCK = 2
_LOG_CHARACTERS = 4_000


@dataclass(frozen=True)
class Function:
    """What is deployed: a folder, the handler in it, its settings, and how long it may take."""

    name: str
    folder: Path
    handler: str
    memory_mb: int
    settings: Mapping[str, str] = field(default_factory=dict)
    seconds: int = FUNCTION_SECONDS


@dataclass(frozen=True)
class Spent:
    """What a process has used up: milliseconds of CPU, user's and system's, and its peak of
    resident memory in MB.
    """

    cpu_ms: float
    peak_mb: float


@dataclass(frozen=True)
class Start:
    """A start to the first answer: from just before the process is made until its answer is read;
    wall and CPU time in milliseconds.
    """

    answer: bytes
    wall_ms: float
    cpu_ms: float
    peak_mb: float


class LambdaProcess:
    """A process that runs."""

    def __init__(
        self, name: str, process: "subprocess.Popen[bytes]", api: RuntimeApi, log: IO[bytes]
    ) -> None:
        self._name = name
        self._process = process
        self._api = api
        self._log = log

    def invoke(self, event: bytes) -> Answer:
        """Call the function; raises `FunctionFailed`, with the end of what it wrote."""
        try:
            return self._api.invoke(event)
        except FunctionFailed as failed:
            self._log.seek(0)
            written = self._log.read().decode(errors="replace")[-_LOG_CHARACTERS:]
            raise FunctionFailed(f"{self._name}: {failed}\n{written}") from failed

    def settle(self) -> None:
        """Wait until it is done with all that it was asked."""
        self._api.await_idle()

    def spent(self) -> Spent:
        """Return what it has used up so far."""
        pid = self._process.pid
        nanoseconds = time.clock_gettime_ns((~pid << 3) | _CPU_CLOCK)
        status = Path(f"/proc/{pid}/status").read_text()
        [peak] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
        return Spent(nanoseconds / 1e6, int(peak) / 1024)


@contextmanager
def running(function: Function, python: Path) -> Iterator[LambdaProcess]:
    """Run a function until the block ends.

    `python` is an interpreter with the runtime client and nothing else, as Lambda has it.
    """
    with (
        tempfile.TemporaryFile() as log,
        closing(RuntimeApi(_arn(function), function.seconds)) as api,
    ):
        process = subprocess.Popen(
            [python, "-m", "awslambdaric", function.handler],
            cwd=function.folder,
            env=environment(function, api.address),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            yield LambdaProcess(function.name, process, api, log)
        finally:
            process.kill()
            process.wait()


def start(function: Function, python: Path, event: bytes) -> Start:
    """Start a function, have it answer one event, and end it. Raises `FunctionFailed`."""
    started = time.perf_counter()
    with running(function, python) as process:
        answer = process.invoke(event)
        wall = time.perf_counter() - started
        spent = process.spent()
    return Start(answer.payload, wall * 1000, spent.cpu_ms, spent.peak_mb)


def environment(function: Function, runtime_api: str) -> dict[str, str]:
    """Return what Lambda sets (its page "Working with Lambda environment variables"), and the
    function's own settings.

    Lambda's code folder cannot be written to. This process may be root's, who can write anywhere:
    Python is told not to leave bytecode.
    """
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return {
        "PATH": os.environ["PATH"],
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "LAMBDA_TASK_ROOT": str(function.folder),
        "_HANDLER": function.handler,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2027/03/01/[$LATEST]0123456789abcdef",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{version}",
        "AWS_REGION": _REGION,
        "AWS_DEFAULT_REGION": _REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_SESSION_TOKEN": "testing",
        "PYTHONDONTWRITEBYTECODE": "1",
        **function.settings,
    }


def _arn(function: Function) -> str:
    return f"arn:aws:lambda:{_REGION}:{_ACCOUNT}:function:{function.name}"
