"""Which tables an operator's command works on, and what it says where there are none."""

import json
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from chalicelib.settings import StoreSettings
from infra.operating import reindex
from infra.operating.stage_tables import StageError, reach_stage, reach_tables
from infra.tables import create_tables, declared_tables, outdated_tables
from tests.conftest import TABLES

TEMPLATE = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {f"{name}Name": {"Value": f"dev-{name}"} for name in TABLES},
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@mock_aws
@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("stack", [None, "my-events"])
def test_a_stages_tables_are_its_stacks_outputs(stack: str | None) -> None:
    boto3.client("cloudformation").create_stack(
        StackName=stack or "events-api-dev", TemplateBody=json.dumps(TEMPLATE)
    )

    assert reach_stage("dev", stack) == StoreSettings(
        events_table="dev-EventsTable",
        cities_table="dev-CitiesTable",
        index_table="dev-IndexTable",
        orders_table="dev-OrdersTable",
        audit_table="dev-AuditTable",
    )


@mock_aws
@pytest.mark.usefixtures("aws")
def test_a_stack_that_is_not_there_is_named() -> None:
    with pytest.raises(StageError, match="events-api-dev"):
        reach_stage("dev")


@mock_aws
@pytest.mark.usefixtures("aws")
def test_another_stack_is_not_taken_for_ours() -> None:
    other = {"Resources": TEMPLATE["Resources"]}
    boto3.client("cloudformation").create_stack(
        StackName="events-api-dev", TemplateBody=json.dumps(other)
    )

    with pytest.raises(StageError, match="has no output"):
        reach_stage("dev")


def test_without_a_local_run_the_command_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert reindex.main([]) == 1

    assert capsys.readouterr().err == "nothing runs here: start `make serve` first\n"


@mock_aws
@pytest.mark.usefixtures("aws")
def test_tables_of_an_older_version_are_named() -> None:
    client = boto3.client("dynamodb")
    assert outdated_tables(client, TABLES) == []
    create_tables(client, TABLES)
    assert outdated_tables(client, TABLES) == []
    client.delete_table(TableName="cities")
    client.create_table(
        TableName="cities",
        AttributeDefinitions=[{"AttributeName": "slug", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "slug", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )

    assert outdated_tables(client, TABLES) == ["cities"]


@mock_aws
@pytest.mark.usefixtures("aws")
def test_every_declared_table_is_reached_by_its_logical_id() -> None:
    boto3.client("cloudformation").create_stack(
        StackName="events-api-dev", TemplateBody=json.dumps(TEMPLATE)
    )
    assert reach_tables("dev") == {name: f"dev-{name}" for name in declared_tables()}
