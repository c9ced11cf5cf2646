"""The policy in the repository is enough for every command; what AWS refuses is said in a line."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.deploying.cloud import Cloud, Shop

pytestmark = pytest.mark.xdist_group("deploying")

POLICIES: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in Path("infra/deploying/policies").iterdir()
}
DEPLOYERS = {part: POLICIES[part] for part in ("commands", "cloudformation")}
OPERATORS = {"operators": POLICIES["operators"]}
# "IAM and AWS STS quotas": a managed policy's characters, white space not counted.
MOST_CHARACTERS = 6_144


def person(cloud: Cloud, name: str, policies: Mapping[str, Mapping[str, Any]]) -> Cloud:
    """The same cloud for somebody who may do what the policies say, and nothing else."""
    iam = cloud.aws.client("iam")
    iam.create_user(UserName=name)
    for part, policy in policies.items():
        iam.put_user_policy(UserName=name, PolicyName=part, PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Cloud(cloud.aws, cloud.directory, (key["AccessKeyId"], key["SecretAccessKey"]))


def test_the_policy_is_enough_for_every_command(cloud: Cloud, shop: Shop) -> None:
    deployer = person(cloud, "deployer", DEPLOYERS)
    bucket = "events-api-packages-of-the-deployer"
    stack = ("--stack", shop.stack, "--bucket", bucket)
    shop = replace(shop, options=("--bucket", bucket))

    # The bucket is made, and then nobody but the account's root gets in without TLS.
    plain = deployer.run(*shop.deploy("--dry-run"))
    assert f"made the bucket {bucket}" in plain.stdout
    assert plain.stderr.startswith("no permission for HeadObject")
    cloud.aws.client("s3").delete_bucket_policy(Bucket=bucket)

    deployer.done(*shop.deploy("--dry-run"))
    deployer.done(*shop.deploy("--stage", "prod", "--yes"))
    shop.package(code="second")
    deployer.done(*shop.deploy("--stage", "prod", "--yes"))
    for looking in ("status", "logs"):
        deployer.done(looking, *stack, "--stage", "prod")
    deployer.done("rollback", *stack, "--stage", "prod", "--yes")
    deployer.done("destroy", *stack, "--stage", "prod", "--confirm", "prod")


def test_the_operators_policy_is_enough_to_look_and_not_to_deploy(cloud: Cloud, shop: Shop) -> None:
    operator = person(cloud, "operator", OPERATORS)
    bucket = "events-api-packages-of-the-operator"
    stack = ("--stack", shop.stack, "--bucket", bucket)
    shop = replace(shop, options=("--bucket", bucket))
    cloud.done(*shop.deploy("--yes"))
    # It lets nobody in without TLS.
    cloud.aws.client("s3").delete_bucket_policy(Bucket=bucket)

    operator.done("logs", "--stack", shop.stack)
    assert "deployments:" in operator.done("status", *stack)
    assert operator.done("rollback", *stack, "--list")

    for refused in (shop.deploy("--yes"), ["destroy", *stack, "--yes"]):
        ended = operator.run(*refused)
        assert ended.returncode == 1
        assert ended.stderr.startswith("no permission for ")


@pytest.mark.parametrize("policies", [DEPLOYERS, OPERATORS], ids=["deployer", "operator"])
def test_another_stack_is_out_of_the_policys_reach(
    cloud: Cloud, shop: Shop, policies: dict[str, Any]
) -> None:
    somebody = person(cloud, f"stranger-with-{'-'.join(policies)}", policies)

    for arguments in (["status"], ["logs"], ["destroy", "--yes"]):
        ended = somebody.run(*arguments, "--stack", "somebody-elses")
        assert ended.returncode == 1
        (line,) = ended.stderr.splitlines()
        assert line.startswith("no permission for cloudformation:DescribeStacks")


def test_a_missing_permission_is_named(cloud: Cloud, shop: Shop) -> None:
    nobody = person(cloud, "nobody", {})

    ended = nobody.run(*shop.deploy("--yes"))

    assert ended.returncode == 1
    assert ended.stderr.startswith("no permission for cloudformation:DescribeStacks")
    assert "docs/deploying.md has the policy" in ended.stderr


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None},
            "there are no AWS credentials",
        ),
        ({"AWS_ACCESS_KEY_ID": "AKIANOBODYNOBODY"}, "AWS does not know these credentials"),
        ({"AWS_REGION": None, "AWS_DEFAULT_REGION": None}, "no AWS region is chosen"),
        ({"AWS_PROFILE": "absent"}, "AWS_PROFILE has to name a profile"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "AWS cannot be reached"),
    ],
)
def test_what_keeps_a_command_from_aws_is_said_in_a_line(
    cloud: Cloud, shop: Shop, changed: dict[str, str | None], told: str
) -> None:
    ended = cloud.run(*shop.deploy("--yes"), **changed)

    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert told in line
    assert "000000000000" not in line


@pytest.mark.parametrize("part", sorted(POLICIES))
def test_each_part_fits_into_a_managed_policy(part: str) -> None:
    assert len(json.dumps(POLICIES[part], separators=(",", ":"))) <= MOST_CHARACTERS


def test_beyond_looking_everything_is_done_by_cloudformation_only() -> None:
    """So nobody reads a table or changes a function by hand. It keeps nobody from having a stack
    do it: whoever may write the policies of new roles may do anything that a role may.
    """
    direct = POLICIES["commands"]["Statement"]
    assert [item["Sid"] for item in direct] == ["Stacks", "Packages", "LookAtWhatRuns"]
    assert direct[-1]["Action"] == ["logs:FilterLogEvents", "dynamodb:DescribeTable"]
    called = {"aws:CalledVia": "cloudformation.amazonaws.com"}
    others = POLICIES["cloudformation"]["Statement"]
    assert all(item["Condition"]["ForAnyValue:StringEquals"] == called for item in others)
    everywhere = [item["Sid"] for item in [*direct, *others] if item["Resource"] == "*"]
    assert everywhere == ["NamelessByCloudFormation"]
    reading = {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "ssm:GetParameter"}
    actions = {action for item in [*direct, *others] for action in item["Action"]}
    assert not actions & reading
    assert not any(action.endswith(":*") or action == "*" for action in actions)


def test_the_document_says_that_a_deployer_can_become_an_administrator() -> None:
    document = " ".join(Path("docs/deploying.md").read_text().split())
    assert "Whoever has this role can make an administrator of themselves" in document
    assert "the least with which" not in document
