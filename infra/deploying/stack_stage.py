"""Whether a live stack is of the stage that somebody named. What asks for more in production goes
by the stage's name, and a stack may be named beside it.
"""

from collections.abc import Callable
from typing import Any

from chalicelib.adapters.secret_rules import is_production
from infra.deploying.stacks import Stack
from infra.packaging.stages import described_stage

_TABLE_OUTPUT = "TableName"
_WAY_OUT = "name its stage (STAGE=), or another stack (STACK=, which may also be exported)"


def wrong_stage(stack: Stack, stage: str, client: Callable[[str], Any]) -> str | None:
    """Return why a stack is not taken for the stage's, or None where it is.

    `client` makes a client of one of AWS's services. It is only asked of a stack that does not say
    of which stage it is: one that is protected, or has a protected table, is taken for production.
    """
    own = described_stage(stack.description)
    if own == stage:
        return None
    if own:
        return f"The stack {stack.name} is of the stage {own}, not {stage}: {_WAY_OUT}"
    if is_production(stage) or not _is_protected(stack, client):
        return None
    return (
        f"The stack {stack.name} does not say of which stage it is, and is protected, as "
        f"production is and {stage} is not: {_WAY_OUT}"
    )


def _is_protected(stack: Stack, client: Callable[[str], Any]) -> bool:
    if not stack.terminable:
        return True
    tables = [value for name, value in stack.outputs.items() if name.endswith(_TABLE_OUTPUT)]
    if not tables:
        return False
    dynamodb = client("dynamodb")
    return any(is_protected_table(dynamodb, table) for table in tables)


def is_protected_table(dynamodb: Any, table: str) -> bool:  # noqa: ANN401 - boto3 has no types
    """Tell whether a table is protected from deletion; one that is not there is not."""
    try:
        described = dynamodb.describe_table(TableName=table)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return False
    return bool(described.get("DeletionProtectionEnabled"))
