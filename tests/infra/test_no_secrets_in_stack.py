"""The stack as it is packaged has no secret in it, and no place for one but SSM."""

import json
import re
from typing import Any

# What a secret looks like, and what would have CloudFormation put one into the template.
SECRET = re.compile(r"(?:sk|rk|pk)_(?:test|live)_|whsec_")
RESOLVED = re.compile(r"\{\{resolve:|NoEcho", re.IGNORECASE)
SETTINGS = {"STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"}


def functions(stack: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = {
        name: item["Properties"]
        for name, item in stack["Resources"].items()
        if item["Type"] == "AWS::Lambda::Function"
    }
    assert found
    return found


def test_no_secret_is_in_the_template(sam: dict[str, Any], stack: dict[str, Any]) -> None:
    for template in (sam, stack):
        assert SECRET.search(json.dumps(template)) is None


def test_no_secret_is_given_to_the_stack(sam: dict[str, Any], stack: dict[str, Any]) -> None:
    # A parameter that is hidden when it is shown is in the functions' environment all the same.
    for template in (sam, stack):
        assert RESOLVED.search(json.dumps(template)) is None
        kinds = {item["Type"] for item in template["Parameters"].values()}
        assert not {kind for kind in kinds if kind.startswith("AWS::SSM::Parameter::Value")}


def test_functions_have_the_names_of_secrets_and_no_values(stack: dict[str, Any]) -> None:
    for function in functions(stack).values():
        environment = function.get("Environment", {}).get("Variables", {})
        assert not SETTINGS & set(environment)
        for name, value in environment.items():
            if "SECRET" in name:
                assert name.endswith("_PARAMETER")
                assert set(value) == {"Ref"}
                assert stack["Parameters"][value["Ref"]]["Default"].startswith("/")


def test_the_stack_makes_no_parameter_of_its_own(stack: dict[str, Any]) -> None:
    # CloudFormation cannot make a SecureString: one that it made would be a plain String.
    types = {item["Type"] for item in stack["Resources"].values()}
    assert not types & {"AWS::SSM::Parameter", "AWS::SecretsManager::Secret"}
