"""Regular expressions that a text can make slow ("ReDoS"). They are found in the modules, not
listed here, and each is tried with texts made from its own repeats.
"""

import ast
import importlib
import json
import pkgutil
import re
import subprocess
import sys
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import chalicelib
from chalicelib.domain.html_text import plain_text
from chalicelib.domain.text import fold, query_words, words
from chalicelib.errors import InvalidInput
from chalicelib.schemas.events import EventBody
from chalicelib.schemas.reading import read_body

# So that what is tried once is not tried by each worker.
pytestmark = pytest.mark.xdist_group("expressions")

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [ROOT / "app.py", *sorted((ROOT / "chalicelib").rglob("*.py"))]


def modules() -> list[str]:
    found = pkgutil.walk_packages(chalicelib.__path__, "chalicelib.")
    return ["app", *(module.name for module in found)]


def used_methods() -> dict[str, set[str]]:
    """Which methods are called on what is bound to a name, anywhere."""
    methods: dict[str, set[str]] = defaultdict(set)
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                methods[node.value.id].add(node.attr)
    return methods


TRIED = {"match", "fullmatch", "search", "findall", "finditer", "sub", "subn", "split"}


def expressions() -> dict[str, tuple[str, int, list[str]]]:
    """Every compiled pattern of the program, with how it is used."""
    methods, found = used_methods(), {}
    for module in modules():
        for name, value in vars(importlib.import_module(module)).items():
            if isinstance(value, re.Pattern):
                used = sorted(methods[name] & TRIED - {"finditer"}) or ["search", "fullmatch"]
                found[f"{module}.{name}"] = (value.pattern, value.flags, used)
    return found


EXPRESSIONS = expressions()


def pumped(asked: dict[str, Any]) -> dict[str, bool]:
    finished = subprocess.run(
        [sys.executable, "-m", "tests.attacks.pumping"],
        input=json.dumps(asked),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, bool] = json.loads(finished.stdout)
    return result


@pytest.fixture(scope="module")
def in_time() -> dict[str, bool]:
    return pumped(EXPRESSIONS)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_no_text_makes_an_expression_slow(in_time: dict[str, bool], name: str) -> None:
    assert in_time[name]


@pytest.mark.parametrize(
    "slow",
    # Exponential, of a higher power, quadratic.
    ["(a+)+$", r"(\w+\s?)*!x", r"\s+$"],
)
def test_an_expression_that_is_slow_is_found(slow: str) -> None:
    assert pumped({"slow": [slow, 0, ["search"]]}) == {"slow": False}


def test_there_is_no_expression_but_those_that_are_tried() -> None:
    # One that is made within a function, or by name of a method of `re`, would escape.
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        made = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
        ]
        at_top = [
            node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        ]
        assert all(node in at_top for node in made if ast.unparse(node.func) != "re.escape"), path
    assert len(EXPRESSIONS) >= 25


LONG = {
    "opened tags": "<p" * 2_500,
    "tags in tags": "<b>" * 1_600,
    "lists in lists": "<ul><li>" * 600,
    "signs for less": "<" * 5_000,
    "references": "&amp;" * 1_000,
    "references of references": "&" + "amp;" * 1_200,
    "endless number": "&#" + "9" * 4_990 + ";",
    "comments": "<!--" * 1_250,
    "declarations": "<!" * 2_500,
    "quotes": "<a href='" * 500,
    "attributes": "<p " + "a=b " * 1_200 + ">",
    "line ends": "\r\n" * 2_500,
    "spaces": " " * 4_999 + "x",
    "accents": "e" + "\u0301" * 4_999,
    "Hangul": "\uac00" * 5_000,
    "ligatures": "\ufdfa" * 5_000,
    "words": "a " * 2_500,
    "one word": "a" * 5_000,
}


@pytest.mark.parametrize("kind", LONG)
def test_the_longest_description_is_read_in_no_time(kind: str) -> None:
    body = {
        "name": "x",
        "date": "2099-01-01T00:00:00Z",
        "citySlug": "london",
        "location": "x",
        "organizerName": "x",
        "price": 1,
        "description": LONG[kind],
    }
    cleaned = LONG[kind]
    # Written as HTML it may be longer than it may be.
    with suppress(InvalidInput):
        cleaned = read_body(EventBody, body).draft().description
    assert len(plain_text(cleaned)) <= len(cleaned)
    assert len(words(cleaned)) <= len(fold(cleaned))
    assert len(query_words(cleaned[:50])) <= 50
