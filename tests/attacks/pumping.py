"""`python -m tests.attacks.pumping`: tries regular expressions, given as JSON on standard input,
with what makes them backtrack, and says which of them ran out of processor time.

Processor time and not the clock's: on a busy machine an expression is as fast as ever.
"""

import json
import os
import re
import resource
import sys
from collections.abc import Iterator
from re import _constants as ops
from re import _parser as parser
from typing import Any

# What takes one step a letter takes a hundredth of this; what takes a step for each pair of
# letters takes ten times as much, and what doubles with each letter does not end.
LENGTH = 50_000
SECONDS = 2
_CANDIDATES = "aZ1 -!\"'<&/.,:@=\n\u00e9\u0664\x00"
_ENDINGS = ("", "\x00", "!", "\n", "\ud7ff")
_CATEGORIES = {
    ops.CATEGORY_DIGIT: "1",
    ops.CATEGORY_SPACE: " ",
    ops.CATEGORY_WORD: "a",
    ops.CATEGORY_NOT_DIGIT: "a",
    ops.CATEGORY_NOT_SPACE: "a",
    ops.CATEGORY_NOT_WORD: "-",
}
_REPEATS = (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT)


def _members(items: Any) -> list[str]:
    """Letters of a class: one for each of its parts."""
    if items[0][0] is ops.NEGATE:
        one = re.compile(f"[{re.escape(''.join(_members(items[1:])))}]")
        return [letter for letter in _CANDIDATES if one.match(letter) is None][:3]
    found = []
    for kind, value in items:
        if kind is ops.LITERAL:
            found.append(chr(value))
        elif kind is ops.RANGE:
            found += [chr(value[0]), chr(value[1])]
        elif kind is ops.CATEGORY:
            found.append(_CATEGORIES[value])
    return found


class Pumps:
    """What a pattern's repeats repeat, and what comes before them."""

    def __init__(self, pattern: str, flags: int) -> None:
        self.repeated: set[str] = set()
        self.before: set[str] = {""}
        self._sample(parser.parse(pattern, flags))

    def _sample(self, nodes: Any) -> str:
        """Return a short text that the nodes match, and take note on the way."""
        text = ""
        for kind, value in nodes:
            self.before.add(text)
            text += self._of(kind, value)
        self.before.add(text)
        return text

    def _of(self, kind: Any, value: Any) -> str:
        if kind is ops.SUBPATTERN:
            return self._sample(value[-1])
        if kind is ops.ATOMIC_GROUP:
            return self._sample(value)
        if kind is ops.BRANCH:
            return [self._sample(branch) for branch in value[1]][-1]
        if kind in _REPEATS:
            text = self._sample(value[2])
            self.repeated.update({text, text + self._sample(value[2])})
            return text * max(int(value[0]), 1)
        return self._letter(kind, value)

    def _letter(self, kind: Any, value: Any) -> str:
        if kind is ops.LITERAL:
            return chr(value)
        if kind in {ops.NOT_LITERAL, ops.ANY}:
            return next(letter for letter in _CANDIDATES if letter != chr(value or 0))
        if kind is ops.IN:
            members = _members(value)
            self.repeated.update(members)
            return members[0]
        return ""

    def texts(self) -> Iterator[str]:
        """Long texts that nearly match."""
        for pump in sorted(self.repeated - {""}):
            for before in sorted(self.before):
                for ending in _ENDINGS:
                    yield before + pump * (LENGTH // len(pump)) + ending


def _try(pattern: str, flags: int, methods: list[str]) -> None:
    compiled = re.compile(pattern, flags)
    for text in Pumps(pattern, flags).texts():
        for method in methods:
            arguments = ("", text) if method in {"sub", "subn"} else (text,)
            getattr(compiled, method)(*arguments)


def ends_in_time(pattern: str, flags: int, methods: list[str]) -> bool:
    """Try in a process of its own, which the system ends."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        _try(pattern, flags, methods)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def main() -> None:
    """Read `{name: [pattern, flags, methods]}`, write `{name: whether it ended in time}`."""
    asked = json.load(sys.stdin)
    json.dump({name: ends_in_time(*each) for name, each in asked.items()}, sys.stdout)


if __name__ == "__main__":
    main()
