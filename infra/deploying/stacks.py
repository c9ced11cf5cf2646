"""A stack as CloudFormation knows it: its state, its events as they come, and how it ends."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from infra.deploying.errors import CONNECTION_ERRORS, is_missing_stack

_T = TypeVar("_T")

_FIRST_POLL_SECONDS = 0.5
_LONGEST_POLL_SECONDS = 5.0
_POLL_GROWTH = 1.3
_OUTAGE_SECONDS = 300.0
# How long an operation that was asked for may take to show.
_BEGIN_SECONDS = 30.0
_STACK_TYPE = "AWS::CloudFormation::Stack"
# How an operation begins; a rollback or a cleanup is a part of the one before it.
_BEGINNINGS = frozenset({"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"})
# What CloudFormation keeps and another service does not: a function's versions go with it.
GO_WITH_OTHERS = frozenset({"AWS::Lambda::Version"})
# What CloudFormation says of those that it stopped because another one failed.
_CONSEQUENCES = ("cancelled", "Initiated by parent stack")


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack's state. Parameters and outputs by their names."""

    name: str
    id: str
    status: str
    reason: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    terminable: bool
    changed: datetime
    description: str = ""

    @property
    def is_busy(self) -> bool:
        """Whether CloudFormation works on it. A stack in review only waits for its change set."""
        return self.status.endswith("_IN_PROGRESS") and not self.is_shell

    @property
    def is_gone(self) -> bool:
        """Whether it was deleted; CloudFormation still knows it by its id then."""
        return self.status == "DELETE_COMPLETE"

    @property
    def is_shell(self) -> bool:
        """Whether it holds nothing yet: made for a change set that was never executed."""
        return self.status == "REVIEW_IN_PROGRESS"


@dataclass(frozen=True, slots=True)
class StackEvent:
    """Something that happened to a resource of a stack, or to the stack."""

    id: str
    time: datetime
    logical_id: str
    physical_id: str
    kind: str
    status: str
    reason: str

    @classmethod
    def read(cls, event: Mapping[str, Any]) -> "StackEvent":
        """Read one of DescribeStackEvents."""
        return cls(
            id=event["EventId"],
            time=event["Timestamp"],
            logical_id=event["LogicalResourceId"],
            physical_id=event.get("PhysicalResourceId", ""),
            kind=event["ResourceType"],
            status=event["ResourceStatus"],
            reason=event.get("ResourceStatusReason", ""),
        )

    @property
    def is_stacks_own(self) -> bool:
        """Whether it is about the stack as a whole."""
        return self.kind == _STACK_TYPE

    @property
    def is_cause(self) -> bool:
        """Whether a resource failed by itself, and not because another one did."""
        failed = self.status.endswith("_FAILED") and not self.is_stacks_own
        return failed and not any(word in self.reason for word in _CONSEQUENCES)

    def line(self) -> str:
        """Return it as a line for a terminal."""
        about = f"{self.time.astimezone():%H:%M:%S}  {self.status:<28}  {self.logical_id}"
        return f"{about}  {self.kind}  {self.reason}".rstrip()


@dataclass(slots=True)
class Watch:
    """The events of a stack that nobody was shown yet, and all that were."""

    cloudformation: Any
    stack_id: str
    seen: set[str] = field(default_factory=set)
    shown: list[StackEvent] = field(default_factory=list)

    @classmethod
    def from_now(cls, cloudformation: Any, stack_id: str) -> "Watch":  # noqa: ANN401
        """Watch for what comes after this moment."""
        newest = next(_events(cloudformation, stack_id), None)
        return cls(cloudformation, stack_id, {newest.id} if newest else set())

    @classmethod
    def from_beginning(cls, cloudformation: Any, stack_id: str) -> "Watch":  # noqa: ANN401
        """Watch the operation that goes on, with what was already of it."""
        events = _events(cloudformation, stack_id)
        for event in events:
            if event.is_stacks_own and event.status in _BEGINNINGS:
                break
        earlier = next(events, None)
        return cls(cloudformation, stack_id, {earlier.id} if earlier else set())

    def news(self) -> list[StackEvent]:
        """Return what happened since the last call, oldest first."""
        new: list[StackEvent] = []
        for event in _events(self.cloudformation, self.stack_id):
            if event.id in self.seen:
                break
            new.append(event)
        self.seen.update(event.id for event in new)
        self.shown.extend(reversed(new))
        return new[::-1]

    @property
    def has_begun(self) -> bool:
        """Whether the operation shows in the events. Until then the state may be the one before."""
        return any(item.is_stacks_own and item.status in _BEGINNINGS for item in self.shown)

    def causes(self) -> list[StackEvent]:
        """Return the resources that failed by themselves, first ones first."""
        return [event for event in self.shown if event.is_cause]

    def left_behind(self) -> list[StackEvent]:
        """Return what is not the stack's any more and was kept."""
        return [
            event
            for event in self.shown
            if event.status == "DELETE_SKIPPED" and event.kind not in GO_WITH_OTHERS
        ]


def find_stack(cloudformation: Any, name: str) -> Stack | None:  # noqa: ANN401
    """Return a stack by its name or id; None where there is none."""
    try:
        (described,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if is_missing_stack(error):
            return None
        raise
    return Stack(
        name=described["StackName"],
        id=described["StackId"],
        status=described["StackStatus"],
        reason=described.get("StackStatusReason", ""),
        parameters={
            item["ParameterKey"]: item.get("ParameterValue", "")
            for item in described.get("Parameters", ())
        },
        outputs={item["OutputKey"]: item["OutputValue"] for item in described.get("Outputs", ())},
        terminable=not described.get("EnableTerminationProtection", False),
        changed=described.get("LastUpdatedTime") or described["CreationTime"],
        description=described.get("Description", ""),
    )


def await_end(watch: Watch, show: Callable[[str], None] = print) -> Stack:
    """Show a stack's events as they come, until CloudFormation has done with it; return it then.

    A lost network is waited for, some minutes long; raises botocore's error after that.
    """
    pause = _FIRST_POLL_SECONDS
    unbegun_until = time.monotonic() + _BEGIN_SECONDS
    while True:
        stack = _reached(lambda: find_stack(watch.cloudformation, watch.stack_id), show)
        # Asked for in this order, the last events are not missed.
        for event in _reached(watch.news, show):
            show(event.line())
        if stack is None:
            raise LookupError(watch.stack_id)
        has_begun = watch.has_begun or stack.is_gone or time.monotonic() > unbegun_until
        if has_begun and not stack.is_busy:
            return stack
        time.sleep(pause)
        pause = min(pause * _POLL_GROWTH, _LONGEST_POLL_SECONDS)


def _reached(ask: Callable[[], _T], show: Callable[[str], None]) -> _T:
    deadline = time.monotonic() + _OUTAGE_SECONDS
    while True:
        try:
            return ask()
        except CONNECTION_ERRORS:
            if time.monotonic() > deadline:
                raise
            show("AWS cannot be reached; what runs there goes on. Trying again")
            time.sleep(_LONGEST_POLL_SECONDS)


def _events(cloudformation: Any, stack_id: str) -> Iterator[StackEvent]:  # noqa: ANN401
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    for page in pages:
        yield from (StackEvent.read(event) for event in page["StackEvents"])
