"""Change sets: what CloudFormation would do, asked before it does it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra.deploying.changes import Change
from infra.deploying.errors import AWS_ERRORS, DeployingError, explained
from infra.deploying.parameters import Chosen
from infra.deploying.stacks import find_stack

_POLL_SECONDS = 1.0
_FIRST_POLL_SECONDS = 0.2
# A template with a transform always asks for the first, roles for the second.
_CAPABILITIES = ("CAPABILITY_AUTO_EXPAND", "CAPABILITY_IAM")
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """A change set that can be executed. `creates` where the stack holds nothing yet."""

    id: str
    stack_id: str
    creates: bool
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """The stack as it should be."""

    stack: str
    template_url: str
    parameters: Sequence[Chosen]
    creates: bool
    about: str


def create_change_set(cloudformation: Any, wish: Wish) -> ChangeSet | None:  # noqa: ANN401
    """Have the change set made; None where nothing would change.

    Raises `DeployingError` where CloudFormation finds the template wrong. Nothing is left of a
    change set that cannot be executed.
    """
    made = cloudformation.create_change_set(
        StackName=wish.stack,
        ChangeSetName=f"events-api-{time.time_ns()}",
        ChangeSetType="CREATE" if wish.creates else "UPDATE",
        TemplateURL=wish.template_url,
        Parameters=[item.request() for item in wish.parameters],
        Capabilities=list(_CAPABILITIES),
        Description=wish.about,
    )
    unread = ChangeSet(made["Id"], made["StackId"], wish.creates, ())
    try:
        described = _await(cloudformation, unread)
        if described["Status"] == "CREATE_COMPLETE":
            changes = _changes(cloudformation, unread)
            return ChangeSet(unread.id, unread.stack_id, wish.creates, changes)
    except BaseException:
        clean_up(cloudformation, unread)
        raise
    clean_up(cloudformation, unread)
    reason = described.get("StatusReason", "it does not say why")
    if any(text in reason for text in _NO_CHANGES):
        return None
    raise DeployingError(f"CloudFormation cannot make the change set: {reason}")


def clean_up(cloudformation: Any, change_set: ChangeSet) -> None:  # noqa: ANN401
    """Delete a change set, and the empty stack that was made for it.

    One that cannot be deleted is named, and harms nobody: why the command ends is what counts.
    """
    try:
        _drop(cloudformation, change_set)
    except AWS_ERRORS as error:
        print(f"left in AWS, without effect: {change_set.id} ({explained(error)})")


def _drop(cloudformation: Any, change_set: ChangeSet) -> None:  # noqa: ANN401
    cloudformation.delete_change_set(ChangeSetName=change_set.id, StackName=change_set.stack_id)
    stack = find_stack(cloudformation, change_set.stack_id) if change_set.creates else None
    if stack and stack.is_shell:
        cloudformation.delete_stack(StackName=change_set.stack_id)


def _await(cloudformation: Any, change_set: ChangeSet) -> dict[str, Any]:  # noqa: ANN401
    pause = _FIRST_POLL_SECONDS
    while True:
        described: dict[str, Any] = cloudformation.describe_change_set(
            ChangeSetName=change_set.id, StackName=change_set.stack_id
        )
        if described["Status"] in {"CREATE_COMPLETE", "FAILED"}:
            return described
        time.sleep(pause)
        pause = _POLL_SECONDS


def _changes(cloudformation: Any, change_set: ChangeSet) -> tuple[Change, ...]:  # noqa: ANN401
    pages = cloudformation.get_paginator("describe_change_set").paginate(
        ChangeSetName=change_set.id, StackName=change_set.stack_id
    )
    return tuple(
        Change.read(item["ResourceChange"])
        for page in pages
        for item in page.get("Changes", ())
        if "ResourceChange" in item
    )
