"""`make deploy` against a local AWS: what it does, shows, refuses, and says when that fails."""

import json
import os
import pty
import signal
import subprocess
from dataclasses import replace
from typing import Any

import httpx
import pytest

from infra.deploying.change_sets import ChangeSet, create_change_set
from tests.deploying.cloud import Cloud, Shop, gate, table

pytestmark = pytest.mark.xdist_group("deploying")


def parameters(cloud: Cloud, shop: Shop) -> dict[str, str]:
    client = cloud.aws.client("cloudformation")
    (stack,) = client.describe_stacks(StackName=shop.stack)["Stacks"]
    return {item["ParameterKey"]: item["ParameterValue"] for item in stack["Parameters"]}


def said(cloud: Cloud, shop: Shop) -> str:
    """What the deployed function answers: the version of its code."""
    client = cloud.aws.client("cloudformation")
    found = client.describe_stack_resource(StackName=shop.stack, LogicalResourceId="Speaker")
    name = found["StackResourceDetail"]["PhysicalResourceId"]
    answer = cloud.aws.client("lambda").invoke(FunctionName=name, Payload=b'{"line": "spoken"}')
    version: str = json.loads(answer["Payload"].read())
    return version


def test_a_first_deployment_shows_its_changes_its_events_and_where_it_is(
    cloud: Cloud, shop: Shop
) -> None:
    ended = cloud.process(*shop.deploy("--yes"))

    assert (ended.returncode, ended.stderr) == (0, "")
    shown = ended.stdout
    assert "account 000000000000, region us-east-1" in shown
    changes, events = shown.split("under way")
    assert "Add  Till" in changes
    assert "JwtIssuer  https://issuer.example" in changes
    assert "CREATE_COMPLETE" in events
    assert events.index("CREATE_IN_PROGRESS") < events.index("CREATE_COMPLETE")
    outputs = events.split("done:")[1].splitlines()[1:]
    assert [line.split()[0] for line in outputs] == ["API", "Stripe's", "TillTableName"]
    assert outputs[0].endswith("https://hello.example/")
    assert said(cloud, shop) == "first"


def test_the_packages_bucket_is_private_encrypted_versioned_and_over_tls_only(
    cloud: Cloud, standing: Shop
) -> None:
    s3, bucket = cloud.aws.client("s3"), "events-api-packages-000000000000-us-east-1"
    blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    encryption = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    by_default = encryption["Rules"][0]["ApplyServerSideEncryptionByDefault"]
    assert by_default["SSEAlgorithm"] == "AES256"
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    (denied,) = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert denied["Effect"] == "Deny"
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_deployment_of_the_same_changes_nothing(cloud: Cloud, standing: Shop) -> None:
    shown = cloud.done(*standing.deploy())

    assert "no changes" in shown
    assert "https://hello.example/" in shown


def test_an_update_keeps_the_parameters_that_are_not_given(cloud: Cloud, deployed: Shop) -> None:
    cloud.done(*deployed.deploy("--yes", JwtIssuer="https://a.example", Greeting="servus"))
    deployed.package(code="second")

    shown = cloud.done(*deployed.deploy("--yes", JwtIssuer="https://b.example"))

    assert "JwtIssuer  https://b.example  (was https://a.example)" in shown
    assert "Greeting" not in shown.split("changes:")[0]
    assert "Modify  Speaker" in shown
    kept = parameters(cloud, deployed)
    assert (kept["JwtIssuer"], kept["Greeting"]) == ("https://b.example", "servus")
    assert said(cloud, deployed) == "second"


def test_a_dry_run_shows_a_first_deployment_and_leaves_no_stack(cloud: Cloud, shop: Shop) -> None:
    shown = cloud.done(*shop.deploy("--dry-run"))

    assert "Add  Till" in shown
    assert "a dry run" in shown
    assert cloud.status(shop.stack) is None


def test_a_dry_run_shows_an_update_and_leaves_no_change_set(cloud: Cloud, deployed: Shop) -> None:
    deployed.package(code="second")

    shown = cloud.done(*deployed.deploy("--dry-run"))

    assert "Modify  Speaker" in shown
    assert said(cloud, deployed) == "first"
    left = cloud.aws.client("cloudformation").list_change_sets(StackName=deployed.stack)
    assert not [item for item in left["Summaries"] if item["ExecutionStatus"] != "EXECUTE_COMPLETE"]


def test_without_a_yes_and_a_terminal_nothing_is_done(cloud: Cloud, shop: Shop) -> None:
    ended = cloud.run(*shop.deploy())

    assert ended.returncode == 1
    assert "no terminal to ask at" in ended.stderr
    assert cloud.status(shop.stack) is None


@pytest.mark.parametrize(
    ("answer", "expected"), [("y", "CREATE_COMPLETE"), ("", None), ("n", None)]
)
def test_at_a_terminal_only_a_yes_goes_on(
    cloud: Cloud, shop: Shop, answer: str, expected: str | None
) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        cloud.command(*shop.deploy()),
        env=cloud.environment,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        os.write(ours, f"{answer}\n".encode())
        shown, _ = process.communicate(timeout=120)
    os.close(ours)
    os.close(theirs)

    assert f"Bring {shop.stack} to this? [y/N]" in shown
    assert process.returncode == (0 if expected else 1)
    assert cloud.status(shop.stack) == expected


