"""What requests to DynamoDB need permission for: actions on tables and indexes, as IAM has them."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from pynamodb.connection.base import Connection

from infra.packaging.stages import ROOT
from tests.conftest import TABLES
from tests.support.traffic import Call, watched

_LOGICAL_IDS: Final = {name: logical_id for logical_id, name in TABLES.items()}
# "Amazon DynamoDB transactions: how it works", IAM: each item needs the permission of its own kind.
_IN_TRANSACTIONS: Final = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}


@dataclass(frozen=True, order=True, slots=True)
class Use:
    """One action on a table, by its logical id, or on one of its indexes."""

    table: str
    index: str | None
    action: str

    def __str__(self) -> str:
        place = self.table if self.index is None else f"{self.table}/{self.index}"
        return f"{self.action} on {place}"


def uses(calls: Iterable[Call]) -> set[Use]:
    """Return what these requests need permission for."""
    return {use for call in calls for use in _uses(call)}


def held_to(policy: str, connection: Connection, handler: Callable[..., Any]) -> Callable[..., Any]:
    """Return a handler that fails where it asks for more than a policy file permits."""
    statements = json.loads((ROOT / ".chalice" / policy).read_text())["Statement"]
    allowed = permitted(statements)

    def held(*args: Any) -> Any:
        with watched(connection) as traffic:
            answer = handler(*args)
        beyond = uses(traffic.calls) - allowed
        assert not beyond, f"{policy} does not permit {', '.join(map(str, beyond))}"
        return answer

    return held


def _uses(call: Call) -> Iterator[Use]:
    body = call.body
    if "TransactItems" in body:
        for item in body["TransactItems"]:
            ((kind, parts),) = item.items()
            yield _use(parts["TableName"], _IN_TRANSACTIONS[kind])
    elif "RequestItems" in body:
        for table in body["RequestItems"]:
            yield _use(table, call.operation)
    else:
        yield _use(body["TableName"], call.operation, body.get("IndexName"))


def _use(table: str, operation: str, index: str | None = None) -> Use:
    return Use(_LOGICAL_IDS[table], index, f"dynamodb:{operation}")


def permitted(statements: Iterable[dict[str, Any]]) -> set[Use]:
    """Return what statements of a policy permit of DynamoDB: what is denied is not permitted."""
    known = list(statements)
    return _listed_uses(known, "Allow") - _listed_uses(known, "Deny")


def _listed_uses(statements: Iterable[dict[str, Any]], effect: str) -> set[Use]:
    return {
        Use(*_place(resource), action)
        for statement in statements
        if statement["Effect"] == effect
        for action in _listed(statement["Action"])
        if action.startswith("dynamodb:")
        for resource in _listed(statement["Resource"])
    }


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _place(resource: dict[str, Any]) -> tuple[str, str | None]:
    """Return the table and index that an ARN of the template names."""
    ((function, argument),) = resource.items()
    if function == "Fn::GetAtt":
        table, attribute = argument
        assert attribute == "Arn", resource
        return str(table), None
    table, _, index = argument.removeprefix("${").partition(".Arn}/index/")
    assert function == "Fn::Sub", resource
    assert index, resource
    return table, index
