"""`make logs`: the functions' logs out of CloudWatch Logs, merged by time, once or as they come."""

import heapq
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.deploying.errors import DeployingError
from infra.deploying.log_lines import LogEntry, raw, rendered
from infra.deploying.stage import StageRun

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SPAN = re.compile(r"(?P<number>\d+)(?P<unit>[smhd])")
# What begins a pattern of CloudWatch's own ("Filter pattern syntax"); other text is looked for.
_PATTERNS = ("{", "[", '"', "?", "%")
_LOG_GROUP = "AWS::Logs::LogGroup"
# Names that people use, for the functions' logical ids.
_SHORT_NAMES = {
    "api": "APIHandler",
    "webhook": "StripeWebhook",
    "authorizer": "JwtAuthorizer",
    "timer": "Reconcile",
}
_GATEWAY = "gateway"
_FOLLOW_SECONDS = 2.0
# Lines arrive late and out of order: each look goes back so far, and forgets what it has shown.
_LATE_MILLISECONDS = 60_000


@dataclass(frozen=True, slots=True)
class Question:
    """Which entries are asked for. `since` in milliseconds since 1970."""

    since: int
    function: str | None = None
    pattern: str = ""
    raw: bool = False
    follow: bool = False


def say_logs(run: StageRun, question: Question) -> None:
    """Print the entries, and with `follow` those that come, until interrupted."""
    reader = _Reader(run.aws.client("logs"), _groups(run, question.function), question.pattern)
    earlier: dict[str, int] = {}
    since = question.since
    while True:
        found: dict[str, int] = {}
        for entry in reader.entries(since):
            found[entry.id] = entry.at
            if entry.id not in earlier:
                _say(entry, question, reader.width)
        if not question.follow:
            return
        since = max(since, _now() - _LATE_MILLISECONDS)
        earlier = {name: at for name, at in (earlier | found).items() if at >= since}
        time.sleep(_FOLLOW_SECONDS)


def moment(text: str) -> int:
    """Return the moment that is meant by `15m`, `2h`, `3d`, or an ISO time, in milliseconds."""
    span = _SPAN.fullmatch(text)
    if span:
        return _now() - int(span["number"]) * _UNITS[span["unit"]] * 1_000
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise DeployingError(
            f"SINCE={text}: a time is meant, such as 15m, 2h, 3d or 2027-06-15T09:00Z"
        ) from None
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1_000)


def pattern(text: str) -> str:
    """Return what CloudWatch takes as a filter: its own patterns as they are, other text quoted."""
    if not text or text.startswith(_PATTERNS):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@dataclass(frozen=True, slots=True)
class _Reader:
    logs: Any
    groups: Sequence[tuple[str, str]]
    pattern: str

    @property
    def width(self) -> int:
        return max((len(name) for name, _ in self.groups), default=0)

    def entries(self, since: int) -> Iterable[LogEntry]:
        """Return the entries of all groups in the order of their times."""
        streams = [self._of_group(name, group, since) for name, group in self.groups]
        return heapq.merge(*streams, key=lambda entry: entry.at)

    def _of_group(self, name: str, group: str, since: int) -> Iterator[LogEntry]:
        asked: dict[str, Any] = {"logGroupName": group, "startTime": since}
        if self.pattern:
            asked["filterPattern"] = self.pattern
        try:
            for page in self.logs.get_paginator("filter_log_events").paginate(**asked):
                yield from (_entry(name, event) for event in page["events"])
        except self.logs.exceptions.ResourceNotFoundException:
            # Somebody deleted it: there is nothing in it to show.
            return


def _entry(function: str, event: Mapping[str, Any]) -> LogEntry:
    at, message = event["timestamp"], event["message"]
    own_id = event.get("eventId") or f"{event.get('logStreamName')} {at} {message}"
    return LogEntry(own_id, at, function, message)


def _groups(run: StageRun, function: str | None) -> list[tuple[str, str]]:
    """Return the names of the stack's log groups, each with its function's."""
    stack = run.find()
    if stack is None:
        raise DeployingError(
            f"there is no stack {run.stack} in {run.aws.region}: is it another region, or stage?"
        )
    pages = run.aws.cloudformation.get_paginator("list_stack_resources").paginate(
        StackName=stack.id
    )
    names = [
        item["PhysicalResourceId"]
        for page in pages
        for item in page["StackResourceSummaries"]
        if item["ResourceType"] == _LOG_GROUP and item.get("PhysicalResourceId")
    ]
    groups = sorted((_label(stack.name, name), name) for name in names)
    if function is None:
        return groups
    wanted = _SHORT_NAMES.get(function.lower(), function).lower()
    found = [(label, name) for label, name in groups if label.lower() == wanted]
    if not found:
        known = ", ".join((*_SHORT_NAMES, *(label for label, _ in groups)))
        raise DeployingError(f"FUNCTION={function} is none of {known}")
    return found


def _label(stack: str, group: str) -> str:
    """Return whose log it is: a function's, or the gateway's, whose log has the stack's name."""
    own = group.rpartition("/")[2]
    return _GATEWAY if own == stack else own.removeprefix(f"{stack}-")


def _say(entry: LogEntry, question: Question, width: int) -> None:
    line = raw(entry) if question.raw else rendered(entry, width)
    if line is not None:
        print(line, flush=question.follow)


def _now() -> int:
    return int(time.time() * 1_000)