def test_an_empty_stack_of_an_earlier_attempt_is_used(cloud: Cloud, shop: Shop) -> None:
    cloud.aws.client("cloudformation").create_change_set(
        StackName=shop.stack,
        ChangeSetName="left",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}),
    )
    assert cloud.status(shop.stack) == "REVIEW_IN_PROGRESS"

    shown = cloud.done(*shop.deploy("--yes"))

    assert "an earlier attempt left an empty stack" in shown
    assert cloud.status(shop.stack) == "CREATE_COMPLETE"


@pytest.mark.parametrize("change", [{"Till": table("number")}, {"Till": None}])
def test_a_table_is_not_lost_unless_that_is_said(
    cloud: Cloud, deployed: Shop, change: dict[str, Any]
) -> None:
    deployed.package(change)

    refused = cloud.run(*deployed.deploy("--yes"))

    assert refused.returncode == 1
    assert "refused: nothing was done. REPLACE=Till says that it is meant" in refused.stderr
    assert "!! Till: " in refused.stdout
    assert "what it holds stays behind, or is lost" in refused.stdout
    assert cloud.status(deployed.stack) == "CREATE_COMPLETE"
    other = cloud.run(*deployed.deploy("--yes", "--replace", "Speaker"))
    assert other.returncode == 1

    cloud.done(*deployed.deploy("--yes", "--replace", "Till"))
    assert cloud.status(deployed.stack) == "UPDATE_COMPLETE"


def test_a_failed_creation_names_its_cause_and_the_next_deployment_clears_it_up(
    cloud: Cloud, shop: Shop
) -> None:
    shop.package(gate(seconds=1))

    failed = cloud.run(*shop.deploy("--yes"))

    assert failed.returncode == 1
    assert "failed: the stack is ROLLBACK_COMPLETE" in failed.stderr
    assert "Waiting (AWS::CloudFormation::WaitCondition): WaitCondition timed" in failed.stderr
    assert "Mend that and deploy again" in failed.stderr

    shop.package()
    dry = cloud.run(*shop.deploy("--dry-run"))
    assert dry.returncode == 1
    assert "a dry run deletes nothing" in dry.stderr
    mended = cloud.done(*shop.deploy("--yes"))
    assert "CloudFormation wants it deleted" in mended
    assert cloud.status(shop.stack) == "CREATE_COMPLETE"


def test_a_failed_update_leaves_what_was_and_names_its_cause(cloud: Cloud, deployed: Shop) -> None:
    deployed.package(gate(seconds=1), code="second")

    failed = cloud.run(*deployed.deploy("--yes"))

    assert failed.returncode == 1
    assert "UPDATE_ROLLBACK_COMPLETE" in failed.stderr
    assert "Waiting (AWS::CloudFormation::WaitCondition)" in failed.stderr
    assert "The stack is as it was before" in failed.stderr
    assert said(cloud, deployed) == "first"


def test_wrong_parameters_are_all_named_before_anything_is_sent(cloud: Cloud, shop: Shop) -> None:
    ended = cloud.run(*shop.deploy("--yes", "--bucket", "untouched", JwtIsuer="x", Greeting="No"))

    assert ended.returncode == 1
    assert "JwtIsuer: there is no such parameter" in ended.stderr
    assert "JwtIssuer is missing: Whose tokens are taken" in ended.stderr
    assert "Greeting: 'No' does not match" in ended.stderr
    buckets = cloud.aws.client("s3").list_buckets()["Buckets"]
    assert "untouched" not in {bucket["Name"] for bucket in buckets}


def test_a_deployment_that_was_interrupted_goes_on_and_is_taken_up_again(
    cloud: Cloud, shop: Shop
) -> None:
    shop.package(gate(seconds=240))
    with cloud.start(*shop.deploy("--yes")) as first:
        _read_until(first, "Waiting")
        first.send_signal(signal.SIGINT)
        _, told = first.communicate(timeout=120)
    assert first.returncode == 130
    assert "the same command goes on from there" in told
    assert cloud.status(shop.stack) == "CREATE_IN_PROGRESS"

    with cloud.start(*shop.deploy("--yes")) as second:
        before = _read_until(second, "Waiting")
        _open_gate(cloud, shop)
        shown, errors = second.communicate(timeout=120)

    assert second.returncode == 0, errors
    assert "the stack is at something already (CREATE_IN_PROGRESS)" in before
    assert "CREATE_IN_PROGRESS" in before
    assert "that ended with CREATE_COMPLETE" in shown
    assert "no changes" in shown
    assert "succeeded" in cloud.done("rollback", "--stack", shop.stack, "--list")


