"""The DynamoDB that the benchmark runs on: dynoxide, or with `ENGINE=ministack` that one."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.dynoxide import VERSION, EngineMissing, dynoxide
from tests.support.ministack import create_declared_tables, ministack


@dataclass(frozen=True)
class Engine:
    """A running DynamoDB."""

    name: str
    url: str


@contextmanager
def engine() -> Iterator[Engine]:
    """Run the engine that `ENGINE` names, with the declared tables. Raises `EngineMissing`."""
    with bare_engine() as running:
        create_declared_tables(running.url)
        yield running


@contextmanager
def bare_engine() -> Iterator[Engine]:
    """Run the engine that `ENGINE` names, with nothing in it. Raises `EngineMissing`."""
    name = os.environ.get("ENGINE") or "dynoxide"
    if name == "dynoxide":
        with dynoxide() as url:
            yield Engine(f"dynoxide {VERSION}", url)
    elif name == "ministack":
        with tempfile.TemporaryDirectory() as folder, ministack(Path(folder), "dynamodb") as url:
            yield Engine("ministack", url)
    else:
        raise EngineMissing(f"no engine is called {name}: it is dynoxide or ministack")
