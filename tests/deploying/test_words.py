"""What the commands say: changes, parameters, failures, errors, log lines, as people read them."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore import exceptions as aws

from infra.deploying import changes, parameters
from infra.deploying.changes import Change
from infra.deploying.console import Console
from infra.deploying.errors import DeployingError, NotConfirmed, explained
from infra.deploying.failures import failure_report
from infra.deploying.log_lines import LogEntry, rendered
from infra.deploying.logs import moment, pattern
from infra.deploying.stacks import Stack, StackEvent, Watch, await_end

MOMENT = datetime(2027, 6, 15, 9, 0, tzinfo=UTC)
TABLE = "AWS::DynamoDB::Table"


def refused(code: str, message: str = "") -> aws.ClientError:
    return aws.ClientError({"Error": {"Code": code, "Message": message}}, "CreateChangeSet")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (refused("ExpiredToken"), "the AWS credentials have expired: sign in"),
        (refused("ExpiredTokenException"), "the AWS credentials have expired"),
        (refused("InvalidClientTokenId"), "AWS does not know these credentials"),
        (
            refused(
                "AccessDenied",
                "User: arn:aws:iam::1:user/a is not authorized to perform: iam:PassRole on "
                "resource: arn:aws:iam::1:role/b because no policy allows it",
            ),
            "no permission for iam:PassRole on arn:aws:iam::1:role/b: ",
        ),
        (refused("AccessDenied"), "no permission for CreateChangeSet: "),
        (
            refused("ValidationError", "Stack:s is in UPDATE_IN_PROGRESS state and can not be up"),
            "the stack is busy: run the same command again",
        ),
        (refused("InvalidChangeSetStatus"), "the stack was changed by somebody else meanwhile"),
        (
            refused("LimitExceededException", "too\n many"),
            "AWS refused CreateChangeSet (LimitExceededException): too many",
        ),
        (aws.UnauthorizedSSOTokenError(), "the AWS credentials have expired"),
        (aws.ReadTimeoutError(endpoint_url="https://x"), "AWS cannot be reached (Read timeout"),
        (aws.ParamValidationError(report="odd\nand more"), "AWS: Parameter validation failed:"),
    ],
)
def test_an_error_of_aws_becomes_one_line_that_says_what_to_do(error: Exception, told: str) -> None:
    line = explained(error)

    assert line.startswith(told)
    assert "\n" not in line


def change(action: str = "Modify", kind: str = TABLE, **rest: Any) -> Change:
    return Change(action=action, logical_id=kind.rpartition("::")[2], kind=kind, **rest)


@pytest.mark.parametrize(
    ("item", "effect"),
    [
        (change(replacement="True"), "REPLACED"),
        (change(replacement="Conditional"), "MAY BE REPLACED"),
        (change("Remove"), "REMOVED"),
        (change("Remove", policy="Retain"), "REMOVED (the old one is kept outside of the stack)"),
        (change(kind="AWS::ApiGateway::RestApi", replacement="True"), "REPLACED"),
        (change("Remove", kind="AWS::KMS::Key"), "REMOVED"),
        (change("Remove", kind="AWS::ApiGateway::DomainName"), "REMOVED"),
        (change(kind="AWS::ApiGateway::DomainName", replacement="True"), "REPLACED"),
        (change(kind="AWS::ApiGateway::ApiKey", replacement="True"), "REPLACED"),
        (change("Remove", kind="AWS::Logs::LogGroup"), "REMOVED"),
        (change(kind="AWS::Logs::LogGroup", replacement="True"), "REPLACED"),
    ],
)
def test_what_would_be_lost_stands_out_and_has_to_be_named(item: Change, effect: str) -> None:
    assert item.effect == effect
    assert changes.unconfirmed([item], []) == [item]
    assert changes.unconfirmed([item], [item.logical_id]) == []
    first, last = changes.shown([item, change("Modify", kind="AWS::Lambda::Function")])
    assert first.startswith("    Modify  Function")
    assert last.startswith("!!")
    assert effect in last


@pytest.mark.parametrize(
    "item",
    [
        change(replacement="False"),
        change("Add"),
        change("Remove", kind="AWS::Lambda::Permission"),
        change(kind="AWS::ApiGateway::Deployment", replacement="True"),
    ],
)
def test_what_loses_nothing_needs_no_naming(item: Change) -> None:
    assert changes.unconfirmed([item], []) == []


def test_a_change_says_which_properties_it_is_about_once() -> None:
    read = Change.read(
        {
            "Action": "Modify",
            "LogicalResourceId": "APIHandler",
            "ResourceType": "AWS::Lambda::Function",
            "Replacement": "False",
            "Details": [
                {"Target": {"Attribute": "Properties", "Name": "Code"}},
                {"Target": {"Attribute": "Properties", "Name": "Code"}},
                {"Target": {"Attribute": "Tags"}},
            ],
        }
    )

    (line,) = changes.shown([read])
    assert line.endswith("AWS::Lambda::Function  Code, Tags")


def table_change(*properties: tuple[str, str]) -> Change:
    """What CloudFormation says of a table with AttributeDefinitions among what changes."""
    targets = [
        {"Attribute": "Properties", "Name": name, "RequiresRecreation": recreation}
        for name, recreation in (("AttributeDefinitions", "Conditionally"), *properties)
    ]
    return Change.read(
        {
            "Action": "Modify",
            "LogicalResourceId": "Till",
            "ResourceType": TABLE,
            "Replacement": "Conditional",
            "Details": [{"Target": target} for target in targets],
        }
    )


def attributes(**types: str) -> dict[str, Any]:
    """A template with a table of these attributes."""
    defined = [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()]
    till = {"Type": TABLE, "Properties": {"AttributeDefinitions": defined}}
    return {"Resources": {"Till": till}}


def test_a_new_index_does_not_ask_to_say_that_a_table_may_be_lost() -> None:
    change = table_change(("GlobalSecondaryIndexes", "Never"))
    assert changes.unconfirmed([change], [])

    before, after = attributes(id="S"), attributes(id="S", city="S")
    for was, now in ((before, after), (after, before)):
        (judged,) = changes.judged([change], was, now)
        assert changes.unconfirmed([judged], []) == []
        assert judged.effect == ""


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        (table_change(), attributes(id="S"), attributes(id="N")),
        (
            table_change(("KeySchema", "Conditionally")),
            attributes(id="S"),
            attributes(id="S", city="S"),
        ),
        (table_change(), {}, attributes(id="S")),
    ],
)
def test_a_table_that_may_be_replaced_stays_guarded(
    change: Change, before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert changes.unconfirmed(changes.judged([change], before, after), []) == [change]


DECLARED: dict[str, dict[str, Any]] = {
    "JwtIssuer": {"Type": "String", "AllowedPattern": "^https?://\\S+$", "Description": "Whose"},
    "Percent": {"Type": "Number", "Default": "10"},
    "Pace": {"Type": "String", "Default": "slow", "AllowedValues": ["slow", "fast"]},
}


def choose(given: dict[str, str], previous: dict[str, str]) -> list[dict[str, Any]]:
    return [item.request() for item in parameters.choose(DECLARED, given, previous, "here")]


def test_what_is_given_wins_over_what_was_and_that_over_the_default() -> None:
    assert choose({"Pace": "fast"}, {"JwtIssuer": "https://a.example", "Pace": "slow"}) == [
        {"ParameterKey": "JwtIssuer", "UsePreviousValue": True},
        {"ParameterKey": "Percent", "ParameterValue": "10"},
        {"ParameterKey": "Pace", "ParameterValue": "fast"},
    ]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "JwtIssuer is missing: Whose"),
        ({"JwtIssuer": "ftp://a.example"}, "JwtIssuer: 'ftp://a.example' does not match"),
        ({"JwtIssuer": "https://a.example\n"}, "JwtIssuer: 'https://a.example\\n' does not match"),
        ({"Percent": "ten"}, "Percent: 'ten' is no number"),
        ({"Pace": "at once"}, "Pace: 'at once' is none of slow, fast"),
        ({"Colour": "red"}, "Colour: there is no such parameter"),
    ],
)
def test_a_wrong_parameter_is_refused(given: dict[str, str], told: str) -> None:
    with pytest.raises(DeployingError) as refusal:
        choose(given, {})

    assert told in str(refusal.value)
    assert "(here)" in str(refusal.value)


@pytest.mark.parametrize("secret", ["sk_live_51abc", "whsec_abc", "rk_test_9"])
def test_a_secret_is_no_parameter_and_is_not_repeated(secret: str) -> None:
    with pytest.raises(DeployingError) as refusal:
        choose({"JwtIssuer": secret}, {})

    assert "JwtIssuer: this is a secret" in str(refusal.value)
    assert secret not in str(refusal.value)


def test_a_file_of_parameters_may_hold_lists_and_numbers(tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    path.write_text(json.dumps({"Origins": ["https://a.example", "https://b.example"], "Old": 3}))

    assert parameters.read_parameters(path, required=True) == {
        "Origins": "https://a.example,https://b.example",
        "Old": "3",
    }


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "has to hold one object"),
        ('{"Flag": true}', "Flag has to be a string"),
        ('{"List": [1]}', "List has to be a string"),
    ],
)
def test_a_file_that_is_none_of_parameters_is_refused(
    tmp_path: Path, content: str, told: str
) -> None:
    path = tmp_path / "dev.json"
    path.write_text(content)

    with pytest.raises(DeployingError, match=told):
        parameters.read_parameters(path, required=False)


def test_a_stages_own_file_may_be_absent_and_a_named_one_not(tmp_path: Path) -> None:
    absent = tmp_path / "absent.json"

    assert parameters.read_parameters(absent, required=False) == {}
    with pytest.raises(DeployingError, match="is not there"):
        parameters.read_parameters(absent, required=True)


STACK = Stack("shop", "arn:shop", "UPDATE_ROLLBACK_COMPLETE", "", {}, {}, True, MOMENT)


def failed(reason: str, logical_id: str = "Till", kind: str = TABLE) -> StackEvent:
    return StackEvent("1", MOMENT, logical_id, "", kind, "CREATE_FAILED", reason)


def test_who_failed_because_of_another_is_no_cause() -> None:
    assert failed("it is too big").is_cause
    assert not failed("Resource creation cancelled").is_cause
    assert not failed("Resource update cancelled").is_cause
    assert not failed("it failed", kind="AWS::CloudFormation::Stack").is_cause


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("User a is not authorized to perform: dynamodb:CreateTable", "lack a permission"),
        ("/aws/lambda/x already exists in stack y", "of that name is there already"),
        ("Account limit exceeded", "a quota of the account is reached"),
        ("Resource cannot be deleted, DeletionProtection is on", "take that off on purpose"),
        ("The certificate is in the wrong region", "the certificate has to be issued"),
        ("Cannot perform more than one GSI creation or deletion in an update", "one index an up"),
        ("Deployment d-1 was rolled back by an alarm", "while it was shifted in"),
        ("Rate exceeded", "run the same command again"),
    ],
)
def test_a_cause_comes_with_what_to_do(reason: str, hint: str) -> None:
    report = failure_report(STACK, [failed(reason)])

    assert f"Till ({TABLE}): {reason}" in report
    assert hint in report
    assert report.endswith("Mend that and run the same command again.")


def test_a_failure_without_a_cause_says_what_cloudformation_says() -> None:
    stuck = replace(STACK, status="UPDATE_ROLLBACK_FAILED", reason="it is stuck")

    report = failure_report(stuck, [])

    assert "it is stuck" in report
    assert "it says what the stack needs first" in report


def entry(message: str) -> LogEntry:
    at = int(MOMENT.timestamp() * 1_000) + 7
    return LogEntry("1", at, "APIHandler", message)


def line(message: str) -> str:
    shown = rendered(entry(message), 12)
    assert shown is not None
    return shown


def test_a_json_line_shows_its_level_message_and_what_else_it_says() -> None:
    shown = line(
        json.dumps(
            {
                "level": "ERROR",
                "message": "refund failed",
                "timestamp": "2027",
                "service": "events-api",
                "orderId": "01J",
                "empty": None,
                "exception": "Traceback:\n  here",
            }
        )
    )

    assert shown.split("  ", 1)[1] == (
        "APIHandler    ERROR    refund failed  orderId=01J\nTraceback:\n  here"
    )
    assert ".007  " in shown


def test_metrics_and_platform_lines_are_readable_or_left_out() -> None:
    report = {"time": "x", "type": "platform.report", "record": {"metrics": {"durationMs": 4.2}}}

    assert 'platform.report  {"metrics": {"durationMs": 4.2}}' in line(json.dumps(report))
    assert rendered(entry("START RequestId: 1 Version: 3")) is None
    assert rendered(entry("END RequestId: 1")) is None
    assert line("[1, 2]").endswith("[1, 2]")
    assert line("REPORT\tDuration").endswith("REPORT  Duration")


@pytest.mark.parametrize("message", ["a\x1b[2Jb", json.dumps({"message": "a\x1b[2Jb"})])
def test_a_stranger_cannot_paint_the_operators_terminal(message: str) -> None:
    assert line(message).endswith("a\\x1b[2Jb")
    injected = json.dumps({"message": "one\ntwo"})
    assert line(injected).endswith("one\\x0atwo")


def test_moments_are_spans_or_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.deploying.logs.time", SimpleNamespace(time=lambda: 100_000.0))

    assert moment("15m") == (100_000 - 900) * 1_000
    assert moment("1d") == (100_000 - 86_400) * 1_000
    assert moment("2027-06-15T09:00Z") == int(MOMENT.timestamp() * 1_000)
    assert moment("2027-06-15T09:00") == int(MOMENT.timestamp() * 1_000)
    with pytest.raises(DeployingError, match="a time is meant"):
        moment("15 minutes")


def test_text_is_quoted_and_patterns_are_not() -> None:
    assert pattern("") == ""
    assert pattern('order "01J-7"') == '"order \\"01J-7\\""'
    assert pattern("{ $.level = ERROR }") == "{ $.level = ERROR }"
    assert pattern("?ERROR ?WARNING") == "?ERROR ?WARNING"


class Remote:
    """A CloudFormation whose network is gone at times, and that takes its time to begin."""

    def __init__(self, outages: int = 0, states: tuple[str, ...] = ("UPDATE_COMPLETE",)) -> None:
        self.outages = outages
        self.states = list(states)
        self.state = states[0]

    def describe_stacks(self, **asked: str) -> dict[str, Any]:
        if self.outages:
            self.outages -= 1
            raise aws.EndpointConnectionError(endpoint_url="https://cloudformation.example")
        self.state = self.states.pop(0) if self.states else self.state
        stack = {
            "StackName": "shop",
            "StackId": "arn:shop",
            "StackStatus": self.state,
            "CreationTime": MOMENT,
        }
        return {"Stacks": [stack]}

    def get_paginator(self, name: str) -> "Remote":
        return self

    def paginate(self, **asked: str) -> Iterator[dict[str, Any]]:
        begun = {
            "EventId": "begun",
            "Timestamp": MOMENT,
            "LogicalResourceId": "shop",
            "ResourceType": "AWS::CloudFormation::Stack",
            "ResourceStatus": "UPDATE_IN_PROGRESS",
        }
        yield {"StackEvents": [begun] if not self.states else []}


def pass_time(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    """Let that many seconds pass at each look at the clock, and none in pauses."""
    clock = itertools.count(step=seconds)
    passing = SimpleNamespace(sleep=lambda pause: None, monotonic=lambda: next(clock))
    monkeypatch.setattr("infra.deploying.stacks.time", passing)


def test_a_network_that_is_gone_for_a_while_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pass_time(monkeypatch, seconds=1)
    told: list[str] = []

    ended = await_end(Watch(Remote(2), "arn:shop"), told.append)

    assert ended.status == "UPDATE_COMPLETE"
    assert told[:2] == ["AWS cannot be reached; what runs there goes on. Trying again"] * 2


def test_a_network_that_stays_away_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pass_time(monkeypatch, seconds=100)

    with pytest.raises(aws.EndpointConnectionError):
        await_end(Watch(Remote(1_000), "arn:shop"), lambda told: None)


def test_the_state_before_is_not_taken_for_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    pass_time(monkeypatch, seconds=1)
    states = (
        "UPDATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE",
    )

    ended = await_end(Watch(Remote(states=states), "arn:shop"), lambda told: None)

    assert ended.status == "UPDATE_ROLLBACK_COMPLETE"


def test_an_operation_that_never_shows_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pass_time(monkeypatch, seconds=10)
    never = Remote(states=("UPDATE_COMPLETE",) * 1_000)

    assert await_end(Watch(never, "arn:shop"), lambda told: None).status == "UPDATE_COMPLETE"


class Terminal:
    def __init__(self, answer: str | None) -> None:
        self.answer = answer

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return "" if self.answer is None else f"{self.answer}\n"


@pytest.mark.parametrize(("answer", "goes_on"), [("prod", True), ("yes", False), (None, False)])
def test_a_name_has_to_be_typed_exactly(
    monkeypatch: pytest.MonkeyPatch, answer: str | None, goes_on: bool
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    console = Console(yes=True)

    if goes_on:
        console.ensure_named("prod", "It goes.")
    else:
        with pytest.raises(NotConfirmed):
            console.ensure_named("prod", "It goes.")


def test_the_documents_parameters_are_the_templates() -> None:
    from infra.packaging.template import merge_template

    example = Path("docs/deploying.md").read_text().split("```json\n")[1].split("```")[0]
    given = json.loads(example)

    chosen = parameters.choose(
        merge_template("prod")["Parameters"],
        {name: v if isinstance(v, str) else ",".join(v) for name, v in given.items()},
        {},
        "docs/deploying.md",
    )
    assert given.keys() <= {item.name for item in chosen}


def test_a_release_is_another_where_anything_else_is_and_only_there() -> None:
    declared: dict[str, dict[str, Any]] = {
        **DECLARED,
        "Release": {"Type": "String", "AllowedPattern": "^[0-9a-f]{10,64}$"},
    }

    def release(package: str, given: dict[str, str], previous: dict[str, str]) -> str:
        chosen = parameters.choose(declared, given, previous, "here", package)
        (item,) = [item for item in chosen if item.name == "Release"]
        assert parameters.shown([item]) == []
        assert item.request() == {"ParameterKey": "Release", "ParameterValue": item.value}
        return item.value

    issuer = {"JwtIssuer": "https://a.example"}
    first = release("zip", issuer, {})
    assert release("zip", {}, {**issuer, "Release": first}) == first
    assert (
        len({first, release("other", issuer, {}), release("zip", {**issuer, "Percent": "9"}, {})})
        == 3
    )


def test_every_parameter_of_the_template_is_in_the_document() -> None:
    from infra.packaging.template import merge_template

    document = Path("docs/deploying.md").read_text()
    declared = merge_template("prod")["Parameters"]
    missing = [name for name in declared if f"`{name}`" not in document]
    assert set(missing) <= {"Release"}
