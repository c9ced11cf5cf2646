"""What AWS answers that ministack never does, put in by botocore's stubs: buckets of other people,
change sets that fail after a while, stacks that are stuck.
"""

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from infra.deploying.aws import Aws
from infra.deploying.bucket import bucket_name, ensure_bucket
from infra.deploying.change_sets import ChangeSet, Wish, create_change_set
from infra.deploying.changes import Change
from infra.deploying.console import Console
from infra.deploying.errors import DeployingError
from infra.deploying.rollout import Choice, is_accepted
from infra.deploying.stacks import Stack
from infra.deploying.stage import StageRun, changeable_stack
from infra.packaging.stages import stack_description

ACCOUNT = "111122223333"


@pytest.fixture
def aws() -> Aws:
    """An account whose clients are stubbed: a call that nobody expects is an error."""
    account = Aws(boto3.Session(region_name="eu-central-1"))
    # As if they had been asked for before.
    account.__dict__["account"] = ACCOUNT
    return account


def stubbed(client: Any) -> Stubber:
    stubber = Stubber(client)
    stubber.activate()
    return stubber


def test_a_bucket_of_another_account_is_not_used(aws: Aws) -> None:
    s3 = stubbed(aws.s3)
    s3.add_client_error("head_bucket", "403", http_status_code=403)

    with pytest.raises(DeployingError, match="belongs to another account"):
        ensure_bucket(aws, None)
    s3.assert_no_pending_responses()


def test_a_bucket_is_made_in_the_region_and_set_up_for_its_owner_only(aws: Aws) -> None:
    s3, name = stubbed(aws.s3), bucket_name(aws)
    owned = {"Bucket": name, "ExpectedBucketOwner": ACCOUNT}
    s3.add_client_error("head_bucket", "404", http_status_code=404)
    placed = {"LocationConstraint": "eu-central-1"}
    s3.add_response("create_bucket", {}, {"Bucket": name, "CreateBucketConfiguration": placed})
    blocked = {"PublicAccessBlockConfiguration": ANY}
    s3.add_response("put_public_access_block", {}, {**owned, **blocked})
    encrypted = {"ServerSideEncryptionConfiguration": ANY}
    s3.add_response("put_bucket_encryption", {}, {**owned, **encrypted})
    versioned = {"VersioningConfiguration": {"Status": "Enabled"}}
    s3.add_response("put_bucket_versioning", {}, {**owned, **versioned})
    s3.add_response(
        "put_bucket_lifecycle_configuration", {}, {**owned, "LifecycleConfiguration": ANY}
    )
    s3.add_response("put_bucket_policy", {}, {**owned, "Policy": ANY})

    assert ensure_bucket(aws, None) == "events-api-packages-111122223333-eu-central-1"
    s3.assert_no_pending_responses()


def test_a_chosen_bucket_whose_public_access_is_half_open_is_not_used(aws: Aws) -> None:
    s3 = stubbed(aws.s3)
    s3.add_response("head_bucket", {})
    half = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": False}
    s3.add_response("get_public_access_block", {"PublicAccessBlockConfiguration": half})

    with pytest.raises(DeployingError, match="could be opened to the public"):
        ensure_bucket(aws, "ours")


WISH = Wish("events-api-dev", "https://s3.example/t.json", [], creates=True, about="it")
STACK_ID = f"arn:aws:cloudformation:eu-central-1:{ACCOUNT}:stack/events-api-dev/1"
CHANGE_SET_ID = f"arn:aws:cloudformation:eu-central-1:{ACCOUNT}:changeSet/events-api-1/1"


def stack(status: str, **said: Any) -> dict[str, Any]:
    created = datetime(2027, 1, 1, tzinfo=UTC)
    known = {"StackName": "events-api-dev", "StackId": STACK_ID, "StackStatus": status}
    return {"Stacks": [{**known, "CreationTime": created, **said}]}


