"""A release is another where anything is that its functions run with, and else the same."""

import re
from pathlib import Path
from typing import Any

import pytest

from infra.packaging.release import release_of

PARAMETERS = {"JwtIssuer": "https://issuer.example", "CorsOrigins": "*"}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "deployment.zip").write_bytes(b"code")
    (tmp_path / "sam.json").write_text("{}")
    return tmp_path


def test_the_same_package_with_the_same_parameters_is_the_same_release(package: Path) -> None:
    turned = dict(reversed(PARAMETERS.items()))
    named = {**turned, "Release": "0123456789abcdef"}
    assert release_of(package, PARAMETERS) == release_of(package, named)


@pytest.mark.parametrize("file", ["deployment.zip", "sam.json"])
def test_another_package_is_another_release(package: Path, file: str) -> None:
    before = release_of(package, PARAMETERS)
    (package / file).write_bytes(b"other")
    assert release_of(package, PARAMETERS) != before


def test_a_setting_alone_makes_another_release(package: Path) -> None:
    changed = {**PARAMETERS, "CorsOrigins": "https://a.example"}
    assert release_of(package, changed) != release_of(package, PARAMETERS)


def test_the_stack_takes_it(package: Path, stack: dict[str, Any]) -> None:
    pattern = stack["Parameters"]["Release"]["AllowedPattern"]
    assert re.fullmatch(pattern, release_of(package, PARAMETERS))
