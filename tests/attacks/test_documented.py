"""`docs/attacks.md` lists what is tried, and all of it."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs" / "attacks.md"


def test_the_page_names_every_attack_and_none_that_is_not_tried() -> None:
    tried = [
        node.name
        for path in HERE.glob("test_*.py")
        if path.name != Path(__file__).name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    named = re.findall(r"`(test_\w+)`", PAGE.read_text())
    assert sorted(named) == sorted(tried)
