"""IAM policies as a Lambda authorizer returns them, and what they say of a call.

Conditions, NotAction and NotResource are refused, since this API's authorizer has no use for them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

_INVOKE: Final = "execute-api:Invoke"
_UNSUPPORTED: Final = ("Condition", "NotAction", "NotResource", "NotPrincipal")


class PolicyError(ValueError):
    """The policy document is not one API Gateway could parse."""


class Verdict(Enum):
    """What a policy says about one call. Silence is a denial, though not an explicit one."""

    ALLOWED = auto()
    DENIED = auto()
    EXPLICITLY_DENIED = auto()


@dataclass(frozen=True, slots=True)
class _Statement:
    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]

    def covers(self, method_arn: str) -> bool:
        acts = any(_matches(action.lower(), _INVOKE.lower()) for action in self.actions)
        return acts and any(_matches(resource, method_arn) for resource in self.resources)


@dataclass(frozen=True, slots=True)
class Policy:
    """A parsed policy document."""

    statements: tuple[_Statement, ...]

    def judge(self, method_arn: str) -> Verdict:
        """Explicit denial beats permission, whatever the order of the statements."""
        covering = [statement for statement in self.statements if statement.covers(method_arn)]
        if any(not statement.allows for statement in covering):
            return Verdict.EXPLICITLY_DENIED
        return Verdict.ALLOWED if covering else Verdict.DENIED


def parse(document: object) -> Policy:
    """Read a policy document from an authorizer's answer. Raises `PolicyError`."""
    if not isinstance(document, Mapping):
        raise PolicyError("policyDocument is not an object")
    statements = document.get("Statement")
    if isinstance(statements, Mapping):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise PolicyError("policyDocument has no Statement")
    return Policy(tuple(_statement(statement) for statement in statements))


def _statement(statement: object) -> _Statement:
    if not isinstance(statement, Mapping):
        raise PolicyError("a statement is not an object")
    if present := [key for key in _UNSUPPORTED if key in statement]:
        raise PolicyError(f"{present[0]} is not supported")
    effect = statement.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise PolicyError(f"Effect is {effect!r}")
    return _Statement(
        allows=effect == "Allow",
        actions=_strings(statement, "Action"),
        resources=_strings(statement, "Resource"),
    )


def _strings(statement: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = statement.get(key)
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values:
        raise PolicyError(f"{key} is missing")
    if not all(isinstance(item, str) for item in values):
        raise PolicyError(f"{key} holds something else than strings")
    return tuple(values)


def _matches(pattern: str, text: str) -> bool:
    """IAM's wildcards: `*` for any run of characters, slashes too, and `?` for any one."""
    wildcards = {"*": ".*", "?": "."}
    expression = "".join(wildcards.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(expression, text, re.DOTALL) is not None
