"""Memory as the operating system tells it."""

import os
import resource
import sys
from pathlib import Path

import pytest

from chalicelib.adapters.memory import memory_use

MB = 1024 * 1024
LAMBDA = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024"}


def test_in_lambda_the_limit_is_lambdas() -> None:
    use = memory_use(LAMBDA)

    assert use.limit == 1024 * MB
    assert 10 * MB < use.used < 4096 * MB


@pytest.mark.parametrize("setting", ["", "lots", "-1", "1e3"])
def test_elsewhere_it_is_the_machines(setting: str) -> None:
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert memory_use({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": setting}).limit == machine


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux has it")
def test_what_is_taken_is_seen() -> None:
    before = memory_use({}).used
    taken = bytearray(os.urandom(1)) * (64 * MB)
    after = memory_use({}).used

    assert after - before > 32 * MB
    assert len(taken) == 64 * MB


@pytest.mark.parametrize("content", [None, "", "12", "12 many"])
@pytest.mark.parametrize(("platform", "factor"), [("linux", 1024), ("darwin", 1)])
def test_without_proc_it_is_the_most_that_ever_was(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str | None,
    platform: str,
    factor: int,
) -> None:
    class Usage:
        ru_maxrss = 50_000

    monkeypatch.setattr(resource, "getrusage", lambda _who: Usage)
    monkeypatch.setattr(sys, "platform", platform)
    statm = tmp_path / "statm"
    if content is not None:
        statm.write_text(content)

    assert memory_use({}, statm).used == 50_000 * factor


def test_a_limit_of_nothing_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory_use({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "0"}).limit is None