def asked(cloudformation: Stubber, *described: dict[str, Any]) -> None:
    """A change set is made, and is looked at until it is what is described last."""
    ids = {"ChangeSetName": CHANGE_SET_ID, "StackName": STACK_ID}
    cloudformation.add_response("create_change_set", {"Id": CHANGE_SET_ID, "StackId": STACK_ID})
    for answer in described:
        cloudformation.add_response("describe_change_set", answer, ids)


def dropped(cloudformation: Stubber) -> None:
    """The change set goes, and the empty stack that was made for it."""
    ids = {"ChangeSetName": CHANGE_SET_ID, "StackName": STACK_ID}
    cloudformation.add_response("delete_change_set", {}, ids)
    cloudformation.add_response(
        "describe_stacks", stack("REVIEW_IN_PROGRESS"), {"StackName": STACK_ID}
    )
    cloudformation.add_response("delete_stack", {}, {"StackName": STACK_ID})


def test_a_change_set_that_cannot_be_made_leaves_nothing_and_says_why(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.deploying.change_sets._FIRST_POLL_SECONDS", 0.0)
    cloudformation = stubbed(aws.cloudformation)
    failed = {"Status": "FAILED", "StatusReason": "Transform failed: wrong"}
    asked(cloudformation, {"Status": "CREATE_IN_PROGRESS"}, failed)
    dropped(cloudformation)

    with pytest.raises(DeployingError, match="Transform failed: wrong"):
        create_change_set(aws.cloudformation, WISH)
    cloudformation.assert_no_pending_responses()


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information.",
        "No updates are to be performed.",
    ],
)
def test_a_change_set_without_changes_is_none(aws: Aws, reason: str) -> None:
    cloudformation = stubbed(aws.cloudformation)
    asked(cloudformation, {"Status": "FAILED", "StatusReason": reason})
    dropped(cloudformation)

    assert create_change_set(aws.cloudformation, WISH) is None
    cloudformation.assert_no_pending_responses()


