"""An AWS on this machine that a stage is deployed to by the commands that people type: ministack,
which transforms SAM templates as CloudFormation does where it finds the translator.
"""

import importlib.metadata
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.deploying.__main__ import main
from infra.local.children import Children
from infra.packaging.choices import RELEASE
from tests.conftest import ENVIRONMENT
from tests.e2e.local_aws import REGION, LocalAws, start_aws

_TRANSLATOR = "aws-sam-translator"
# ministack pins its own.
_OWN = frozenset({"botocore", "jmespath", "python-dateutil", "urllib3", "six"})
_ROOT_KEY = "000000000000"
_PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Cloud:
    """A ministack, and the commands that deploy to it."""

    aws: LocalAws
    directory: Path
    key: tuple[str, str] = (_ROOT_KEY, _ROOT_KEY)

    @property
    def environment(self) -> dict[str, str]:
        """What a person's shell has: credentials, a region, and where AWS is."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("AWS_") and name not in ENVIRONMENT
        }
        return {
            **kept,
            "AWS_ENDPOINT_URL": self.aws.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": self.key[0],
            "AWS_SECRET_ACCESS_KEY": self.key[1],
            "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": str(self.directory),
            "TZ": "UTC",
        }

    def command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "infra.deploying", *map(str, arguments)]

    def run(
        self, *arguments: str | Path, **changed: str | None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in this process, without a terminal, as a process of its own would run.

        Variables that are None are taken out.
        """
        with _environment({**self.environment, **changed}), _no_terminal():
            said, told = _text(), _text()
            with redirect_stdout(said), redirect_stderr(told):
                code = main(list(map(str, arguments)))
        return subprocess.CompletedProcess(arguments, code, _written(said), _written(told))

    def process(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command as people do: a process of its own, without a terminal."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )

    def done(self, *arguments: str | Path) -> str:
        """Run a command that has to succeed; returns what it printed."""
        ended = self.run(*arguments)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def start(self, *arguments: str | Path) -> "subprocess.Popen[str]":
        """Start a command whose output is read while it runs."""
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def status(self, stack: str) -> str | None:
        client = self.aws.client("cloudformation")
        stacks = client.describe_stacks()["Stacks"]
        return next((item["StackStatus"] for item in stacks if item["StackName"] == stack), None)


@dataclass(frozen=True)
class Shop:
    """A small package and its stack: a table, functions that say what they are told, log groups."""

    stack: str
    directory: Path
    options: tuple[str, ...] = ()

    def package(
        self,
        changed: Mapping[str, Any] | None = None,
        code: str = "first",
        outputs: Mapping[str, Any] | None = None,
    ) -> Path:
        """Write the package; `changed` replaces whole resources, and takes out where it is None."""
        resources = {**_resources(), **(changed or {})}
        template = {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Transform": "AWS::Serverless-2016-10-31",
            "Parameters": PARAMETERS,
            "Conditions": {BROKEN: {"Fn::Equals": [{"Ref": "Greeting"}, "broken"]}},
            "Resources": {name: item for name, item in resources.items() if item is not None},
            "Outputs": {
                "WebhookURL": {"Value": "https://shop.example/webhook"},
                "EndpointURL": {"Value": {"Fn::Sub": "https://${Greeting}.example/"}},
                **({"TillTableName": {"Value": {"Ref": "Till"}}} if resources["Till"] else {}),
                **(outputs or {}),
            },
        }
        out = self.directory / f"{self.stack}-package"
        out.mkdir(exist_ok=True)
        (out / "sam.json").write_text(json.dumps(template))
        with zipfile.ZipFile(out / "deployment.zip", "w") as archive:
            archive.writestr(zipfile.ZipInfo("speaker.py"), _SPEAKER.format(code=code))
        return out

    def parameters(self, **values: str) -> Path:
        path = self.directory / f"{self.stack}-parameters.json"
        path.write_text(json.dumps(values))
        return path

    def deploy(self, *options: str | Path, **values: str) -> list[str | Path]:
        """The arguments that deploy what was packaged last."""
        given = values or {"JwtIssuer": "https://issuer.example"}
        return [
            *("deploy", "--stack", self.stack),
            *("--package", self.directory / f"{self.stack}-package"),
            *("--parameters", self.parameters(**given)),
            *self.options,
            *options,
        ]


PARAMETERS = {
    "JwtIssuer": {
        "Type": "String",
        "Description": "Whose tokens are taken",
        "AllowedPattern": r"^https?://[^\s,]+$",
    },
    "Greeting": {"Type": "String", "Default": "hello", "AllowedPattern": "^[a-z]+$"},
    # ministack transforms templates before it knows what the parameters are.
    "Release": {"Type": "String", "Default": "0123456789", "AllowedPattern": "^[0-9a-f]+$"},
    "Shift": {"Type": "String", "Default": "gradual", "AllowedValues": ["gradual", "at-once"]},
}
# What the greeting "broken" makes true: a parameter's change that fails.
BROKEN = "IsBroken"

_SPEAKER = """import json, sys
VERSION = {code!r}
def say(event, context):
    print(event["line"])
    return VERSION
"""


def table(key: str = "id", **changed: Any) -> dict[str, Any]:
    """A table that is kept, with another key, or other attributes of the resource."""
    return {
        "Type": "AWS::DynamoDB::Table",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
        },
        **changed,
    }


