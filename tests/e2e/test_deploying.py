"""The real package, deployed by the command that people type, and looked at by the others."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infra.local.children import Children
from infra.tables import declared_tables
from tests.deploying.cloud import Cloud, fitted, start_cloud
from tests.e2e.conftest import architecture

pytestmark = pytest.mark.xdist_group("package")

_READY = f".venv/ready-{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    children = Children(tmp_path_factory.mktemp("logs"))
    try:
        yield start_cloud(tmp_path_factory.mktemp("cloud"), children)
    finally:
        children.stop()


@pytest.fixture(scope="module")
def parameters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parameters") / "dev.json"
    chosen = {
        "JwtIssuer": "https://issuer.example",
        "CheckoutAllowedOrigins": ["https://a.example"],
    }
    path.write_text(json.dumps(chosen))
    return path


def make(cloud: Cloud, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a target with the environment that is here, without making it anew."""
    return subprocess.run(
        ["make", "-s", "-o", _READY, f"PYTHON={sys.executable}", *arguments],
        env=cloud.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def known(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, without what ministack does not know."""
    return fitted(package, tmp_path_factory.mktemp("known") / "package")


@pytest.fixture(scope="module")
def deployed(cloud: Cloud, known: Path, parameters: Path) -> str:
    """What the first deployment printed."""
    done = make(cloud, "deploy", f"PACKAGE={known}", f"PARAMETERS={parameters}", "YES=1")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_stage_is_deployed_and_answers(cloud: Cloud, deployed: str) -> None:
    (api,) = re.findall(r"^  RestAPIId +(\S+)$", deployed, re.MULTILINE)
    assert re.search(r"^  API +https://\S+/dev/$", deployed, re.MULTILINE)
    assert re.search(r"webhook endpoint +https://\S+/api/payments/webhook$", deployed, re.MULTILINE)
    for table in declared_tables():
        assert re.search(rf"^  {table}Name +events-api-dev-", deployed, re.MULTILINE)

    answer = httpx.get(f"{cloud.aws.url}/restapis/{api}/dev/_user_request_/api/events", timeout=60)

    assert answer.status_code == 200, answer.text
    assert answer.json()["count"] == 0
    shown = make(cloud, "logs", "FUNCTION=api")
    assert shown.returncode == 0, shown.stderr
    assert "REPORT" in shown.stdout


def test_the_same_again_changes_nothing_though_the_api_is_always_redeployed(
    cloud: Cloud, deployed: str, known: Path
) -> None:
    again = make(cloud, "deploy", f"PACKAGE={known}")

    assert again.returncode == 0, again.stderr
    assert "no changes" in again.stdout


def test_the_state_and_what_would_go_are_shown(cloud: Cloud, deployed: str) -> None:
    status = make(cloud, "status", "STAGE=dev")
    down = make(cloud, "destroy", "STAGE=dev", "DRY_RUN=1")

    assert status.returncode == 0, status.stderr
    assert re.search(r" live +", status.stdout)
    assert down.returncode == 0, down.stderr
    goes, stays = down.stdout.split("stays:")
    assert "APIHandler" in goes
    assert "DynamoDB::Table" not in goes
    assert stays.count("AWS::DynamoDB::Table") == len(declared_tables())


def test_words_of_a_variable_stay_one_word(cloud: Cloud, deployed: str) -> None:
    found = make(cloud, "logs", 'FILTER=it\'s $(false) "so"')

    assert found.returncode == 0, found.stderr
    assert found.stdout == ""


def test_packaging_comes_first_and_nothing_is_sent_with_wrong_parameters(
    cloud: Cloud, tmp_path: Path
) -> None:
    parameters = tmp_path / "none.json"
    parameters.write_text("{}")

    ended = make(
        cloud, "deploy", "STAGE=prod", f"PARAMETERS={parameters}", f"ARCHITECTURE={architecture()}"
    )

    assert ended.returncode == 2
    assert re.search(r"packaged: [\d.]+ MB", ended.stdout)
    assert "JwtIssuer is missing" in ended.stderr
    stacks = cloud.aws.client("cloudformation").describe_stacks()["Stacks"]
    assert "events-api-prod" not in {stack["StackName"] for stack in stacks}
