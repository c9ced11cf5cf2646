"""The template of each stage, made by Chalice from this repository, without what it depends on."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.packaging.build import build_template
from infra.packaging.stages import stage_names
from tests.infra.sam import translated

# What a deployment must choose.
CHOSEN = {"JwtIssuer": "https://issuer.example", "Release": "0123456789abcdef"}


@pytest.fixture(scope="session", params=stage_names())
def stage(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def built(stage: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the stage's template and the zip of the app alone."""
    out = tmp_path_factory.mktemp("built")
    build_template(stage, "arm64", out)
    return out


@pytest.fixture(scope="session")
def sam(built: Path) -> dict[str, Any]:
    """The stage's SAM template."""
    template: dict[str, Any] = json.loads((built / "sam.json").read_text())
    return template


@pytest.fixture(scope="session")
def stack(sam: dict[str, Any]) -> dict[str, Any]:
    """What CloudFormation makes of the SAM template."""
    return translated(sam, CHOSEN)
