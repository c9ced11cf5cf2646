"""Which tables an operator's command works on, and what it says where there are none."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from chalicelib.settings import StoreSettings
from infra.backup import __main__ as backup
from infra.operating import reindex
from infra.operating.stage_tables import StageError, reach_stage, reach_tables
from infra.packaging.stages import stack_description
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


@pytest.fixture
def live_production(aws: None) -> Iterator[str]:
    """The name of production's stack, which is there."""
    template = {**TEMPLATE, "Description": stack_description("prod")}
    with mock_aws():
        boto3.client("cloudformation").create_stack(
            StackName="events-api-prod", TemplateBody=json.dumps(template)
        )
        yield "events-api-prod"


@pytest.mark.parametrize("reach", [reach_stage, reach_tables])
def test_production_is_not_reached_under_another_stages_name(
    live_production: str, reach: Callable[[str, str], object]
) -> None:
    assert reach("prod", live_production)
    with pytest.raises(StageError, match=f"{live_production} is of the stage prod, not dev"):
        reach("dev", live_production)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (backup.main, ["restore", "a.jsonl.gz", "--replace"]),
        (backup.main, ["save", "a.jsonl.gz"]),
        (reindex.main, []),
    ],
    ids=["restore", "save", "reindex"],
)
def test_no_command_works_on_production_under_another_stages_name(
    live_production: str,
    command: Callable[[list[str]], int],
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command([*arguments, "--stage", "dev", "--stack", live_production]) == 1

    told = capsys.readouterr().err
    assert told.startswith("refused: nothing was done. The stack events-api-prod is of the stage")
    assert told.count("\n") == 1


@mock_aws
@pytest.mark.usefixtures("aws")
def test_a_protected_table_makes_a_stack_that_says_no_stage_productions() -> None:
    client = boto3.client("dynamodb")
    create_tables(client, {name: f"dev-{name}" for name in TABLES})
    boto3.client("cloudformation").create_stack(
        StackName="events-api-dev", TemplateBody=json.dumps(TEMPLATE)
    )
    assert reach_tables("dev")
    client.update_table(TableName="dev-OrdersTable", DeletionProtectionEnabled=True)

    with pytest.raises(StageError, match="does not say of which stage it is"):
        reach_tables("dev")
    assert reach_tables("prod", "events-api-dev")


@mock_aws
@pytest.mark.usefixtures("aws")
def test_a_stack_that_is_not_there_is_named() -> None:
    with pytest.raises(StageError, match="there is no stack events-api-dev in us-east-1"):
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
