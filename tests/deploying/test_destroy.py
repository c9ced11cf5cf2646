"""`make destroy`: what goes, what stays, and what has to be said before."""

import json
from typing import Any

import pytest

from infra.packaging.stages import stack_description
from tests.deploying.cloud import Cloud, Shop, function, gate, table

pytestmark = pytest.mark.xdist_group("deploying")


def destroy(shop: Shop, *options: str, stage: str = "dev") -> list[str]:
    return ["destroy", "--stage", stage, "--stack", shop.stack, *options]


def till(cloud: Cloud, shop: Shop) -> str:
    found = cloud.aws.client("cloudformation").describe_stack_resource(
        StackName=shop.stack, LogicalResourceId="Till"
    )
    name: str = found["StackResourceDetail"]["PhysicalResourceId"]
    return name


def is_there(cloud: Cloud, name: str) -> bool:
    return name in cloud.aws.client("dynamodb").list_tables()["TableNames"]


def protected(**changed: Any) -> dict[str, Any]:
    declared = table(**changed)
    properties = {**declared["Properties"], "DeletionProtectionEnabled": True}
    return {**declared, "Properties": properties}


def test_the_stack_goes_and_its_tables_stay(cloud: Cloud, deployed: Shop) -> None:
    name = till(cloud, deployed)

    shown = cloud.done(*destroy(deployed, "--yes"))

    goes, stays = shown.split("stays:")
    assert "AWS::Lambda::Function  Speaker" in goes
    assert f"AWS::DynamoDB::Table  Till  {name}" in stays
    assert f"aws dynamodb delete-table --table-name {name}" in stays
    assert "kept, and outside of any stack" in shown
    assert cloud.status(deployed.stack) is None
    assert is_there(cloud, name)


def test_a_functions_versions_go_with_it(cloud: Cloud, shop: Shop) -> None:
    shop.package({"Speaker": function("Speaker", AutoPublishAlias="live")})
    cloud.done(*shop.deploy("--yes"))

    shown = cloud.done(*destroy(shop, "--yes"))

    goes, stays = shown.split("stays:")
    assert "AWS::Lambda::Version  SpeakerVersion" in goes
    kept = stays.split("kept, and outside of any stack from now on:")[1]
    assert "Till" in kept
    assert "SpeakerVersion" not in kept


def test_a_dry_run_and_a_missing_yes_leave_the_stack(cloud: Cloud, standing: Shop) -> None:
    shown = cloud.done(*destroy(standing, "--dry-run"))
    unconfirmed = cloud.run(*destroy(standing))

    assert "goes:" in shown
    assert "a dry run" in shown
    assert unconfirmed.returncode == 1
    assert cloud.status(standing.stack) == "CREATE_COMPLETE"


def test_where_there_is_no_stack_nothing_has_to_be_done(cloud: Cloud, shop: Shop) -> None:
    assert "nothing to do" in cloud.done(*destroy(shop, "--yes"))


def test_production_goes_only_by_its_name(cloud: Cloud, shop: Shop) -> None:
    cloud.done(*shop.deploy("--stage", "prod", "--yes"))
    client = cloud.aws.client("cloudformation")
    (stack,) = client.describe_stacks(StackName=shop.stack)["Stacks"]
    assert stack["EnableTerminationProtection"]

    for options in (["--yes"], ["--yes", "--confirm", "dev"]):
        refused = cloud.run(*destroy(shop, *options, stage="prod"))
        assert refused.returncode == 1
        assert "nothing was done" in refused.stderr
    assert cloud.status(shop.stack) == "CREATE_COMPLETE"

    cloud.done(*destroy(shop, "--confirm", "prod", stage="prod"))
    assert cloud.status(shop.stack) is None


def test_production_named_as_another_stages_stack_is_left_as_it_is(
    cloud: Cloud, shop: Shop
) -> None:
    cloud.done(*shop.deploy("--stage", "prod", "--yes"))
    shop.package(code="second")

    for command in (
        destroy(shop, "--yes"),
        shop.deploy("--yes"),
        ["rollback", "--stack", shop.stack, "--yes"],
        ["status", "--stack", shop.stack],
        ["logs", "--stack", shop.stack],
    ):
        refused = cloud.run(*command)
        assert refused.returncode == 1
        assert refused.stderr.startswith("refused: nothing was done. ")
        assert f"The stack {shop.stack} does not say of which stage it is" in refused.stderr
        assert "production is and dev is not" in refused.stderr
    assert cloud.status(shop.stack) == "CREATE_COMPLETE"


def test_a_stack_that_says_its_stage_goes_only_as_that_stages(cloud: Cloud, shop: Shop) -> None:
    template = {
        "Description": stack_description("prod"),
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    }
    cloud.aws.client("cloudformation").create_stack(
        StackName=shop.stack, TemplateBody=json.dumps(template)
    )

    refused = cloud.run(*destroy(shop, "--yes"))

    assert refused.returncode == 1
    assert f"The stack {shop.stack} is of the stage prod, not dev" in refused.stderr
    assert cloud.status(shop.stack) == "CREATE_COMPLETE"
    cloud.done(*destroy(shop, "--confirm", "prod", stage="prod"))


def test_a_protected_table_that_would_go_holds_everything_up(cloud: Cloud, shop: Shop) -> None:
    shop.package({"Till": protected(DeletionPolicy="Delete")})
    cloud.done(*shop.deploy("--stage", "prod", "--yes"))
    name = till(cloud, shop)

    refused = cloud.run(*destroy(shop, "--confirm", "prod", stage="prod"))

    assert refused.returncode == 1
    command = "aws dynamodb update-table --no-deletion-protection-enabled --table-name"
    assert f"{command} {name}" in refused.stderr
    assert cloud.status(shop.stack) == "CREATE_COMPLETE"

    cloud.aws.client("dynamodb").update_table(TableName=name, DeletionProtectionEnabled=False)
    cloud.done(*destroy(shop, "--confirm", "prod", stage="prod"))
    assert not is_there(cloud, name)


def test_a_protected_table_that_stays_says_how_it_would_be_deleted(
    cloud: Cloud, shop: Shop
) -> None:
    shop.package({"Till": protected()})
    cloud.done(*shop.deploy("--stage", "prod", "--yes"))

    shown = cloud.done(*destroy(shop, "--dry-run", stage="prod"))

    assert "(deletion protected)" in shown
    assert shown.index("--no-deletion-protection-enabled") < shown.index("delete-table")


def test_what_a_first_attempt_left_is_removed(cloud: Cloud, shop: Shop) -> None:
    cloud.aws.client("cloudformation").create_change_set(
        StackName=shop.stack,
        ChangeSetName="left",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}),
    )

    cloud.done(*destroy(shop, "--yes"))

    assert cloud.status(shop.stack) is None


def test_what_a_failed_creation_left_is_removed(cloud: Cloud, shop: Shop) -> None:
    shop.package(gate(seconds=1))
    assert cloud.run(*shop.deploy("--yes")).returncode == 1

    cloud.done(*destroy(shop, "--yes"))

    assert cloud.status(shop.stack) is None
