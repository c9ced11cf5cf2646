"""Bytecode in the zip: the same every time, and what does not compile is told."""

import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from infra.packaging.bytecode import compile_modules
from infra.packaging.errors import PackagingError

# Sets of strings are written in the order of their hashes, which Python makes anew in each process.
SOURCE = "def f(x):\n    return x in {'a', 'b', 'c', 'd', 'e', 'f', 'g'}\n"


def compiled(directory: Path, **files: str) -> Path:
    for name, text in files.items():
        path = directory / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    compile_modules(directory)
    return directory


def test_the_same_source_makes_the_same_bytes(tmp_path: Path) -> None:
    made = {
        compiled(tmp_path / str(number), module=SOURCE)
        .joinpath(cache_from_source("module.py"))
        .read_bytes()
        for number in range(4)
    }
    assert len(made) == 1


def test_it_is_used_although_the_source_has_another_time(tmp_path: Path) -> None:
    compiled(tmp_path, module="answer = 1\n")
    (tmp_path / "module.py").write_text("answer = 2\n")
    script = "import module; print(module.answer)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"


def test_what_does_not_compile_is_told(tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match=r"(?s)do not compile.*broken\.py"):
        compiled(tmp_path, broken="def:\n")
