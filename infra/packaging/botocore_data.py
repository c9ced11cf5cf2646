"""Botocore's data, cut down to the services that the functions call.

A client reads its service's model, and all of AWS's endpoints, before its first call: for DynamoDB
that is more work than importing botocore. Documentation is left out of the models, services and
regions' endpoints of others are, and nothing is compressed twice.
"""

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.packaging.errors import PackagingError

# The services that clients are made for, with the names of their endpoints.
SERVICES = {
    "dynamodb": "dynamodb",
    "ssm": "ssm",
    "sesv2": "email",
    "cloudwatch": "monitoring",
}
# What a client reads ("botocore.loaders", "botocore.client"); examples are for documentation.
_READ = frozenset(
    {"service-2.json", "endpoint-rule-set-1.json", "paginators-1.json", "waiters-2.json"}
)
_ENDPOINTS = "endpoints.json"
_GZIPPED = ".gz"


def trim_botocore(directory: Path) -> None:
    """Cut down the data of the botocore that is installed in a directory.

    Raises `PackagingError` where a service is not there.
    """
    data = directory / "botocore" / "data"
    missing = [name for name in SERVICES if not (data / name).is_dir()]
    if missing:
        raise PackagingError(f"botocore has no data of {', '.join(missing)}")
    for path in data.iterdir():
        if path.is_dir() and path.name not in SERVICES:
            shutil.rmtree(path)
        elif path.is_dir():
            _trim_service(path)
    _trim_endpoints(data / _ENDPOINTS)


def _trim_service(directory: Path) -> None:
    """Keep the latest version of a service: botocore takes that where none is asked for."""
    *older, latest = sorted(path for path in directory.iterdir() if path.is_dir())
    for path in older:
        shutil.rmtree(path)
    for path in list(latest.iterdir()):
        plain = path.name.removesuffix(_GZIPPED)
        content = path.read_bytes()
        path.unlink()
        if plain in _READ:
            packed = gzip.decompress(content) if path.suffix == _GZIPPED else content
            _write(latest / plain, _undocumented(json.loads(packed)))


def _undocumented(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Return a model without its documentation; a member may be named so, and is no string."""
    if isinstance(value, dict):
        return dict(_undocumented_items(value))
    if isinstance(value, list):
        return [_undocumented(each) for each in value]
    return value


def _undocumented_items(model: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in model.items():
        if name != "documentation" or not isinstance(value, str):
            yield name, _undocumented(value)


def _trim_endpoints(path: Path) -> None:
    """Keep every partition and region, and the endpoints of the services that are called."""
    endpoints = json.loads(path.read_bytes())
    wanted = frozenset(SERVICES.values())
    for partition in endpoints["partitions"]:
        services = partition["services"]
        partition["services"] = {name: services[name] for name in services if name in wanted}
    _write(path, endpoints)


def _write(path: Path, content: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
    path.write_text(json.dumps(content, separators=(",", ":")))
