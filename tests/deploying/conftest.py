"""One local AWS for all tests of a worker; each test has a stack of its own there."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest
from botocore.loaders import Loader

from infra.local.children import Children
from tests.deploying.cloud import Cloud, Shop, start_cloud

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def descriptions() -> Loader:
    """What botocore knows of AWS's services, read once: each command opens a session of its own."""
    loader: Loader = botocore.session.get_session().get_component("data_loader")
    return loader


@pytest.fixture(autouse=True)
def _descriptions(monkeypatch: pytest.MonkeyPatch, descriptions: Loader) -> None:
    monkeypatch.setattr(botocore.session, "create_loader", lambda *_: descriptions)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    children = Children(tmp_path_factory.mktemp("logs"))
    try:
        yield start_cloud(tmp_path_factory.mktemp("cloud"), children)
    finally:
        children.stop()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A small package, and a stack that is not there yet."""
    small = Shop(f"events-api-shop-{next(_NUMBERS)}", tmp_path)
    small.package()
    return small


@pytest.fixture(scope="session")
def standing(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A deployed stack for tests that only look: nobody changes it."""
    small = Shop("events-api-standing", tmp_path_factory.mktemp("standing"))
    small.package()
    cloud.done(*small.deploy("--yes"))
    return small


@pytest.fixture
def deployed(cloud: Cloud, shop: Shop) -> Shop:
    """The same, deployed."""
    cloud.done(*shop.deploy("--yes"))
    return shop
