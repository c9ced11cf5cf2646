"""An AWS on this machine for one test: ministack with all its services, and its clients."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import boto3
from botocore.config import Config

from infra.local.children import Children
from infra.packaging.gateway_responses import EXTENSION
from tests.infra.sam import CODE
from tests.support.ministack import PROGRAM, free_port

REGION = "us-east-1"
_TEMPLATE_KEY = "template.json"
# ministack knows a firewall, and has no place for one before a stage.
_UNKNOWN_TYPES = {"AWS::WAFv2::WebACLAssociation"}
_ROOT_KEY = "000000000000"
_STACK_SECONDS = 180.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class LocalAws:
    """Where ministack is."""

    url: str

    def client(self, service: str) -> Any:
        """A boto3 client that can reach nothing but ministack."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=_ROOT_KEY,
            aws_secret_access_key=_ROOT_KEY,
            config=Config(s3={"addressing_style": "path"}),
        )

    def put_secret(self, name: str, value: str) -> None:
        self.client("ssm").put_parameter(Name=name, Value=value, Type="SecureString")

    def deploy(
        self, stack: str, template: Mapping[str, Any], archive: Path, parameters: Mapping[str, str]
    ) -> dict[str, str]:
        """Deploy a translated template by a change set, as `aws cloudformation deploy` does.

        Returns the stack's outputs.
        """
        template_url = self._upload(_without_expressions(_spelled_out(template)), archive)
        cloudformation = self.client("cloudformation")
        given = [{"ParameterKey": name, "ParameterValue": v} for name, v in parameters.items()]
        cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName="first",
            ChangeSetType="CREATE",
            TemplateURL=template_url,
            Parameters=given,
            Capabilities=["CAPABILITY_IAM"],
        )
        change_set = {"StackName": stack, "ChangeSetName": "first"}
        _await(lambda: cloudformation.describe_change_set(**change_set), "CREATE_COMPLETE")
        cloudformation.execute_change_set(**change_set)
        described = _await(
            lambda: cloudformation.describe_stacks(StackName=stack)["Stacks"][0],
            "CREATE_COMPLETE",
            key="StackStatus",
        )
        return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}

    def function_logs(self) -> str:
        """What the functions wrote, for whoever looks for the cause of a failure."""
        logs = self.client("logs")
        return "\n".join(
            f"{group['logGroupName']}: {event['message'].rstrip()}"
            for group in logs.describe_log_groups()["logGroups"]
            for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
        )

    def log_lines(self) -> dict[str, list[str]]:
        """Every line that the functions wrote, by their log groups."""
        logs = self.client("logs")
        groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
        return {
            group: [
                event["message"]
                for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group)
                for event in page["events"]
            ]
            for group in groups
        }

    def _upload(self, template: Mapping[str, Any], archive: Path) -> str:
        s3 = self.client("s3")
        s3.create_bucket(Bucket=CODE["Bucket"])
        s3.upload_file(str(archive), CODE["Bucket"], CODE["Key"])
        s3.put_object(Bucket=CODE["Bucket"], Key=_TEMPLATE_KEY, Body=json.dumps(template).encode())
        return f"{self.url}/{CODE['Bucket']}/{_TEMPLATE_KEY}"

    def api_url(self, outputs: Mapping[str, str], stage: str) -> str:
        """The deployed API's address: ministack has no DNS, so the API's id is in the path."""
        return f"{self.url}/restapis/{outputs['RestAPIId']}/{stage}/_user_request_"


def start_aws(
    directory: Path, children: Children, further: Mapping[str, str | Path] = MappingProxyType({})
) -> LocalAws:
    """Run ministack with nothing in it and `further` settings, until `children` are stopped.

    Its functions inherit its environment, so it gets an empty one: a setting that the template
    forgets is missing here as it would be in Lambda. With `AUTH` it holds them to the policies of
    their roles; whoever shows the account's number as a key may do anything.
    """
    url = f"http://127.0.0.1:{(port := free_port())}"
    scratch = directory / "ministack"
    scratch.mkdir()
    settings = {
        "PATH": "/usr/bin:/bin",
        "HOME": scratch,
        "TMPDIR": scratch,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": port,
        "PERSIST_STATE": "0",
        "AUTH": "true",
        "STATE_DIR": scratch / "state",
        "S3_DATA_DIR": scratch / "s3",
        "LOG_LEVEL": "INFO",
        **further,
    }
    assignments = (f"{name}={value}" for name, value in settings.items())
    command = ["/usr/bin/env", "-i", *assignments, str(PROGRAM.absolute())]
    children.start("ministack", command, {}, f"{url}/_ministack/health")
    return LocalAws(url)


def _spelled_out(template: Mapping[str, Any]) -> dict[str, Any]:
    """Say gateway responses once more, as resources: API Gateway reads them in the API's document,
    and ministack does not.
    """
    resources = {
        name: item
        for name, item in template["Resources"].items()
        if item["Type"] not in _UNKNOWN_TYPES
    }
    (api,) = (
        name for name, item in resources.items() if item["Type"] == "AWS::ApiGateway::RestApi"
    )
    responses = {
        f"Response{kind.replace('_', '')}": {
            "Type": "AWS::ApiGateway::GatewayResponse",
            "Properties": {
                "RestApiId": {"Ref": api},
                "ResponseType": kind,
                "StatusCode": response["statusCode"],
                "ResponseParameters": response["responseParameters"],
                "ResponseTemplates": response["responseTemplates"],
            },
        }
        for kind, response in resources[api]["Properties"]["Body"][EXTENSION].items()
    }
    deployments = {
        name: {**item, "DependsOn": list(responses)}
        for name, item in resources.items()
        if item["Type"] == "AWS::ApiGateway::Deployment"
    }
    return {**template, "Resources": {**resources, **responses, **deployments}}


def _without_expressions(template: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out alarms on expressions of metrics, which ministack refuses."""
    kept = {
        name: item
        for name, item in template["Resources"].items()
        if item["Type"] != "AWS::CloudWatch::Alarm" or "Metrics" not in item["Properties"]
    }
    return {**template, "Resources": kept}


def _await(ask: Callable[[], Any], wanted: str, key: str = "Status") -> Any:
    """Ask until the answer has the wanted status; fail on any that is final and another."""
    deadline = time.monotonic() + _STACK_SECONDS
    while True:
        answer = ask()
        status = answer[key]
        if status == wanted:
            return answer
        failed = "FAILED" in status or "ROLLBACK" in status
        assert not failed, (status, answer.get("StatusReason"), answer.get("StackStatusReason"))
        assert time.monotonic() < deadline, f"still {status}"
        time.sleep(_POLL_SECONDS)
