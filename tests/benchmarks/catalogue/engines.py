"""The DynamoDB that the benchmark runs on: dynoxide, or with `ENGINE=ministack` that one."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3

from infra.tables import create_tables
from tests.conftest import ENVIRONMENT, TABLES
from tests.support.dynoxide import VERSION, EngineMissing, dynoxide
from tests.support.ministack import ministack_tables


@dataclass(frozen=True)
class Engine:
    """A running DynamoDB with empty tables."""

    name: str
    url: str


@contextmanager
def engine() -> Iterator[Engine]:
    """Run the engine that `ENGINE` names, with the declared tables. Raises `EngineMissing`."""
    name = os.environ.get("ENGINE") or "dynoxide"
    if name == "dynoxide":
        with dynoxide() as url:
            _create_tables(url)
            yield Engine(f"dynoxide {VERSION}", url)
    elif name == "ministack":
        with tempfile.TemporaryDirectory() as folder, ministack_tables(Path(folder)) as url:
            yield Engine("ministack", url)
    else:
        raise EngineMissing(f"no engine is called {name}: it is dynoxide or ministack")


def _create_tables(url: str) -> None:
    client = boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name=ENVIRONMENT["AWS_DEFAULT_REGION"],
        aws_access_key_id=ENVIRONMENT["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
    )
    create_tables(client, TABLES)
    client.close()
