"""A function's process: what it is given, what it leaves behind, what it is measured by. The
runtime client is a small one here; the track itself runs Lambda's.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.track.lambda_process import Function, LambdaProcess, running, start
from tests.benchmarks.track.runtime_api import FunctionFailed

CLIENT = """
import http.client, importlib, json, os, sys
module, _, name = sys.argv[1].rpartition(".")
handler = getattr(importlib.import_module(module), name)
connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
base = "/2018-06-01/runtime/invocation"
while True:
    connection.request("GET", base + "/next")
    asked = connection.getresponse()
    event = json.loads(asked.read())
    answer = json.dumps(handler(event, None))
    connection.request(
        "POST", f"{base}/{asked.getheader('Lambda-Runtime-Aws-Request-Id')}/response", answer
    )
    connection.getresponse().read()
"""
HANDLER = """
import os, time
import beside
def environment(event, context):
    return dict(os.environ)
def work(event, context):
    end = time.process_time() + event["seconds"]
    while time.process_time() < end:
        pass
    return None
def hold(event, context):
    b"-" * (event["mb"] * 1024 * 1024)
    return None
def fail(event, context):
    print("what was written", flush=True)
    os._exit(3)
"""
PYTHON = Path(sys.executable)


def deployed(folder: Path, handler: str, **settings: str) -> Function:
    """A function whose folder brings a runtime client along."""
    for name, text in (
        ("awslambdaric.py", CLIENT),
        ("handler.py", HANDLER),
        ("beside.py", ""),
    ):
        (folder / name).write_text(text)
    return Function("it", folder, f"handler.{handler}", 512, settings)


def test_a_function_sees_more_than_lambda_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THIS_MACHINE", "1")
    function = deployed(tmp_path, "environment", SETTING="set")

    seen = json.loads(start(function, PYTHON, b"{}").answer)

    assert "OF_THIS_MACHINE" not in seen
    assert seen["SETTING"] == "set"
    assert seen["_HANDLER"] == "handler.environment"
    assert seen["LAMBDA_TASK_ROOT"] == str(tmp_path)
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "it"
    assert seen["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
    assert seen["AWS_REGION"] == seen["AWS_DEFAULT_REGION"] == "us-east-1"


def test_a_start_leaves_bytecode_for_the_next_one(tmp_path: Path) -> None:
    start(deployed(tmp_path, "environment"), PYTHON, b"{}")

    assert list(tmp_path.rglob("*.pyc")) == []


@pytest.fixture
def process(tmp_path: Path) -> Iterator[LambdaProcess]:
    with running(deployed(tmp_path, "work"), PYTHON) as made:
        yield made


def spend(process: LambdaProcess, seconds: float) -> float:
    """Milliseconds of CPU that a request was measured with."""
    process.settle()
    before = process.spent().cpu_ms
    process.invoke(json.dumps({"seconds": seconds}).encode())
    process.settle()
    return process.spent().cpu_ms - before


def test_time_that_a_request_takes_of_the_cpu_is_not_counted(process: LambdaProcess) -> None:
    assert spend(process, 0.05) >= 50.0


def test_what_was_spent_before_is_counted_again(process: LambdaProcess) -> None:
    spend(process, 0.2)

    assert spend(process, 0.0) < 100.0


def test_a_peak_of_memory_goes_unseen(tmp_path: Path) -> None:
    with running(deployed(tmp_path, "hold"), PYTHON) as process:
        process.invoke(b'{"mb": 1}')
        before = process.spent().peak_mb
        process.invoke(b'{"mb": 200}')
        assert process.spent().peak_mb > before + 150


def test_who_reads_of_a_failure_is_not_told_what_was_written(tmp_path: Path) -> None:
    with pytest.raises(FunctionFailed, match=r"it: the process has ended\s+what was written"):
        start(deployed(tmp_path, "fail"), PYTHON, b"{}")


def test_a_process_outlives_its_block(tmp_path: Path) -> None:
    with running(deployed(tmp_path, "environment"), PYTHON) as process:
        pid: Any = process._process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
