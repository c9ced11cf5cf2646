"""What AWS WAF makes of a request, as far as our own statements go: which rules look at it, and
which refuse it for the marks that a managed rule group has put on it.
"""

from collections.abc import Iterable, Mapping
from typing import Any


def looks_at(rule: Mapping[str, Any], path: str) -> bool:
    """Whether a rate or a managed rule group counts or examines requests of a path."""
    (statement,) = rule["Statement"].values()
    return "ScopeDownStatement" not in statement or matches(statement["ScopeDownStatement"], path)


def matches(statement: Mapping[str, Any], path: str, labels: Iterable[str] = ()) -> bool:
    """Whether a statement matches a request with these labels."""
    ((kind, body),) = statement.items()
    if kind == "NotStatement":
        return not matches(body["Statement"], path, labels)
    if kind == "AndStatement":
        return all(matches(item, path, labels) for item in body["Statements"])
    if kind == "OrStatement":
        return any(matches(item, path, labels) for item in body["Statements"])
    if kind == "LabelMatchStatement":
        return body["Key"] in labels
    assert kind == "ByteMatchStatement", kind
    assert body["FieldToMatch"] == {"UriPath": {}}
    assert [item["Type"] for item in body["TextTransformations"]] == ["NONE"]
    if body["PositionalConstraint"] == "EXACTLY":
        exact: bool = path == body["SearchString"]
        return exact
    assert body["PositionalConstraint"] == "STARTS_WITH"
    return path.startswith(body["SearchString"])
