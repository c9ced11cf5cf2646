"""cfn-lint finds nothing in the template, before the SAM transform and after it."""

import json
from pathlib import Path
from typing import Any

from cfnlint.api import lint_file
from cfnlint.config import ManualArgs

# The transform itself puts the release in, and leaves its parameter behind.
TRANSFORMED = "Parameter Release not used."


def findings(template: Path) -> list[str]:
    return [str(match) for match in lint_file(template, ManualArgs(regions=["us-east-1"]))]


def test_the_packaged_template_is_clean(built: Path) -> None:
    assert findings(built / "sam.json") == []


def test_the_translated_template_is_clean(stack: dict[str, Any], tmp_path: Path) -> None:
    translated = tmp_path / "stack.json"
    translated.write_text(json.dumps(stack))
    found = [finding for finding in findings(translated) if TRANSFORMED not in finding]
    assert found == []


def test_a_mistake_would_be_found(sam: dict[str, Any], tmp_path: Path) -> None:
    wrong = json.loads(json.dumps(sam))
    wrong["Resources"]["StripeWebhook"]["Properties"]["Timeout"] = 9_999
    template = tmp_path / "sam.json"
    template.write_text(json.dumps(wrong))
    assert findings(template)
