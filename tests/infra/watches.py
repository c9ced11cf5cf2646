"""A stage's alarms as CloudWatch gets them: out of the translated template, with every reference
filled in by the name of what it refers to.
"""

import re
from collections.abc import Mapping
from typing import Any

from tests.infra.sam import resources
from tests.support.cloudwatch import Watch

NAMES = {
    "AWS::StackName": "shop",
    "AWS::Region": "eu-central-1",
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
}


def filled_in(value: Any, conditions: Mapping[str, bool]) -> Any:
    """Return a value of the template without intrinsic functions; AWS::NoValue is None."""
    if isinstance(value, list):
        return [filled_in(item, conditions) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"Ref": name}:
            filled: Any = None if name == "AWS::NoValue" else _name(name)
        case {"Fn::Sub": str() as text}:
            filled = re.sub(r"\$\{([\w:.]+)\}", lambda found: _name(found[1]), text)
        case {"Fn::If": [condition, then, otherwise]}:
            filled = filled_in(then if conditions[condition] else otherwise, conditions)
        case _:
            parts = {key: filled_in(item, conditions) for key, item in value.items()}
            filled = {key: item for key, item in parts.items() if item is not None}
    return filled


def _name(reference: str) -> str:
    return NAMES.get(reference, f"<{reference}>")


def watches(stack: dict[str, Any], *, email: bool = True) -> dict[str, Watch]:
    """Return the stack's alarms by what is at the end of their names."""
    found = (
        filled_in(properties, {"HasAlarmEmail": email})
        for properties in resources(stack, "AWS::CloudWatch::Alarm").values()
    )
    return {_short(one["AlarmName"]): Watch(one) for one in found if "AlarmName" in one}


def _short(name: str) -> str:
    found = re.fullmatch(r"shop-(?:page|tomorrow)-([a-z-]+)", name)
    assert found is not None, name
    return found[1]