def broken() -> dict[str, Any]:
    """Resources that fail, and are there only where the greeting is "broken"."""
    return {name: {**item, "Condition": BROKEN} for name, item in gate(seconds=1).items()}


def gate(seconds: int) -> dict[str, Any]:
    """Resources that wait until somebody opens a gate, and fail when nobody does in time."""
    waiting = {"Handle": {"Ref": "Gate"}, "Timeout": str(seconds)}
    return {
        "Gate": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        "Waiting": {"Type": "AWS::CloudFormation::WaitCondition", "Properties": waiting},
    }


def _resources() -> dict[str, Any]:
    return {
        "Till": table(),
        "SpeakerLogs": log_group_of("Speaker"),
        "Speaker": function("Speaker"),
        "APIHandlerLogs": log_group_of("APIHandler"),
        "APIHandler": function("APIHandler"),
    }


def log_group_of(function: str) -> dict[str, Any]:
    properties = {"LogGroupName": {"Fn::Sub": f"/aws/lambda/${{AWS::StackName}}-{function}"}}
    return {"Type": "AWS::Logs::LogGroup", "Properties": properties}


def function(name: str, **changed: Any) -> dict[str, Any]:
    """A function that says what it is told, with other properties."""
    return {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            **changed,
            "Runtime": f"python{sys.version_info[0]}.{sys.version_info[1]}",
            "Handler": "speaker.say",
            "CodeUri": "./deployment.zip",
            "Environment": {"Variables": {"GREETING": {"Ref": "Greeting"}}},
            "LoggingConfig": {"LogGroup": {"Ref": f"{name}Logs"}},
        },
    }


@contextmanager
def _environment(variables: Mapping[str, str | None]) -> Iterator[None]:
    """Let the process have these variables and no others."""
    before = dict(os.environ)
    try:
        os.environ.clear()
        os.environ.update({name: value for name, value in variables.items() if value is not None})
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _no_terminal() -> Iterator[None]:
    before = sys.stdin
    with Path(os.devnull).open() as nothing:
        sys.stdin = nothing
        try:
            yield
        finally:
            sys.stdin = before


def _text() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8")


def _written(text: io.TextIOWrapper) -> str:
    text.seek(0)
    return text.read()


def start_cloud(directory: Path, children: Children) -> Cloud:
    """Start ministack with the SAM translator beside it, until `children` are stopped."""
    translator = directory / "translator"
    translator.mkdir()
    _link_translator(translator)
    return Cloud(start_aws(directory, children, {"PYTHONPATH": translator}), directory)


def _link_translator(directory: Path) -> None:
    """Link the translator and what it needs, so that nothing else of ours shadows ministack's."""
    for name in _needed(_TRANSLATOR, set()):
        installed = importlib.metadata.distribution(name)
        tops = {path.parts[0] for path in installed.files or ()}
        for top in tops - {"..", "__pycache__"}:
            if not top.endswith(".dist-info"):
                (directory / top).symlink_to(Path(str(installed.locate_file(top))))


def _needed(name: str, found: set[str]) -> set[str]:
    if name in found or name in _OWN:
        return found
    found.add(name)
    for text in importlib.metadata.requires(name) or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            _needed(canonicalize_name(requirement.name), found)
    return found


def fitted(package: Path, out: Path) -> Path:
    """Copy a package for ministack, whose transform does not know what the parameters are, and
    which has no firewall before a stage and no alarm on an expression.
    """
    template = json.loads((package / "sam.json").read_text())
    if RELEASE in template["Parameters"]:
        template["Parameters"][RELEASE]["Default"] = "0123456789"
    template["Resources"] = {
        name: item for name, item in template["Resources"].items() if _is_known(item)
    }
    out.mkdir()
    (out / "sam.json").write_text(json.dumps(template))
    (out / "deployment.zip").symlink_to(package.absolute() / "deployment.zip")
    return out


def _is_known(resource: Mapping[str, Any]) -> bool:
    kind = resource["Type"]
    by_expression = kind == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]
    return not by_expression and kind != "AWS::WAFv2::WebACLAssociation"
