"""What CloudFormation takes at the most ("CloudFormation quotas"), of each stage's template."""

import json
from typing import Any

from infra.packaging.access_logs import LOG

_MOST_BYTES = 1_000_000
_MOST_OF_A_KIND = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}


def test_a_template_is_as_small_as_cloudformation_takes_it(
    sam: dict[str, Any], stack: dict[str, Any]
) -> None:
    for template in (sam, stack):
        assert len(json.dumps(template, indent=2).encode()) < _MOST_BYTES
        for kind, most in _MOST_OF_A_KIND.items():
            assert len(template.get(kind, {})) < most


def test_descriptions_and_names_are_short_enough(stack: dict[str, Any]) -> None:
    assert len(stack["Description"].encode()) <= 1024
    for parameter in stack["Parameters"].values():
        assert len(parameter["Description"]) <= 4000
    names = [*stack["Resources"], *stack["Parameters"], *stack["Outputs"]]
    assert all(name.isalnum() and len(name) <= 255 for name in names)
    assert LOG in names
