"""Botocore's data in the zip: enough for every client that the functions make, and no more."""

import ast
import gzip
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import botocore
import botocore.session
import pytest

from infra.packaging.botocore_data import SERVICES, trim_botocore
from infra.packaging.errors import PackagingError
from infra.packaging.stages import ROOT
from tests.support.fresh_process import run_fresh

_INSTALLED = Path(botocore.__file__).parent

_MAKE_CLIENTS = """
import sys
sys.path.insert(0, {place!r})
import botocore.session
assert botocore.session.__file__.startswith({place!r})
session = botocore.session.get_session()
result = {{
    f"{{service}} {{region}}": session.create_client(service, region_name=region).meta.endpoint_url
    for service in {services!r}
    for region in {regions!r}
}}
operations = {{
    service: sorted(session.get_service_model(service).operation_names) for service in {services!r}
}}
result = [result, operations]
"""


@pytest.fixture(scope="module")
def trimmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("site")
    shutil.copytree(_INSTALLED, directory / "botocore")
    trim_botocore(directory)
    return directory


def names_of_clients() -> Iterator[str]:
    """What is given to `create_client` in the functions' code."""
    for path in (ROOT / "chalicelib").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("create_client"):
                (name, *_) = node.args
                assert isinstance(name, ast.Constant), ast.unparse(node)
                yield str(name.value)


def test_every_client_that_is_made_has_its_data() -> None:
    # PynamoDB makes DynamoDB's.
    assert {*names_of_clients(), "dynamodb"} == set(SERVICES)


def test_clients_are_made_as_they_were_before(trimmed: Path) -> None:
    regions = ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1", "ap-southeast-5"]
    services = sorted(SERVICES)
    places = [str(_INSTALLED.parent), str(trimmed)]
    before, after = (
        run_fresh(
            _MAKE_CLIENTS.format(place=place, services=services, regions=regions),
            AWS_ENDPOINT_URL_DYNAMODB="",
        )["result"]
        for place in places
    )
    assert after == before
    assert len(after[0]) == len(services) * len(regions)


def test_other_services_are_gone(trimmed: Path) -> None:
    data = trimmed / "botocore" / "data"
    assert {path.name for path in data.iterdir() if path.is_dir()} == set(SERVICES)
    endpoints = json.loads((data / "endpoints.json").read_text())
    named = {name for partition in endpoints["partitions"] for name in partition["services"]}
    assert named == set(SERVICES.values())
    assert len(endpoints["partitions"]) > 3
    assert sum(path.stat().st_size for path in data.rglob("*.json")) < 2_000_000


def test_models_lose_their_documentation_and_nothing_else(tmp_path: Path) -> None:
    model = {
        "documentation": "Long.",
        "shapes": {
            "Thing": {
                "members": {"documentation": {"shape": "Text", "documentation": "Of it."}},
                "enum": ["documentation"],
            }
        },
    }
    data = tmp_path / "botocore" / "data"
    for service in SERVICES:
        (data / service / "2010-01-01").mkdir(parents=True)
        latest = data / service / "2012-08-10"
        latest.mkdir()
        (latest / "service-2.json.gz").write_bytes(gzip.compress(json.dumps(model).encode()))
        (latest / "paginators-1.json").write_text('{"pagination": {}}')
        (latest / "examples-1.json").write_text("{}")
    (data / "endpoints.json").write_text('{"partitions": []}')
    trim_botocore(tmp_path)
    kept = {path.relative_to(data / "ssm").as_posix() for path in (data / "ssm").rglob("*.json")}
    assert kept == {"2012-08-10/service-2.json", "2012-08-10/paginators-1.json"}
    assert json.loads((data / "ssm" / "2012-08-10" / "service-2.json").read_text()) == {
        "shapes": {
            "Thing": {
                "members": {"documentation": {"shape": "Text"}},
                "enum": ["documentation"],
            }
        }
    }


def test_a_service_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "botocore" / "data" / "ssm").mkdir(parents=True)
    with pytest.raises(PackagingError, match="no data of dynamodb, sesv2, cloudwatch"):
        trim_botocore(tmp_path)


def test_this_is_tried_with_the_botocore_that_is_packaged() -> None:
    assert f"botocore=={botocore.__version__} " in (ROOT / "requirements.lock").read_text()
    assert sys.version_info >= (3, 11)
