"""Every condition that the store's source has, by name, and the store without one of them.

A condition is what holds or not by itself: a comparison of a model's attribute, another test of it,
or a call of a function that returns conditions.
"""

import ast
import importlib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType

import pytest
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path as Attribute

from chalicelib import store

_SOURCE = Path(store.__file__).parent
# The tests that PynamoDB has beside comparisons.
_TESTS = {
    "between",
    "contains",
    "does_not_exist",
    "exists",
    "is_in",
    "is_type",
    "startswith",
}
_ALWAYS = "_always"


@cache
def conditions() -> tuple[str, ...]:
    """Return the name of every condition: module, function, and what it says; of those that a
    function says more than once, the others have a number.
    """
    return tuple(
        name
        for path in sorted(_SOURCE.glob("*.py"))
        for name, _, _ in _found(path.stem, ast.parse(path.read_text()))
    )


def take_out(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Put a condition that always holds in the place of the one of this name, until the end of the
    test. Raises `KeyError` if there is none.
    """
    module_name, _, _ = name.partition(".")
    path = _SOURCE / f"{module_name}.py"
    tree = ast.parse(path.read_text())
    places = {found: (node, scopes) for found, node, scopes in _found(module_name, tree)}
    node, scopes = places[name]
    _Without(node).visit(tree)
    without: CodeType = compile(tree, str(path), "exec", dont_inherit=True)
    module = importlib.import_module(f"chalicelib.store.{module_name}")
    always: Condition = Attribute("none").exists() | Attribute("none").does_not_exist()
    monkeypatch.setattr(module, _ALWAYS, always, raising=False)
    owner: object = module
    for scope in scopes:
        without = _code_in(without, scope)
        owner = vars(owner)[scope]
    # Whoever has imported the function has it without the condition, too.
    monkeypatch.setattr(_function(owner), "__code__", without)


def _found(module: str, tree: ast.Module) -> Iterator[tuple[str, ast.expr, tuple[str, ...]]]:
    """Yield each condition's name, where it is, and the names of the function that it is in."""
    makers = _makers()
    for scopes, function in _functions(tree):
        seen: Counter[str] = Counter()
        for node in ast.walk(function):
            if isinstance(node, ast.expr) and _is_condition(node, in_maker=function.name in makers):
                said = f"{module}.{'.'.join(scopes)}: {ast.unparse(node)}"
                seen[said] += 1
                yield said if seen[said] == 1 else f"{said} ({seen[said]})", node, scopes


def _functions(tree: ast.Module) -> Iterator[tuple[tuple[str, ...], ast.FunctionDef]]:
    for top in tree.body:
        if isinstance(top, ast.FunctionDef):
            yield (top.name,), top
        elif isinstance(top, ast.ClassDef):
            yield from (
                ((top.name, one.name), one) for one in top.body if isinstance(one, ast.FunctionDef)
            )


def _is_condition(node: ast.expr, *, in_maker: bool) -> bool:
    if isinstance(node, ast.Compare):
        # An attribute may have been given a name first.
        named = in_maker and isinstance(node.left, ast.Name) and isinstance(node.ops[0], ast.Eq)
        return named or any(map(_is_attribute, (node.left, *node.comparators)))
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute):
        return node.func.attr in _TESTS and _is_attribute(node.func.value)
    return isinstance(node.func, ast.Name) and node.func.id in _makers()


def _is_attribute(node: ast.expr) -> bool:
    """Tell whether something is an attribute of a model, or made of one: its size, say."""
    while isinstance(node, (ast.Attribute, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return isinstance(node, ast.Name) and node.id.endswith("Model")


@cache
def _makers() -> frozenset[str]:
    """Return the names of the functions that return conditions."""
    return frozenset(
        function.name
        for path in _SOURCE.glob("*.py")
        for scopes, function in _functions(ast.parse(path.read_text()))
        if function.returns is not None and ast.unparse(function.returns) == "Condition"
    )


class _Without(ast.NodeTransformer):
    """Puts the name of a condition that always holds in the place of one."""

    def __init__(self, node: ast.expr) -> None:
        self._node = node

    def visit(self, node: ast.AST) -> ast.AST:
        """Visit a part of the source."""
        if node is self._node:
            return ast.copy_location(ast.Name(_ALWAYS, ast.Load()), node)
        return self.generic_visit(node)


def _code_in(code: CodeType, name: str) -> CodeType:
    """Return the code of a class or function in that of a module or class."""
    inner = [one for one in code.co_consts if isinstance(one, CodeType) and one.co_name == name]
    (found,) = inner
    return found


def _function(owner: object) -> FunctionType:
    if isinstance(owner, (staticmethod, classmethod)):
        owner = owner.__func__
    assert isinstance(owner, FunctionType)
    return owner
