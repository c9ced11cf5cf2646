"""Which account and region the commands of operators work in, and what they say without one."""

import io
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from infra.backup import __main__ as backup
from infra.backup.errors import BackupError
from infra.backup.tables import Pace, Tables
from infra.deploying.aws import open_aws
from infra.local.settings import read_local_run
from infra.operating import reindex, secret
from infra.operating.stage_tables import reach_stage
from tests.conftest import TABLES

REGION = "eu-central-1"
OUTPUTS = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {f"{name}Name": {"Value": f"dev-{name}"} for name in TABLES},
}
INFRA = Path(__file__).resolve().parents[2] / "infra"
COMMANDS: dict[str, Callable[[], int]] = {
    "secret": lambda: secret.main(["stripe-secret-key", "--stage", "dev"]),
    "backup": lambda: backup.main(["save", "a.jsonl.gz", "--stage", "dev"]),
    "restore": lambda: backup.main(["restore", "a.jsonl.gz", "--stage", "dev"]),
    "reindex": lambda: reindex.main(["--stage", "dev"]),
}


@pytest.fixture
def nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing chooses a region but what the test sets, and no file is on this machine."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        # Set first: a command may set it as well, which is undone too.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def chosen(nothing_else: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", REGION)


@pytest.mark.usefixtures("chosen")
def test_a_secret_goes_to_the_region_of_aws_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("sk_test_hunter2"))
    with mock_aws():
        assert COMMANDS["secret"]() == 0
        [stored] = boto3.client("ssm", region_name=REGION).describe_parameters()["Parameters"]
    assert stored["Name"] == "/events-api/dev/stripe-secret-key"


@pytest.mark.usefixtures("chosen")
def test_a_stages_tables_are_those_of_aws_region_for_the_store_too() -> None:
    with mock_aws():
        boto3.client("cloudformation", region_name=REGION).create_stack(
            StackName="events-api-dev", TemplateBody=json.dumps(OUTPUTS)
        )
        assert reach_stage("dev").events_table == "dev-EventsTable"
        # What PynamoDB reads.
        assert os.environ["AWS_DEFAULT_REGION"] == REGION


@pytest.mark.usefixtures("chosen")
def test_a_backup_reads_and_a_deployment_is_made_in_aws_region() -> None:
    with mock_aws():
        tables = boto3.client("dynamodb", region_name=REGION)
        tables.create_table(
            TableName="events",
            AttributeDefinitions=[{"AttributeName": "slug", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "slug", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        stage = Tables("dev", {"EventsTable": "events"}, Pace(None))
        assert stage.size("EventsTable").items == 0
        stage.close()
        assert open_aws().region == REGION


def test_a_local_run_with_another_dynamodb_goes_to_aws_region() -> None:
    env = {"AWS_ENDPOINT_URL_DYNAMODB": "https://dynamodb.example", "AWS_REGION": REGION}
    assert read_local_run(env).environment["AWS_DEFAULT_REGION"] == REGION


@pytest.mark.usefixtures("nothing_else")
@pytest.mark.parametrize("command", COMMANDS)
def test_without_credentials_or_a_region_each_command_says_what_to_do_in_one_line(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert COMMANDS[command]() == 1
    assert "no AWS region is chosen: set AWS_REGION" in capsys.readouterr().err
    monkeypatch.setenv("AWS_REGION", REGION)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    # Nobody is asked for a value that cannot be stored.
    monkeypatch.setattr("sys.stdin", None)
    assert COMMANDS[command]() == 1
    told = capsys.readouterr().err
    assert "there are no AWS credentials: sign in (`aws sso login`" in told
    assert told.count("\n") == 1


@pytest.mark.usefixtures("nothing_else")
def test_tables_of_another_dynamodb_without_a_region_are_told() -> None:
    with pytest.raises(BackupError, match="no AWS region is chosen"):
        Tables("local", {}, Pace(None))


def test_no_other_part_makes_a_session_of_its_own() -> None:
    makes = re.compile(r"get_session\(\)|boto3\.(Session|client|resource)\(")
    found = [path.name for path in INFRA.rglob("*.py") if makes.search(path.read_text())]
    assert found == ["aws_session.py"]
