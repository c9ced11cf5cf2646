"""Threads that write lines at the same time."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from infra.local.whole_lines import WholeLines


class Parts(io.StringIO):
    """A stream that keeps what it was given, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def write(self, text: str) -> int:
        self.parts.append(text)
        return len(text)


def test_what_threads_write_at_once_stays_apart() -> None:
    parts = Parts()
    begun = threading.Barrier(4, timeout=60)

    stream = WholeLines(parts)

    def write_in_two(name: int) -> None:
        stream.write(str(name))
        # Everybody has begun a line before anybody ends theirs.
        begun.wait()
        stream.write(f"{name}\n")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write_in_two, range(4)))

    assert sorted(parts.parts) == ["00\n", "11\n", "22\n", "33\n"]


def test_lines_come_in_the_order_they_were_written() -> None:
    parts = Parts()
    stream = WholeLines(parts)

    assert [stream.write(text) for text in ("a\nb", "c", "\nd\n\n")] == [3, 1, 4]

    assert "".join(parts.parts) == "a\nbc\nd\n\n"


@pytest.mark.parametrize("terminal", [True, False])
def test_it_is_a_terminal_where_its_stream_is(
    monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    parts = Parts()
    monkeypatch.setattr(parts, "isatty", lambda: terminal)
    assert WholeLines(parts).isatty() is terminal
