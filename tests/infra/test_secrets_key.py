"""A KMS key of one's own on the secrets: who may decrypt with it, and by what."""

import json
import re
from typing import Any

from infra.packaging.secrets_key import READERS
from tests.infra.conftest import CHOSEN
from tests.infra.filled_in import FilledIn
from tests.infra.sam import resources

KEY = "arn:aws:kms:eu-central-1:123456789012:key/1a2b3c4d"


def test_without_a_key_nobody_may_decrypt_anything(stack: dict[str, Any]) -> None:
    filled = FilledIn(stack, CHOSEN)
    assert filled.resources("AWS::IAM::Policy") == {}
    assert "kms:" not in json.dumps(resources(stack, "AWS::IAM::Role"))


def test_who_reads_secrets_may_decrypt_with_that_key_by_ssm_only(stack: dict[str, Any]) -> None:
    policy = FilledIn(stack, {**CHOSEN, "SecretsKeyArn": KEY}).one("AWS::IAM::Policy")
    assert policy["Roles"] == [f"<{role}>" for role in READERS]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"], statement["Resource"]) == (
        "Allow",
        "kms:Decrypt",
        KEY,
    )
    assert statement["Condition"] == {
        "StringEquals": {"kms:ViaService": "ssm.eu-central-1.amazonaws.com"}
    }


def test_they_are_those_whose_policies_read_parameters(stack: dict[str, Any]) -> None:
    reading = [
        name
        for name, role in resources(stack, "AWS::IAM::Role").items()
        if "ssm:GetParameter" in json.dumps(role)
    ]
    assert sorted(reading) == sorted(READERS)


def test_an_alias_of_a_key_is_refused(stack: dict[str, Any]) -> None:
    """IAM knows keys by their own ARNs alone."""
    pattern = stack["Parameters"]["SecretsKeyArn"]["AllowedPattern"]
    assert re.fullmatch(pattern, KEY)
    assert re.fullmatch(pattern, "")
    assert not re.fullmatch(pattern, KEY.replace("key/", "alias/"))
