"""A log entry as a line that a person can read: JSON lines rendered, others as they are."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

# What the line shows in front, or that says nothing beside it.
_SHOWN_IN_FRONT = frozenset({"level", "message", "timestamp"})
_NOISE = frozenset(
    {
        "service",
        "xray_trace_id",
        "cold_start",
        "function_name",
        "function_memory_size",
        "function_arn",
        "location",
        "_aws",
        "logger",
    }
)
_PLATFORM_NOISE = ("START ", "END ", "INIT_START ")
_TRACES = frozenset({"exception", "stack_trace", "stackTrace"})


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A line of a function's log; `at` in milliseconds since 1970."""

    id: str
    at: int
    function: str
    message: str


def rendered(entry: LogEntry, width: int = 0) -> str | None:
    """Return an entry as one line (with a trace below it, if it has one); None for noise.

    Whatever a stranger put into a log, the terminal gets no control characters of it.
    """
    message = entry.message.rstrip()
    if message.startswith(_PLATFORM_NOISE):
        return None
    text = _text(message)
    moment = datetime.fromtimestamp(entry.at / 1000, UTC).astimezone()
    return f"{moment:%H:%M:%S}.{entry.at % 1000:03d}  {entry.function.ljust(width)}  {text}"


def raw(entry: LogEntry) -> str:
    """Return an entry's message as it is, but for the end of its line."""
    return entry.message.rstrip("\r\n")


def _text(message: str) -> str:
    try:
        line = json.loads(message)
    except ValueError:
        return _printable(message)
    if not isinstance(line, dict):
        return _printable(message)
    level = str(line.get("level", line.get("type", "")))
    said = line.get("message", line.get("record", ""))
    fields = " ".join(_fields(line))
    traces = "".join(f"\n{_printable(str(line[name]), lines=True)}" for name in _TRACES & set(line))
    head = f"{level:<7}  {_printable(_plain(said))}"
    return f"{head}  {fields}".rstrip() + traces


def _fields(line: Mapping[str, Any]) -> list[str]:
    hidden = _SHOWN_IN_FRONT | _NOISE | _TRACES | {"record", "type"}
    return [
        f"{_printable(name)}={_printable(_plain(value))}"
        for name, value in line.items()
        if name not in hidden and value not in (None, "")
    ]


def _plain(value: Any) -> str:  # noqa: ANN401 - any JSON
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _printable(text: str, *, lines: bool = False) -> str:
    kept = "\n" if lines else ""
    return "".join(
        char if char.isprintable() or char in kept else f"\\x{ord(char):02x}"
        for char in text.replace("\t", "  ")
    )