def test_who_interrupts_the_making_of_a_change_set_leaves_nothing(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("infra.deploying.change_sets.time.sleep", interrupt)
    cloudformation = stubbed(aws.cloudformation)
    asked(cloudformation, {"Status": "CREATE_PENDING"})
    dropped(cloudformation)

    with pytest.raises(KeyboardInterrupt):
        create_change_set(aws.cloudformation, WISH)
    cloudformation.assert_no_pending_responses()


def test_a_change_set_that_cannot_be_deleted_yet_does_not_hide_that_it_was_interrupted(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("infra.deploying.change_sets.time.sleep", interrupt)
    cloudformation = stubbed(aws.cloudformation)
    asked(cloudformation, {"Status": "CREATE_IN_PROGRESS"})
    cloudformation.add_client_error("delete_change_set", "InvalidChangeSetStatus")

    with pytest.raises(KeyboardInterrupt):
        create_change_set(aws.cloudformation, WISH)
    assert f"left in AWS, without effect: {CHANGE_SET_ID}" in capsys.readouterr().out


def test_credentials_that_expire_at_the_question_do_not_hide_what_was_answered(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    cloudformation = stubbed(aws.cloudformation)
    cloudformation.add_client_error("delete_change_set", "ExpiredToken")
    table = Change("Remove", "Till", "AWS::DynamoDB::Table")
    change_set = ChangeSet(CHANGE_SET_ID, STACK_ID, creates=False, changes=(table,))
    run = StageRun(aws, "dev", "events-api-dev", Console(yes=True))

    with pytest.raises(DeployingError, match="REPLACE=Till"):
        is_accepted(run, change_set, [], Choice({}, "here"))
    assert "the AWS credentials have expired" in capsys.readouterr().out


def test_all_pages_of_a_change_set_are_read(aws: Aws) -> None:
    def page(name: str, **rest: str) -> dict[str, Any]:
        change = {"Action": "Add", "LogicalResourceId": name, "ResourceType": "AWS::SNS::Topic"}
        return {"Status": "CREATE_COMPLETE", "Changes": [{"ResourceChange": change}], **rest}

    ids = {"ChangeSetName": CHANGE_SET_ID, "StackName": STACK_ID}
    cloudformation = stubbed(aws.cloudformation)
    asked(cloudformation, {"Status": "CREATE_COMPLETE"}, page("First", NextToken="more"))
    second = page("Second")
    cloudformation.add_response("describe_change_set", second, {**ids, "NextToken": "more"})

    made = create_change_set(aws.cloudformation, WISH)

    assert isinstance(made, ChangeSet)
    assert [change.logical_id for change in made.changes] == ["First", "Second"]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback --stack-name"),
        ("UPDATE_FAILED", "aws cloudformation rollback-stack --stack-name events-api-dev"),
        ("DELETE_FAILED", "`make destroy` goes on with it"),
        ("ROLLBACK_FAILED", "`make destroy` goes on with it"),
        ("CREATE_FAILED", "`make destroy` removes what there is"),
    ],
)
def test_a_stack_that_is_stuck_comes_with_the_way_out(aws: Aws, status: str, told: str) -> None:
    stubbed(aws.cloudformation).add_response("describe_stacks", stack(status))

    with pytest.raises(DeployingError, match=told):
        changeable_stack(StageRun(aws, "dev", "events-api-dev", Console()))


def found(aws: Aws, stage: str, **said: Any) -> Stack | None:
    stubbed(aws.cloudformation).add_response("describe_stacks", stack("UPDATE_COMPLETE", **said))
    return StageRun(aws, stage, "events-api-dev", Console(yes=True)).find()


@pytest.mark.parametrize(("stage", "own"), [("dev", "prod"), ("prod", "dev")])
def test_a_stack_of_another_stage_is_not_even_looked_at(aws: Aws, stage: str, own: str) -> None:
    with pytest.raises(DeployingError, match=f"events-api-dev is of the stage {own}, not {stage}"):
        found(aws, stage, Description=stack_description(own))


def test_a_stage_may_protect_its_own_stack_without_being_production(aws: Aws) -> None:
    kept = found(aws, "dev", Description=stack_description("dev"), EnableTerminationProtection=True)

    assert kept is not None


@pytest.mark.parametrize(
    "said", [{}, {"Description": "Somebody's stack (dev): of another kind"}], ids=["mute", "other"]
)
@pytest.mark.parametrize(
    ("stage", "protected", "taken"),
    [("dev", True, False), ("prod", True, True), ("dev", False, True)],
)
def test_a_protected_stack_that_does_not_say_its_stage_is_taken_for_production(
    aws: Aws, said: dict[str, str], stage: str, *, protected: bool, taken: bool
) -> None:
    if taken:
        assert found(aws, stage, **said, EnableTerminationProtection=protected) is not None
    else:
        with pytest.raises(DeployingError, match="does not say of which stage"):
            found(aws, stage, **said, EnableTerminationProtection=protected)


@pytest.mark.parametrize("protected", [True, False])
def test_so_is_one_with_a_protected_table(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, *, protected: bool
) -> None:
    dynamodb = boto3.client("dynamodb", region_name="eu-central-1")
    tables = stubbed(dynamodb)
    tables.add_client_error("describe_table", "ResourceNotFoundException")
    described = {"Table": {"DeletionProtectionEnabled": protected}}
    tables.add_response("describe_table", described, {"TableName": "orders"})
    monkeypatch.setattr(Aws, "client", lambda _, service: {"dynamodb": dynamodb}[service])
    # Made before there is nothing but that client.
    aws.__dict__["cloudformation"] = boto3.client("cloudformation", region_name="eu-central-1")
    outputs = [
        {"OutputKey": "EventsTableName", "OutputValue": "events"},
        {"OutputKey": "OrdersTableName", "OutputValue": "orders"},
        {"OutputKey": "EndpointURL", "OutputValue": "https://a.example"},
    ]

    if protected:
        with pytest.raises(DeployingError, match="does not say of which stage"):
            found(aws, "dev", Outputs=outputs)
    else:
        assert found(aws, "dev", Outputs=outputs) is not None
    tables.assert_no_pending_responses()
