"""`make destroy`: takes a stage's stack down, after saying what goes with it and what stays."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.deploying.errors import DeployingError, OperationFailed
from infra.deploying.failures import failure_report
from infra.deploying.stack_stage import is_protected_table
from infra.deploying.stacks import GO_WITH_OTHERS, Stack
from infra.deploying.stage import StageRun, delete_and_await, idle_stack, say_left_behind

_KEPT = frozenset({"Retain", "RetainExceptOnCreate", "Snapshot"})
_TABLE = "AWS::DynamoDB::Table"


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the stack, by what becomes of it."""

    logical_id: str
    physical_id: str
    kind: str
    kept: bool
    protected: bool = False


def destroy(run: StageRun, bucket: str) -> None:
    """Delete the stack; raises `DeployingError` where that is not done."""
    stack = idle_stack(run)
    if stack is None:
        print(f"there is no stack {run.stack}: nothing to do")
        return
    found = _resources(run, stack)
    _show(found, bucket)
    refused = [item for item in found if item.protected and not item.kept]
    if refused:
        raise DeployingError("refused: nothing was done. " + _unprotect(refused))
    if run.dry_run:
        print("a dry run: this is what would be done, and none of it was")
        return
    _confirm(run)
    if not stack.terminable:
        run.aws.cloudformation.update_termination_protection(
            EnableTerminationProtection=False, StackName=stack.id
        )
    ended, watch = delete_and_await(run, stack)
    say_left_behind(watch)
    if not ended.is_gone:
        raise OperationFailed(failure_report(ended, watch.causes()))
    print(f"done: there is no stack {run.stack} any more")


def _confirm(run: StageRun) -> None:
    if run.is_production:
        run.console.ensure_named(run.stage, f"{run.stack} sells tickets, and will not any more.")
    else:
        run.console.ensure_yes(f"Delete {run.stack}?")


def _resources(run: StageRun, stack: Stack) -> list[Resource]:
    declared = _declared(run, stack)
    pages = run.aws.cloudformation.get_paginator("list_stack_resources").paginate(
        StackName=stack.id
    )
    summaries = [item for page in pages for item in page["StackResourceSummaries"]]
    return [
        _resource(run, item, declared.get(item["LogicalResourceId"], {}))
        for item in summaries
        if item["ResourceStatus"] != "DELETE_COMPLETE"
    ]


def _resource(run: StageRun, summary: Mapping[str, Any], declared: Mapping[str, Any]) -> Resource:
    kind = summary["ResourceType"]
    name = summary.get("PhysicalResourceId", "")
    return Resource(
        logical_id=summary["LogicalResourceId"],
        physical_id=name,
        kind=kind,
        kept=declared.get("DeletionPolicy") in _KEPT and kind not in GO_WITH_OTHERS,
        protected=kind == _TABLE and is_protected_table(run.aws.client("dynamodb"), name),
    )


def _declared(run: StageRun, stack: Stack) -> Mapping[str, Mapping[str, Any]]:
    if stack.is_shell:
        return {}
    answer = run.aws.cloudformation.get_template(StackName=stack.id, TemplateStage="Processed")
    body = answer["TemplateBody"]
    template: Mapping[str, Any] = json.loads(body) if isinstance(body, str) else body
    resources: Mapping[str, Mapping[str, Any]] = template.get("Resources", {})
    return resources


def _show(found: list[Resource], bucket: str) -> None:
    goes = [item for item in found if not item.kept]
    stays = [item for item in found if item.kept]
    print("goes:", *(f"  {item.kind}  {item.logical_id}" for item in goes), sep="\n")
    print("stays:")
    for item in stays:
        marked = " (deletion protected)" if item.protected else ""
        print(f"  {item.kind}  {item.logical_id}  {item.physical_id}{marked}")
    print(f"  AWS::S3::Bucket  {bucket}, with every package; secrets in SSM; what Stripe knows")
    for item in (item for item in stays if item.kind == _TABLE):
        print(f"to delete {item.logical_id} with all it holds, on purpose, afterwards:")
        print(_indented(_deletion(item)))


def _deletion(item: Resource) -> list[str]:
    unprotected = [_unprotection(item)] if item.protected else []
    return [*unprotected, f"aws dynamodb delete-table --table-name {item.physical_id}"]


def _unprotection(item: Resource) -> str:
    return (
        "aws dynamodb update-table --no-deletion-protection-enabled "
        f"--table-name {item.physical_id}"
    )


def _unprotect(refused: list[Resource]) -> str:
    commands = _indented([_unprotection(item) for item in refused])
    return f"Tables would go that are protected; take that off on purpose first:\n{commands}"


def _indented(lines: list[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)
