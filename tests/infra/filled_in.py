"""A template as CloudFormation fills it in for given parameters: conditions decided, intrinsic
functions replaced. What only AWS knows stands there as `<LogicalId>` or `<LogicalId.Attribute>`.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::AccountId": "123456789012",
    "AWS::URLSuffix": "amazonaws.com",
    # Not what the application is called: what is named after the stack must not pass for that.
    "AWS::StackName": "shop",
}
_VARIABLE = re.compile(r"\$\{([^}!]+)\}")
_NOTHING = object()


def filled_in(part: Any, conditions: Mapping[str, bool]) -> Any:
    """Return a part of any template, where it is known which conditions hold; of parameters nothing
    is, so they stand there by their names.
    """
    return FilledIn({"Parameters": {}}, {}, conditions).value(part)


class FilledIn:
    """A template with its parameters' values; those that are not given have their defaults.

    Conditions that are `decided` are not looked up in the template.
    """

    def __init__(
        self,
        template: Mapping[str, Any],
        parameters: Mapping[str, str],
        decided: Mapping[str, bool] = MappingProxyType({}),
    ) -> None:
        self._template = template
        self._decided = decided
        defaults = {
            name: declared.get("Default") for name, declared in template["Parameters"].items()
        }
        unknown = set(parameters) - set(defaults)
        assert not unknown, unknown
        self._values = {**defaults, **parameters}

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the properties of the resources of one type that there are, by logical id."""
        return {
            name: self.value(resource.get("Properties", {}))
            for name, resource in self._template["Resources"].items()
            if resource["Type"] == kind and self._exists(resource)
        }

    def one(self, kind: str) -> dict[str, Any]:
        """Return the properties of the only resource of a type."""
        (found,) = self.resources(kind).values()
        return found

    def output(self, name: str) -> str:
        """Return an output's value."""
        found: str = self.value(self._template["Outputs"][name]["Value"])
        return found

    def refusals(self) -> list[str]:
        """Return what the template's rules have against the parameters."""
        return [
            assertion["AssertDescription"]
            for rule in self._template["Rules"].values()
            if self._holds(rule["RuleCondition"])
            for assertion in rule["Assertions"]
            if not self._holds(assertion["Assert"])
        ]

    def value(self, node: Any) -> Any:
        """Return what becomes of any part of the template."""
        if isinstance(node, list):
            return [item for item in map(self._filled, node) if item is not _NOTHING]
        return self._filled(node)

    def _exists(self, resource: Mapping[str, Any]) -> bool:
        return "Condition" not in resource or self._condition(resource["Condition"])

    def _condition(self, name: str) -> bool:
        if name in self._decided:
            return self._decided[name]
        return self._holds(self._template["Conditions"][name])

    def _holds(self, expression: Any) -> bool:
        ((function, argument),) = expression.items()
        if function == "Condition":
            return self._condition(argument)
        if function == "Fn::Not":
            return not self._holds(argument[0])
        if function == "Fn::And":
            return all(self._holds(item) for item in argument)
        assert function == "Fn::Equals", function
        left, right = (self.value(item) for item in argument)
        equal: bool = left == right
        return equal

    def _filled(self, node: Any) -> Any:
        if isinstance(node, list):
            return self.value(node)
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((function, argument),) = node.items()
            if function == "Ref":
                return self._reference(argument)
            if function.startswith("Fn::"):
                return self._call(function, argument)
        filled = {key: self._filled(item) for key, item in node.items()}
        return {key: item for key, item in filled.items() if item is not _NOTHING}

    def _reference(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NOTHING
        return {**PSEUDO, **self._values}.get(name, f"<{name}>")

    def _call(self, function: str, argument: Any) -> Any:
        if function == "Fn::If":
            name, then, otherwise = argument
            return self._filled(then if self._condition(name) else otherwise)
        if function == "Fn::GetAtt":
            return f"<{'.'.join(argument)}>"
        if function == "Fn::Sub":
            return self._substituted(argument)
        if function == "Fn::Select":
            index, values = argument
            return self.value(values)[index]
        separator, text = (self._filled(item) for item in argument)
        if function == "Fn::Split":
            return text.split(separator)
        assert function == "Fn::Join", function
        return separator.join(text)

    def _substituted(self, argument: Any) -> str:
        text, local = argument if isinstance(argument, list) else (argument, {})
        names = {name: self._filled(item) for name, item in local.items()}
        return _VARIABLE.sub(
            lambda found: str(names.get(found[1]) or self._reference(found[1])), text
        )
