"""How far a transfer is, on standard error: a bar on a terminal, else a line now and then."""

import sys
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import NoReturn, Protocol, Self

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 5.0


class Progress(AbstractContextManager["Progress"], Protocol):
    """Shows how far it is while it is open."""

    def advance(self, count: int) -> None:
        """Count so many more as done."""
        ...

    def note(self, text: str) -> None:
        """Say something beside it."""
        ...


def show_progress(total: int, unit: str) -> Progress:
    """Return what suits where standard error goes."""
    return _Bar(total, unit) if sys.stderr.isatty() else _Lines(total, unit)


class _Bar:
    """A bar that moves on a terminal."""

    def __init__(self, total: int, unit: str) -> None:
        self._bar: tqdm[NoReturn] = tqdm(
            total=total, unit=f" {unit}", file=sys.stderr, smoothing=0.1
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()

    def advance(self, count: int) -> None:
        self._bar.update(count)

    def note(self, text: str) -> None:
        self._bar.write(text, file=sys.stderr)


class _Lines:
    """A line every few seconds, for logs."""

    def __init__(self, total: int, unit: str) -> None:
        self._total = total
        self._unit = unit
        self._done = 0
        self._told_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tell()

    def advance(self, count: int) -> None:
        self._done += count
        if time.monotonic() > self._told_at + _SECONDS_BETWEEN_LINES:
            self._tell()

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def _tell(self) -> None:
        self._told_at = time.monotonic()
        self.note(f"{self._done:,} of {self._total:,} {self._unit}")