def test_a_package_of_another_stage_is_refused(cloud: Cloud, shop: Shop) -> None:
    path = shop.package() / "sam.json"
    described = {**json.loads(path.read_text()), "Description": "Events API (prod): sells"}
    path.write_text(json.dumps(described))

    ended = cloud.run(*shop.deploy("--yes"))

    assert ended.returncode == 1
    assert "is of the stage prod, not dev" in ended.stderr


def _read_until(process: "subprocess.Popen[str]", text: str) -> str:
    assert process.stdout is not None
    shown = ""
    for line in process.stdout:
        shown += line
        if text in line and "IN_PROGRESS" in line:
            return shown
    raise AssertionError(shown)


def _open_gate(cloud: Cloud, shop: Shop) -> None:
    found = cloud.aws.client("cloudformation").describe_stack_resource(
        StackName=shop.stack, LogicalResourceId="Gate"
    )
    url = found["StackResourceDetail"]["PhysicalResourceId"]
    body = json.dumps({"Status": "SUCCESS", "UniqueId": "1", "Data": "", "Reason": "open"})
    # Signed without a content type.
    assert httpx.put(url, content=body.encode(), timeout=60).status_code == 200


def test_a_bucket_of_ones_own_is_used_if_it_is_private(cloud: Cloud, shop: Shop) -> None:
    s3 = cloud.aws.client("s3")
    s3.create_bucket(Bucket="open-house")
    s3.delete_public_access_block(Bucket="open-house")

    refused = cloud.run(*shop.deploy("--yes", "--bucket", "open-house"))
    assert refused.returncode == 1
    assert "the bucket open-house could be opened to the public" in refused.stderr
    assert "Contents" not in s3.list_objects_v2(Bucket="open-house")

    cloud.done(*shop.deploy("--yes", "--bucket", "closed-house"))
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="closed-house")["Contents"]]
    assert sorted({key.split("/")[0] for key in keys}) == ["deployments", "packages", "templates"]
    cloud.done(*shop.deploy("--bucket", "closed-house"))


def test_the_same_again_after_a_failure_is_another_release(cloud: Cloud, deployed: Shop) -> None:
    """Lambda publishes the same content once, and CloudFormation takes no version that is there."""
    ssm, taken = cloud.aws.client("ssm"), f"/{deployed.stack}/taken"
    ssm.put_parameter(Name=taken, Value="1", Type="String")
    properties = {"Name": taken, "Value": "2", "Type": "String"}
    wanted = {"Type": "AWS::SSM::Parameter", "Properties": properties}
    deployed.package({"Wanted": wanted}, code="second")
    assert cloud.run(*deployed.deploy("--yes")).returncode == 1
    assert cloud.run(*deployed.deploy("--yes")).returncode == 1
    ssm.delete_parameter(Name=taken)

    cloud.done(*deployed.deploy("--yes"))

    releases = [record["parameters"]["Release"] for record in records(cloud, deployed)]
    assert len(releases) == len(set(releases)) == 4
    assert parameters(cloud, deployed)["Release"] == releases[-1]
    assert "no changes" in cloud.done(*deployed.deploy())
    assert parameters(cloud, deployed)["Release"] == releases[-1]


def test_a_change_set_of_no_resource_is_carried_out(
    cloud: Cloud, deployed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CloudFormation makes one for new outputs; ministack takes those for no change at all."""

    def without_resources(*asked: Any) -> ChangeSet:
        made = create_change_set(*asked)
        assert made is not None
        return replace(made, changes=())

    monkeypatch.setattr("infra.deploying.rollout.create_change_set", without_resources)
    deployed.package(code="second", outputs={"Motto": {"Value": "plus ultra"}})

    shown = cloud.done(*deployed.deploy("--yes"))

    assert "of no resource: outputs" in shown
    assert "plus ultra" in shown.split("done:")[1]
    assert said(cloud, deployed) == "second"


def test_production_taken_up_again_ends_protected_too(cloud: Cloud, shop: Shop) -> None:
    cloud.done(*shop.deploy("--stage", "prod", "--yes"))
    client = cloud.aws.client("cloudformation")
    # As a run leaves it that was cut off before the stack was made.
    client.update_termination_protection(StackName=shop.stack, EnableTerminationProtection=False)

    cloud.done(*shop.deploy("--stage", "prod", "--dry-run"))
    (stack,) = client.describe_stacks(StackName=shop.stack)["Stacks"]
    assert not stack["EnableTerminationProtection"]

    assert "no changes" in cloud.done(*shop.deploy("--stage", "prod"))
    (stack,) = client.describe_stacks(StackName=shop.stack)["Stacks"]
    assert stack["EnableTerminationProtection"]


def records(cloud: Cloud, shop: Shop) -> list[dict[str, Any]]:
    """What is kept of each attempt, first ones first."""
    s3, bucket = cloud.aws.client("s3"), "events-api-packages-000000000000-us-east-1"
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"deployments/{shop.stack}/")["Contents"]
    read = [
        json.loads(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()) for item in listed
    ]
    return sorted(read, key=lambda record: str(record["at"]))
