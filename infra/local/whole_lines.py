"""The log of a program with threads, one whole line at a time."""

import io
import threading
from typing import TextIO


class WholeLines(io.TextIOBase):
    """A text stream that passes on a line once it ends: `print` writes a line and its end one after
    the other, and what another thread prints at the same time would come between.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._begun = threading.local()

    def write(self, text: str) -> int:
        """Write the lines that end in `text`; its rest waits for what this thread writes next."""
        lines, end, rest = (getattr(self._begun, "line", "") + text).rpartition("\n")
        self._begun.line = rest
        if end:
            with self._lock:
                self._stream.write(lines + end)
                self._stream.flush()
        return len(text)

    def isatty(self) -> bool:
        """Whether it ends at a terminal."""
        return self._stream.isatty()
